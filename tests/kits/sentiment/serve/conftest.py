"""Servers of the monitor over invented news: a small one for each test, and a full one to look at."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import Row, Table, select
from starlette.testclient import TestClient

from core.serve.key import make_key
from core.store.database import reading, transaction
from kits.sentiment.config import SentimentConfig
from kits.sentiment.serve.scoring import Scoring
from kits.sentiment.serve.server import make_app
from kits.sentiment.store.schema import api_keys
from kits.sentiment.store.store import MonitorStore, open_store
from tests.databases import own_database
from tests.kits.sentiment import demo

SMALL_DAYS = 2


@dataclass(frozen=True)
class Site:
    """A server that is asked inside the test's process."""

    client: TestClient
    store: MonitorStore
    key: str

    def get(self, path: str, **options: Any) -> Any:
        """What the API answers, which must go well."""
        answer = self.client.get(path, headers=self.bearer, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str, **headers: str) -> str:
        """A page, which must be there."""
        answer = self.client.get(path, headers=self.bearer | {"accept": "text/html"} | headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, body: object) -> Any:
        """The answer to a request that changes something."""
        return self.client.post(path, json=body, headers=self.bearer)

    @property
    def bearer(self) -> dict[str, str]:
        """The key, as a program sends it."""
        return {"authorization": f"Bearer {self.key}"}

    def rows(self, table: Table) -> list[Row[Any]]:
        """What stands in a table."""
        with reading(self.store.engine) as connection:
            return list(connection.execute(select(table)))


class Teller:
    """A stream of server-sent events, read one by one on a real socket."""

    def __init__(self, address: str, key: str, last: str = "") -> None:
        parts = urlsplit(address)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=15)
        self._connection.request("GET", "/events", headers={"authorization": f"Bearer {key}", "last-event-id": last})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200

    def next(self) -> tuple[str, str, Any]:
        """Name, id and data of the next event; of the end an empty name."""
        told = {"event": "", "id": "", "data": "null"}
        while line := self._answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name in told:
                told[name] = value
            elif not name and told["event"]:
                break
        return told["event"], told["id"], json.loads(told["data"])

    def until(self, name: str) -> tuple[str, Any]:
        """Id and data of the next event of a name, ``""`` for the end; that numbers changed is told now and then."""
        while (told := self.next())[0] != name:
            assert told[0] == "change", told
        return told[1:]

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *given: object) -> None:
        self._answer.close()
        self._connection.close()


def open_site(url: str, days: int, scoring: Scoring | None = None) -> tuple[FastAPI, MonitorStore, str]:
    """A server over invented news that ends now; no days: an empty one."""
    store = open_store(url)
    if days:
        demo.fill(store.engine, datetime.now(UTC).replace(microsecond=0), days)
    with transaction(store.engine) as connection:
        key = make_key(connection, api_keys, "ann", ["admin"], datetime.now(UTC))
    return make_app(store, SentimentConfig(), scoring=scoring), store, key


@pytest.fixture
def site(database: str) -> Iterator[Site]:
    """Two days of news, on SQLite and on PostgreSQL."""
    app, store, key = open_site(database, SMALL_DAYS)
    with TestClient(app, follow_redirects=False) as client:
        yield Site(client, store, key)
    store.engine.dispose()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Site]:
    """A monitor that has never run."""
    app, store, key = open_site(f"sqlite:///{tmp_path / 'empty.db'}", 0)
    with TestClient(app, follow_redirects=False) as client:
        yield Site(client, store, key)
    store.engine.dispose()


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four weeks of news, only to be read."""
    with own_database(request.param, tmp_path_factory.mktemp("full")) as url:
        app, store, key = open_site(url, demo.DAYS)
        with TestClient(app, follow_redirects=False) as client:
            yield Site(client, store, key)
        store.engine.dispose()
