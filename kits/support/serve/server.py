"""The verb ``serve``: the API and the pages of an assistant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from core.config import ServeConfig
from core.serve.app import Site, create_app
from core.serve.events import Pulse
from core.serve.log import log
from core.serve.page import Pages
from core.serve.signin import Link
from core.serve.start import serve
from core.store.database import reading
from kits.support.assistant.talk import Assistant
from kits.support.assistant.voices import open_assistant_store, read_settings
from kits.support.channel.send import open_deliverer
from kits.support.serve import channels, chat, forms, people, shelves, site
from kits.support.serve.front import Front, make_batcher, read_version
from kits.support.serve.inbox import Inbox
from kits.support.serve.texts import TEXTS, TITLE
from kits.support.store.schema import api_keys, changes

PAGES = Path(__file__).parents[1] / "pages"
FOLLOW_SECONDS = 2.0
SWEEP_SECONDS = 3600.0


def make_app(assistant: Assistant, settings: ServeConfig, link: Link | None = None) -> FastAPI:
    """Put the assistant's server together.

    Args:
        assistant: Who answers.
        settings: Address and limits.
        link: The way in before there is a key.

    Raises:
        ConfigError: A channel's address or secret is none.
    """
    pages = Pages(PAGES, TEXTS, TITLE)
    pulse = Pulse(partial(read_version, assistant), 0.5)
    store, ways = assistant.store, {channel.name: channel for channel in assistant.settings.channels}
    deliverer = open_deliverer(store, assistant.settings)
    batcher = make_batcher(assistant, deliverer.wake)
    inbox = Inbox(store, batcher, [name for name, channel in ways.items() if channel.kind == "slack"])

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with batcher:
            tasks = [asyncio.create_task(_repeat(work, seconds)) for work, seconds in (
                (assistant.follow, FOLLOW_SECONDS), (partial(sweep, assistant), SWEEP_SECONDS)
            )]  # fmt: skip
            tasks += [asyncio.create_task(inbox.run()), asyncio.create_task(_warm(assistant))]
            await run_in_threadpool(deliverer.start)
            yield
            for task in tasks:
                task.cancel()
        await run_in_threadpool(deliverer.stop)

    app = create_app(
        Site(
            name="support",
            version="1",
            engine=assistant.store.engine,
            keys=api_keys,
            settings=settings,
            pages=pages,
            routers=(chat.router, people.router, channels.router, shelves.router, site.router, forms.router),
            lifespan=lifespan,
            checks={"database": partial(_look, assistant)},
            streams=frozenset({chat.EVENTS}),
            open_paths=frozenset(channels.name_path(name) for name in ways),
            link=link,
        )
    )
    app.state.front = Front(assistant, batcher, pages, pulse, deliverer.wake)
    app.state.channels = channels.Channels(ways, channels.read_secrets(ways), deliverer, inbox)
    return app


def run(
    *,
    assistant: Path,
    store: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> None:
    """The verb: serve until stopped.

    Raises:
        KitError: The assistant cannot be opened.
        ServeError: The address is taken, or open to others without a key.
    """
    settings = read_settings(assistant, config=config, set=set, store=store, seed=seed)
    opened = open_assistant_store(assistant, settings)

    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        app = make_app(Assistant.open(assistant, opened, settings), settings.serve, link)
        return app, app.state.front.pulse.stop

    serve(opened.engine, api_keys, settings.serve, build, processes=settings.serve.processes)


def sweep(assistant: Assistant) -> int:
    """Delete conversations that are older than they may be; returns how many went."""
    before = datetime.now(UTC) - timedelta(days=assistant.settings.store.retention_days)
    deleted = 0
    while found := assistant.store.delete_old(before):
        deleted += found
    return deleted


async def _repeat(work: Any, seconds: float) -> None:
    """Do something now and then; a failure is told, and tried again."""
    while True:
        try:
            await run_in_threadpool(work)
        except Exception as error:
            log("cannot keep up", error=error)
        await asyncio.sleep(seconds)


async def _warm(assistant: Assistant) -> None:
    """Read what may be quoted, while already answering; between two steps it can be stopped."""
    steps = assistant.warm()
    try:
        while await run_in_threadpool(next, steps, None) is not None:
            pass
    except Exception as error:  # then it is read when it is asked for
        log("cannot read ahead", error=error)


def _look(assistant: Assistant) -> None:
    """Fails when the database does not answer."""
    with reading(assistant.store.engine) as connection:
        connection.execute(select(changes.c.last)).first()
