"""``evaluate``: what a model is worth on events that it has not seen, beside baselines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core.console import say, show_table
from core.errors import DataError
from core.evaluate.sheet import Page, Part, write_page
from core.model.bundle import read_document
from kits.recommender.config import read_config
from kits.recommender.data import load
from kits.recommender.event import Event
from kits.recommender.learn.cut import between, make_lists
from kits.recommender.learn.judge import Verdict
from kits.recommender.learn.replay import replay
from kits.recommender.learn.report import CHINESE, ENGLISH, draw_verdict, make_tiles, score_rows
from kits.recommender.learn.run import ALL, judge_windows, verdict_document
from kits.recommender.log.behaviour import Log
from kits.recommender.model.recommender import Recommender


def evaluate_model(recommender: Recommender, log: Log) -> dict[str, Verdict]:
    """Replay a later log through a model, and judge the lists in it. The model moves on with it.

    Raises:
        DataError: Nothing in the log is later than what the model has seen, or nothing can be judged.
    """
    since = datetime.fromtimestamp(recommender.tally.clock, UTC)
    later = Log(log.items, [e for e in log.events if e.at > since], [s for s in log.impressions if s.at > since])
    left_out = len(log.events) + len(log.impressions) - len(later.events) - len(later.impressions)
    if left_out:
        say(f"{left_out} events and lists are left out: they are not later than {since.isoformat()}, which is learned")
    recommender.put_items(item for item in log.items.values() if item.item_id not in recommender.catalog)
    past = _past_events(recommender)
    lists = between(make_lists(later, recommender.catalog, recommender.config.data.test_negatives, 0), None, None)
    data = replay(recommender.catalog, recommender.tally, recommender.users, later.events, lists)
    if not len(data):
        raise DataError("no list with a click can be judged", where="--data", fix="give events later than training")
    return judge_windows(data, recommender, past, since)


def run(
    *,
    model: Path,
    data: list[str] | None = None,
    report: Path | None = None,
    as_json: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """The verb: judge on ``--data``; without it, show what was measured when the model was trained."""
    recommender = Recommender.load(model)
    if not data:
        document: dict[str, Any] = read_document(model, "metrics.json")
        say(f"Measured at training, on the latest window. Report: {model / 'report.html'}")
        return document
    config = read_config(base=recommender.config, data=data, **options)
    verdicts = evaluate_model(recommender, load(config))
    words = CHINESE if config.preset == "zh" else ENGLISH
    if not as_json:
        for name, verdict in verdicts.items():
            columns, rows = score_rows(verdict)
            show_table(f"{name}: {verdict.lists} lists of {verdict.users} users", columns, rows)
    if report is not None:
        parts = [Part(words["summary"], [words["users"]])]
        parts += [draw_verdict(name, verdict, words) for name, verdict in verdicts.items()]
        tiles = make_tiles(verdicts[ALL])
        write_page(Page(words["title"], parts, config.preset, words["contents"], tiles), report)
        say(f"Report: {report}")
    return verdict_document(verdicts)


def _past_events(recommender: Recommender) -> list[Event]:
    """The latest events of each user that the model keeps: what factor models learn from."""
    items = recommender.catalog.items
    return [
        Event(user_id, items[number].item_id, "click" if weight >= 1 else "dislike" if weight < 0 else "view", at)
        for user_id, user in recommender.users.items()
        for number, weight, at in zip(
            user.items, user.weights, (datetime.fromtimestamp(float(t), UTC) for t in np.array(user.times)), strict=True
        )
    ]
