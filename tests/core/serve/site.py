"""A small server of no kit in particular: what all kits have, around a few routes that tests steer."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException
from sqlalchemy import Column, Engine, MetaData, String, Table, Text
from starlette.responses import Response

from core.config import ServeConfig
from core.errors import DataError
from core.serve.app import Site, create_app
from core.serve.auth import needs
from core.serve.events import Event, Pulse, event_response
from core.serve.key import make_key
from core.serve.listen import GracefulServer, bind, make_server, show_url
from core.serve.page import Pages
from core.serve.signin import Link
from core.store.column import Json, UtcTime
from core.store.database import open_database, transaction

ORIGIN = "http://testserver"

metadata = MetaData()
keys = Table(
    "api_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
)


@dataclass
class Steered:
    """What tests do to the routes: let ``/slow`` go on, change what ``/events`` watches and says."""

    go: threading.Event
    begun: threading.Semaphore
    version: int = 0
    filler: str = ""


def open_tables(folder: Path) -> Engine:
    """A database with the table of keys alone."""
    engine = open_database(f"sqlite:///{folder / 'site.db'}")
    with transaction(engine) as connection:
        metadata.create_all(connection)  # unless they are there
    return engine


def add_key(engine: Engine, name: str = "ann", *scopes: str, until: datetime | None = None) -> str:
    """A key, with the scopes ``read`` and ``write`` if none is named."""
    with transaction(engine) as connection:
        return make_key(connection, keys, name, scopes or ("read", "write"), datetime.now(UTC), until)


def make_app(
    folder: Path,
    settings: ServeConfig | None = None,
    link: Link | None = None,
    checks: Mapping[str, Callable[[], object]] | None = None,
) -> tuple[FastAPI, Engine, Steered]:
    """The server, its database, and the handle on its routes."""
    engine = open_tables(folder)
    pages = folder / "pages"
    pages.mkdir(exist_ok=True)
    steered = Steered(threading.Event(), threading.Semaphore(0))
    pulse = Pulse(lambda: steered.version, seconds=0.02)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(
        Site(
            name="tiny",
            version="1",
            engine=engine,
            keys=keys,
            settings=settings or ServeConfig(),
            pages=Pages(pages, {}, ("Tiny", "小")),
            routers=(_routes(steered, pulse),),
            lifespan=lifespan,
            checks=checks or {},
            streams=frozenset({"/events"}),
            link=link,
        )
    )
    app.state.pulse = pulse
    return app, engine, steered


def _routes(steered: Steered, pulse: Pulse) -> APIRouter:
    router = APIRouter()

    @router.get("/read")
    def read() -> dict[str, str]:
        return {"said": "hello"}

    @router.post("/write")
    def write(body: dict[str, str]) -> dict[str, int]:
        return {"bytes": sum(map(len, body.values()))}

    @router.post("/ask")
    @needs("read")
    def ask() -> None:
        return None

    @router.post("/rule")
    @needs("admin")
    def rule() -> None:
        return None

    @router.get("/slow")
    def slow() -> str:
        steered.begun.release()
        steered.go.wait(20)
        return "done"

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret of the house")

    @router.get("/wrong")
    def wrong() -> None:
        raise DataError("no such thing", where="here", got=3, expected="4")

    @router.get("/gone")
    def gone() -> None:
        raise HTTPException(404, "it is not here")

    @router.get("/events", response_class=Response)
    def events() -> Response:
        async def tell() -> AsyncIterator[Event | None]:
            async for is_changed in pulse.changes(0.05):
                said = {"is": steered.version, "filler": steered.filler}
                yield Event("version", said, str(steered.version)) if is_changed else None

        return event_response(tell())

    return router


@contextmanager
def running(app: FastAPI, settings: ServeConfig, pulse: Pulse | None = None) -> Iterator[tuple[str, GracefulServer]]:
    """A server on a real socket, as ``run_server`` runs it, but on a thread of the test's process."""
    listener = bind(settings)
    server = make_server(app, settings, (pulse or app.state.pulse).stop, lambda: True)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    try:
        yield show_url(listener), server
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
