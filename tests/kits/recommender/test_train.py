from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data.write import write_rows
from core.errors import ConfigError, DataError, ModelError
from kits.recommender import Event, Item, Recommender
from kits.recommender.__main__ import app
from kits.recommender.evaluate import run as evaluate
from kits.recommender.predict import predict
from kits.recommender.show import recommend, similar
from kits.recommender.train import run as train
from tests.kits.recommender.readers import QUICK, make_rows
from tests.kits.recommender.shop import NOW, make_items

SETTINGS = [f"{section}.{key}={json.dumps(value)}" for section, keys in QUICK.items() for key, value in keys.items()]  # type: ignore[attr-defined]


def write_log(folder: Path, *, seed: int = 0, days: float = 0.0) -> Path:
    """Items and events of invented readers as files; ``days`` later than else."""
    folder.mkdir()
    items = [
        {
            "item_id": item.item_id,
            "title": item.title,
            "tags": ";".join(item.tags),
            "category": item.category,
            "published_at": item.published_at,
        }
        for item in make_items()
    ]
    events = [
        {
            "user_id": row.user_id,
            "item_id": row.item_id,
            "event": row.kind,
            "at": (row.at + timedelta(days=days)).isoformat(),
            "impression_id": f"{days}-{row.impression_id}",
            "position": row.position,
            "propensity": row.propensity,
        }
        for row in make_rows(seed=seed)
    ]
    write_rows(str(folder / "items.csv"), iter(items))
    write_rows(str(folder / "events.csv"), iter(events))
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("log") / "data")


@pytest.fixture(scope="module")
def trained(log: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("model") / "shop"
    return out, train(data=[str(log)], out=out, set=SETTINGS, as_json=True)


def test_training_says_what_it_is_worth_beside_every_baseline(trained: tuple[Path, dict[str, Any]]) -> None:
    out, result = trained
    assert set(result["baselines"]) >= {"random", "popularity", "popularity_recent", "recency", "tfidf", "item_knn"}
    assert {"als", "bpr"} <= set(result["baselines"])
    assert result["negatives"] == "shown and not clicked"
    assert result["metrics"]["ndcg@10"] > result["baselines"]["random"]["ndcg@10"]
    low, high = result["intervals"]["auc"]
    assert low < result["metrics"]["auc"] < high
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "item_knn" in report
    assert "http" not in report.split("<main>")[1].split("</main>")[0]


def test_model_folder_gives_the_lists_that_training_would(trained: tuple[Path, dict[str, Any]]) -> None:
    recommender = Recommender.load(trained[0])
    at = NOW + timedelta(days=1)
    found = recommender.recommend("u0", k=5, at=at)
    assert len(found) == 5
    assert not {recommender.catalog.number(own.item_id) for own in found} & recommender.users["u0"].seen
    likes = [own.item.category for own in recommender.recommend(interests="harbour tide boat", k=5, at=at)]
    assert likes.count("sea") >= 4
    near = recommender.similar("i0", 5)
    assert {own.item.category for own in near} == {"sea"}
    assert [own.score for own in near] == sorted((own.score for own in near), reverse=True)


def test_event_changes_the_next_list_and_a_new_item_can_be_on_it(trained: tuple[Path, dict[str, Any]]) -> None:
    recommender, at = Recommender.load(trained[0]), NOW + timedelta(days=1)
    first = recommender.recommend("new", k=5, at=at)
    for item in [item for item in make_items() if item.category == "food"][:4]:
        recommender.observe(Event("new", item.item_id, "click", at))
    second = recommender.recommend("new", k=5, at=at + timedelta(minutes=1))
    assert [own.item_id for own in first] != [own.item_id for own in second]
    recommender.put_items([Item("fresh", "bread soup noodle cheese", category="food", published_at=at)])
    assert "fresh" in {own.item_id for own in recommender.shortlist(recommender.user("new"), at=at)}
    recommender.drop_item("fresh")
    assert "fresh" not in {own.item_id for own in recommender.shortlist(recommender.user("new"), at=at)}
    assert recommender.forget("new")
    assert "new" not in recommender.users


def test_changed_or_foreign_folder_is_refused(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained[0], copy)
    (copy / "ranker.txt").write_text("tree", encoding="utf-8")
    with pytest.raises(ModelError, match="has changed"):
        Recommender.load(copy)
    with pytest.raises(ModelError, match="no such model folder"):
        Recommender.load(tmp_path / "absent")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="in use by something"):
        train(data=["x"], out=tmp_path / "full")


def test_evaluate_judges_later_events_and_leaves_out_the_learned(
    trained: tuple[Path, dict[str, Any]], log: Path, tmp_path: Path
) -> None:
    later = write_log(tmp_path / "later", seed=5, days=41)
    found = evaluate(model=trained[0], data=[str(later)], report=tmp_path / "report.html", as_json=True)
    assert found["rows"] > 100
    assert found["metrics"]["auc"] > 0.6
    assert (tmp_path / "report.html").stat().st_size > 1000
    with pytest.raises(DataError, match="no list with a click"):
        evaluate(model=trained[0], data=[str(log)], as_json=True)
    assert evaluate(model=trained[0], as_json=True)["rows"] == trained[1]["rows"]


def test_predict_recommend_and_similar_write_what_they_find(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    users = tmp_path / "users.csv"
    users.write_text("user_id\nu0\nu1\n\nstranger\n", encoding="utf-8")
    result = predict(model=trained[0], data=[str(users)], out=tmp_path / "lists.jsonl", k=3, as_json=True)
    assert result is not None
    assert (result["users"], result["unknown"]) == (3, 1)
    rows = [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["user_id"], row["rank"]) for row in rows] == [
        (u, r) for u in ("u0", "u1", "stranger") for r in (1, 2, 3)
    ]
    assert len(recommend(model=trained[0], interests="comet", k=4, as_json=True)["items"]) == 4
    assert len(similar(model=trained[0], item="i3", k=2, as_json=True)["items"]) == 2
    with pytest.raises(DataError, match="no such item"):
        similar(model=trained[0], item="nothing", as_json=True)
    with pytest.raises(ConfigError, match="for whom"):
        recommend(model=trained[0], as_json=True)


def test_same_log_and_seed_give_the_same_lists(log: Path, trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    train(data=[str(log)], out=tmp_path / "again", set=SETTINGS, as_json=True)
    first, second = Recommender.load(trained[0]), Recommender.load(tmp_path / "again")
    assert first.ranker is None or (second.ranker is not None and first.ranker.text == second.ranker.text)
    assert np.array_equal(first.tower.project, second.tower.project)


def test_command_line_has_the_verbs() -> None:
    assert app.info.name == "python -m kits.recommender"
    assert replace(Event("u", "i", "click", datetime.now(UTC)), kind="share").weight == 3.0
