"""The verb ``serve``: the API and the page, and with ``--source`` the monitor in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select

from core.config import StoreConfig
from core.errors import ConfigError
from core.serve.app import Site, create_app
from core.serve.events import Pulse
from core.serve.log import log
from core.serve.page import Pages
from core.serve.signin import Link
from core.serve.start import serve
from core.store.database import reading
from kits.sentiment.config import SentimentConfig, read_config
from kits.sentiment.monitor.process import Monitor, open_monitor
from kits.sentiment.monitor.shadow import window_shape
from kits.sentiment.monitor.start import read_settings
from kits.sentiment.serve import forms, live, read, site, write
from kits.sentiment.serve.desk import Baseline, Desk
from kits.sentiment.serve.gauges import MonitorGauges
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.serve.texts import TEXTS, TITLE
from kits.sentiment.store.schema import api_keys, writer
from kits.sentiment.store.store import MonitorStore, open_store
from kits.sentiment.view.now import read_version

PAGES = Path(__file__).parents[1] / "pages"
STOP_SECONDS = 30.0


class MonitorThread:
    """The monitor beside the server; when it fails, the server is to end too.

    Args:
        monitor: What is run.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._thread = Thread(target=self._run, name="monitor", daemon=True)
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to take items in."""
        self._thread.start()

    def goes_on(self) -> bool:
        """Whether it has not failed."""
        return self.error is None

    def stop(self) -> None:
        """Let it finish the transaction it is in."""
        self._monitor.stop()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            self._monitor.run()
        except Exception as error:
            self.error = error
            log("the monitor has failed", error=error)


def make_app(
    store: MonitorStore,
    settings: SentimentConfig,
    *,
    scoring: Scoring | None = None,
    monitor: MonitorThread | None = None,
    link: Link | None = None,
) -> FastAPI:
    """Put the monitor's server together.

    Args:
        store: Its tables.
        settings: As the monitor has them.
        scoring: The model that answers here; None: scores and words are not to be had.
        monitor: Run beside the server; None: it runs elsewhere.
        link: The way in before there is a key.
    """
    pages = Pages(PAGES, TEXTS, TITLE, site.HELPERS)
    pulse = Pulse(partial(_read_version, store))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with nullcontext() if scoring is None else scoring.running():
            if monitor is not None:
                monitor.start()
            yield
            if monitor is not None:
                monitor.stop()

    app = create_app(
        Site(
            name="sentiment",
            version="1",
            engine=store.engine,
            keys=api_keys,
            settings=settings.serve,
            pages=pages,
            routers=(read.router, write.router, live.router, site.router, forms.router),
            lifespan=lifespan,
            checks={"database": partial(_look, store)},
            streams=frozenset({live.PATH}),
            link=link,
            gauges=(MonitorGauges(store),),
        )
    )
    app.state.desk = Desk(store, settings, pages, Baseline(settings), pulse, scoring)
    return app


def run(
    *,
    model: Path | None = None,
    store: str | None = None,
    source: list[str] | None = None,
    notify: list[str] | None = None,
    map: list[str] | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> None:
    """The verb: serve until stopped, and with ``--source`` take items in, too.

    Raises:
        ConfigError: The settings or options are wrong, or the address is open to others without a key.
        ModelError: The model cannot be loaded.
        ServeError: The address is taken, or not of this machine.
        StoreError: The database cannot be reached, or the monitor cannot go on.
    """
    if model is None and (source or notify):
        raise ConfigError("a monitor needs a model", where="--source", fix="name it: --model DIR")
    settings = _settings(model, store, notify, config=config, set=set, seed=seed, map=map)
    opened = open_store(settings.store.url)
    with reading(opened.engine) as connection:
        shape = connection.execute(select(writer.c.shape)).scalar()
    if not source and shape not in (None, window_shape(settings)):
        fix = "give the monitor's settings here, too"
        raise ConfigError("the monitor counts other windows", where="surge.window", expected=shape or "", fix=fix)
    monitor = MonitorThread(open_monitor(settings, model, source)) if model is not None and source else None

    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        scoring = None if model is None else Scoring.load(model)
        app = make_app(opened, settings, scoring=scoring, monitor=monitor, link=link)
        return app, app.state.desk.pulse.stop

    serve(opened.engine, api_keys, settings.serve, build, lambda: monitor is None or monitor.goes_on())
    if monitor is not None and monitor.error is not None:
        raise monitor.error


def _settings(model: Path | None, store: str | None, notify: list[str] | None, **options: Any) -> SentimentConfig:
    """The monitor's settings: the model's own first, if there is one."""
    if model is not None:
        return read_settings(model, store, notify, **options)
    settings = read_config(**options)
    return settings if store is None else settings.model_copy(update={"store": StoreConfig(url=store)})


def _read_version(store: MonitorStore) -> tuple[object, ...]:
    with reading(store.engine) as connection:
        return read_version(connection)


def _look(store: MonitorStore) -> None:
    """Fails when the database does not answer."""
    with reading(store.engine) as connection:
        connection.execute(select(writer.c.epoch)).first()
