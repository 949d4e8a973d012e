"""The verb ``serve``: the API and the page over a model and a database."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

from core.config import StoreConfig
from core.errors import ConfigError
from core.serve.app import Site, create_app
from core.serve.page import Pages
from core.serve.processes import count_cores
from core.serve.signin import Link
from core.serve.start import serve
from kits.recommender.config import RecommenderConfig, read_config
from kits.recommender.live.living import Living
from kits.recommender.model.recommender import Recommender
from kits.recommender.serve import read, site, write
from kits.recommender.serve.desk import Desk
from kits.recommender.serve.keeper import Keeper
from kits.recommender.serve.texts import TEXTS, TITLE
from kits.recommender.store.schema import api_keys
from kits.recommender.store.store import RecommenderStore, open_store

PAGES = Path(__file__).parents[1] / "pages"


def make_app(living: Living, settings: RecommenderConfig, *, link: Link | None = None) -> FastAPI:
    """Put the server together.

    Args:
        living: The recommender and its store.
        settings: Of lists, buckets and the server.
        link: The way in before there is a key.
    """
    pages = Pages(PAGES, TEXTS, TITLE, site.HELPERS)
    keeper = Keeper(living, settings.store.retention_days, is_one_of_many=settings.serve.processes > 1)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keeper.start()
        yield
        keeper.stop()

    app = create_app(
        Site(
            name="recommender",
            version="1",
            engine=living.store.engine,
            keys=api_keys,
            settings=settings.serve,
            pages=pages,
            routers=(read.router, write.router, site.router),
            lifespan=lifespan,
            checks={"database": living.store.wanted_model},
            link=link,
        )
    )
    own = max(1, count_cores() // settings.serve.processes)
    app.state.desk = Desk(living, settings, pages, keeper, threading.Semaphore(own), own)
    return app


def run(
    *,
    model: Path | None = None,
    store: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> None:
    """The verb: serve until stopped.

    Raises:
        ConfigError: The settings are wrong, or no model is named and none served before.
        ModelError: The model cannot be loaded.
        ServeError: The address is taken, or open to others without a key.
        StoreError: The database cannot be reached.
    """
    settings = read_config(config=config, set=set, seed=seed)
    if store is not None:
        settings = settings.model_copy(update={"store": StoreConfig(url=store)})
    opened = open_store(settings.store.url)
    folder = _choose_model(opened, model)

    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        recommender = Recommender.load(folder)
        own = settings
        if config is None:  # how lists are made was settled when the model was trained
            own = recommender.config.model_copy(update=_asked(settings, set))
        living = Living(opened, recommender)
        if opened.active_model() != str(folder):
            opened.activate_model(str(folder), living.version, datetime.now(UTC))
        return make_app(living, own, link=link), _nothing

    serve(opened.engine, api_keys, settings.serve, build, processes=settings.serve.processes)


async def _nothing() -> None:
    """There are no streams to be ended."""


def _asked(settings: RecommenderConfig, given: list[str] | None) -> dict[str, object]:
    """The sections that were set for this start, and those that are of the machine, not of the model."""
    sections = {"store", "serve"} | {item.partition(".")[0] for item in given or ()}
    return {name: getattr(settings, name) for name in sections if name in RecommenderConfig.model_fields}


def _choose_model(store: RecommenderStore, model: Path | None) -> Path:
    if model is not None:
        return model.resolve()
    folder = store.active_model()
    if folder is None:
        raise ConfigError("no model served here before", where="--model", fix="name one: --model DIR")
    return Path(folder)
