from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from core.data.write import write_rows
from core.errors import ConfigError, DataError
from kits.recommender.config import read_config
from kits.recommender.data import check, load
from kits.recommender.log.audit import audit_log

ITEMS = """sku,name,genres,section,published,in_stock
a,The harbour,sea;boats,nature,2026-01-01,yes
b,The comet,sky,nature,2026-03-01,no
,No key,,,,
a,Twice,,,,
c,,,,2026-01-01,maybe
d,,,,,
"""
EVENTS = """visitor_id,sku,action,time,rank
u1,a,buy,2026-02-01T10:00:00Z,1
u1,b,click,2026-02-01T10:01:00Z,
u2,a,shown,2026-02-02T10:00:00Z,2
u2,d,click,2026-02-02T10:00:00Z,x
u2,zz,click,2026-02-02T10:00:00Z,
u3,a,poke,2026-02-02T10:00:00Z,
,a,click,2026-02-02T10:00:00Z,
u3,a,click,yesterday,
u3,d,不喜欢,2026-02-03T10:00:00Z,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "items.csv").write_text(ITEMS, encoding="utf-8")
    (tmp_path / "events.csv").write_text(EVENTS, encoding="utf-8")
    return tmp_path


def test_columns_and_kinds_are_found_by_what_companies_call_them(folder: Path) -> None:
    log = load(read_config(data=[str(folder)]))
    assert [(event.user_id, event.item_id, event.kind) for event in log.events] == [
        ("u1", "a", "purchase"),
        ("u1", "b", "click"),
        ("u3", "d", "dislike"),
    ]
    assert log.items["a"].tags == ("sea", "boats")
    assert log.items["a"].text == "The harbour. nature. sea, boats"
    assert not log.items["b"].is_available
    (shown,) = log.impressions
    assert (shown.user_id, shown.item_ids, shown.positions, shown.weights) == ("u2", ("a",), (2,), (0.0,))


def test_every_row_that_cannot_be_used_is_reported_with_place_and_reason(folder: Path) -> None:
    log = load(read_config(data=[str(folder)]))
    found = {row.place.rpartition("/")[2]: row.reason for row in log.rejected}
    assert len(found) == len(log.rejected) == 8
    assert "no item_id" in found["items.csv:4"]
    assert "stands already at" in found["items.csv:5"]
    assert "'maybe'" in found["items.csv:6"]
    assert "position is 'x'" in found["events.csv:5"]
    assert "not among the items" in found["events.csv:6"]
    assert "--label poke=click" in found["events.csv:7"]
    assert "no user_id" in found["events.csv:8"]
    assert "yesterday" in found["events.csv:9"]


def test_map_and_label_name_what_is_not_known(folder: Path) -> None:
    text = EVENTS.replace("visitor_id", "who").replace("poke", "poke")
    (folder / "log.csv").write_text(text, encoding="utf-8")
    config = read_config(
        data=[str(folder / "log.csv")], items=[str(folder / "items.csv")], map=["user_id=who"], label=["poke=click"]
    )
    assert ("u3", "click") in {(event.user_id, event.kind) for event in load(config).events}
    with pytest.raises(DataError, match="no column for user_id"):
        load(read_config(data=[str(folder / "log.csv")], items=[str(folder / "items.csv")]))
    with pytest.raises(DataError, match="no such column of ours"):
        load(read_config(data=[str(folder)], map=["colour=x"]))


def test_tables_may_be_parquet_jsonl_and_sql(folder: Path, tmp_path: Path) -> None:
    log = load(read_config(data=[str(folder)]))
    rows = [{"user_id": e.user_id, "item_id": e.item_id, "event": e.kind, "at": e.at.isoformat()} for e in log.events]
    items = [{"item_id": i.item_id, "title": i.title, "tags": list(i.tags)} for i in log.items.values()]
    write_rows(str(tmp_path / "log.parquet"), iter(rows))
    write_rows(str(tmp_path / "things.jsonl"), iter(items))
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table log (user_id, item_id, event, at)")
        shop.executemany("insert into log values (?, ?, ?, ?)", [tuple(row.values()) for row in rows])
    shop.close()
    for source in (tmp_path / "log.parquet", f"sqlite:///{tmp_path}/shop.db?table=log"):
        found = load(read_config(data=[str(source)], items=[str(tmp_path / "things.jsonl")]))
        assert [(e.user_id, e.item_id, e.kind, e.at) for e in found.events] == [
            (e.user_id, e.item_id, e.kind, e.at) for e in log.events
        ]
        assert found.items["a"].tags == ("sea", "boats")


def test_absent_items_or_events_are_named(folder: Path) -> None:
    (folder / "items.csv").unlink()
    with pytest.raises(DataError, match="no items given"):
        load(read_config(data=[str(folder)]))
    with pytest.raises(DataError, match="no data given"):
        load(read_config())


def test_audit_finds_what_is_wrong_with_times_texts_and_lists(folder: Path) -> None:
    more = EVENTS + (
        "u1,a,buy,2026-02-01T10:00:00Z,1\n"  # twice
        "u9,a,click,2099-01-01T00:00:00Z,\n"  # in the future
    )
    (folder / "events.csv").write_text(more, encoding="utf-8")
    config = read_config(data=[str(folder)])
    found = {issue.kind: issue for issue in audit_log(load(config), config)}
    assert found["event_before_publication"].cases[0].places[0].endswith("events.csv:3")
    assert found["item_without_text"].cases[0].detail == "d"
    assert found["duplicate_event"].count == 1
    assert found["future_event"].severity == "error"
    assert found["user_without_clicks"].count == 2
    assert found["time_order"].count == 1
    assert "no_impressions" in found


def test_audit_finds_lists_that_would_tell_one_window_of_another(folder: Path) -> None:
    lines = ["user_id,item_id,event,at,impression_id"]
    lines += ["u1,a,show,2026-02-01T10:00:00Z,x", "u1,d,click,2026-02-03T10:00:00Z,x", "u2,a,show,2026-02-01,x"]
    (folder / "events.csv").write_text("\n".join(lines), encoding="utf-8")
    config = read_config(data=[str(folder)])
    found = {issue.kind: issue.count for issue in audit_log(load(config), config)}
    assert (found["shared_impression"], found["long_impression"]) == (1, 1)


def test_check_writes_findings_and_all_rejected_rows(folder: Path, tmp_path: Path) -> None:
    result = check(data=[str(folder)], out=tmp_path / "audit", as_json=True)
    written = json.loads(Path(result["json"]).read_text(encoding="utf-8"))
    assert (result["items"], result["events"], result["rejected"]) == (3, 3, 8)
    assert len(written["rejected"]) == 8
    with pytest.raises(ConfigError, match="is a file"):
        check(data=[str(folder)], out=folder / "items.csv", as_json=True)
