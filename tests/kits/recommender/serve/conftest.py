"""Servers over the small shop, asked inside the test's process; and one over the sample data, for the page."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from fastapi import FastAPI
from pyarrow import compute, parquet
from starlette.testclient import TestClient

from core.model.latent import fit_latent
from core.serve.key import make_key
from core.store.database import transaction
from kits.recommender.config import DiversifyConfig, ExperimentConfig, RecommenderConfig
from kits.recommender.event import Event, Item
from kits.recommender.live.living import Living
from kits.recommender.model.recommender import Recommender
from kits.recommender.model.tower import plain_tower
from kits.recommender.serve.server import make_app
from kits.recommender.state.catalog import Catalog
from kits.recommender.store.schema import api_keys
from kits.recommender.store.store import open_store
from tests.kits.recommender.shop import make_recommender

SAMPLE = Path(__file__).parents[4] / "sample_data" / "recommender"
SETTINGS = RecommenderConfig(
    diversify=DiversifyConfig(explore_slots=1),
    experiment=ExperimentConfig(name="variety", buckets={"old": 0.5, "new": 0.5}, trade_off={"new": 0.6}),
)


@dataclass(frozen=True)
class Shop:
    """A server that is asked inside the test's process."""

    client: TestClient
    living: Living
    key: str

    @property
    def bearer(self) -> dict[str, str]:
        """The key, as a program sends it."""
        return {"authorization": f"Bearer {self.key}"}

    def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """The answer to a request, as JSON."""
        answer = self.client.request(method, path, headers=self.bearer, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def page(self, path: str, **headers: str) -> str:
        """A page, which must be there."""
        answer = self.client.get(path, headers=self.bearer | {"accept": "text/html"} | headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    @property
    def app(self) -> Any:
        """The application."""
        return self.client.app


def open_app(address: str, recommender: Recommender) -> tuple[FastAPI, Living, str]:
    """A server over a database, with a key that may do everything."""
    living = Living(open_store(address), recommender)
    with transaction(living.store.engine) as connection:
        key = make_key(connection, api_keys, "ann", ["admin"], datetime.now(UTC))
    return make_app(living, SETTINGS), living, key


def open_shop(address: str, recommender: Recommender) -> Iterator[Shop]:
    app, living, key = open_app(address, recommender)
    with TestClient(app, follow_redirects=False) as client:
        yield Shop(client, living, key)
    living.store.engine.dispose()


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    """Eighty items and no user, on SQLite and PostgreSQL."""
    yield from open_shop(database, make_recommender())


def sample_recommender(days: float = 10.0) -> Recommender:
    """The sample data as it is known at its end, by n-grams: all items, and what was done in the last days."""
    with (SAMPLE / "items.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = parquet.read_table(SAMPLE / "events.parquet")
    end = compute.max(table["at"]).as_py()
    is_late = compute.greater(table["at"], pyarrow.scalar(end - timedelta(days=days), table["at"].type))
    happened = table.filter(compute.and_(is_late, compute.not_equal(table["event"], "show"))).to_pydict()
    ahead = datetime.now(UTC) - end - timedelta(minutes=1)  # as if it had just happened
    items = [
        Item(
            row["item_id"], row["title"], row["description"], tuple(filter(None, row["tags"].split(";"))),
            row["category"], datetime.fromisoformat(row["published_at"]) + ahead, row["author"],
        )
        for row in rows
    ]  # fmt: skip
    encoder = fit_latent([item.text for item in items], 128)
    texts = encoder.encode([item.text for item in items])
    recommender = Recommender(
        RecommenderConfig(), Catalog(items), encoder, plain_tower(texts.shape[1], 30), texts=texts, version="sample"
    )
    names = ("user_id", "item_id", "event", "at", "position")
    for user, item, kind, at, position in zip(*(happened[name] for name in names), strict=True):
        recommender.observe(Event(user, item, kind, at + ahead, None, position))
    return recommender


@pytest.fixture(scope="package")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The sample data, only to be read."""
    yield from open_shop(f"sqlite:///{tmp_path_factory.mktemp('sample') / 'shop.db'}", sample_recommender())
