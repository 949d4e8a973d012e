"""What the monitor keeps, as files: whole, of one moment, and without formulas."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from core.store.database import reading
from kits.sentiment.store.export import EXPORTED
from kits.sentiment.store.store import MonitorStore, open_store
from tests.kits.sentiment.command import call, succeed
from tests.kits.sentiment.monitor.test_ledger import ITEMS, deliver, open_ledger

FORMULA = '=HYPERLINK("http://evil.example","click")'


@pytest.fixture
def store(database: str) -> Iterator[MonitorStore]:
    store = open_store(database)
    spiteful = replace(ITEMS[0], title=FORMULA, source="+1+1", body="@SUM(A1)")
    open_ledger(store).take_in([deliver([spiteful, replace(ITEMS[1], title="央行降息，\"双降\"\t来了"), *ITEMS[2:]])])
    yield store
    store.engine.dispose()


def counts(store: MonitorStore) -> dict[str, int]:
    with reading(store.engine) as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in EXPORTED}


def test_every_row_is_there_and_no_cell_is_a_formula(store: MonitorStore, database: str, tmp_path: Path) -> None:
    result = succeed("export", "--store", database, "--out", tmp_path / "out", "--format", "csv", "--json").result
    assert {Path(name).stem: rows for name, rows in result["rows"].items()} == counts(store)
    for path in (tmp_path / "out").iterdir():
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == counts(store)[path.stem]
        assert all(not cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row.values())
    with (tmp_path / "out" / "items.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second, *_ = sorted(csv.DictReader(file), key=lambda row: int(row["number"]))
    assert (first["title"], first["source"], first["body"]) == (f"'{FORMULA}", "'+1+1", "'@SUM(A1)")
    assert second["title"] == "央行降息，\"双降\"\t来了"


def test_parquet_keeps_types_and_times(store: MonitorStore, database: str, tmp_path: Path) -> None:
    succeed("export", "--store", database, "--out", tmp_path / "out", "--json")
    table = pq.read_table(tmp_path / "out" / "items.parquet")
    found = {row["key"]: row for row in table.to_pylist()}
    assert len(found) == len(ITEMS)
    assert found[ITEMS[0].key]["title"] == FORMULA  # it is no spreadsheet's
    assert found[ITEMS[5].key]["event_at"] == ITEMS[5].event_at
    scores = pq.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    assert isinstance(scores[0]["negative"], float)
    assert isinstance(json.loads(scores[0]["topics"]), dict)


def test_empty_tables_have_their_columns(database: str, tmp_path: Path) -> None:
    open_store(database).engine.dispose()
    succeed("export", "--store", database, "--out", tmp_path / "out", "--json")
    for table in EXPORTED:
        assert pq.read_table(tmp_path / "out" / f"{table.name}.parquet").column_names == list(table.columns.keys())


@pytest.mark.parametrize(
    ("options", "match"), [(("--format", "xlsx"), "--format"), (("--out", __file__), "expected a folder")]
)
def test_what_is_wrong_is_refused(tmp_path: Path, options: tuple[str, str], match: str) -> None:
    store = f"sqlite:///{tmp_path / 'monitor.db'}"
    outcome = call("export", "--store", store, *(() if "--out" in options else ("--out", tmp_path / "x")), *options)
    assert outcome.code == 2
    assert match in outcome.error
