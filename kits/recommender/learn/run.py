"""From a log to a recommender: windows, ladder, ranker, and what it is all worth on the latest window."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from core.console import say
from core.evaluate.offpolicy import Estimate
from kits.recommender.config import RecommenderConfig
from kits.recommender.event import Event
from kits.recommender.learn.baseline import score_baselines
from kits.recommender.learn.beyond import Character, as_document, characterise
from kits.recommender.learn.climb import CHOSEN_BY, Rung, climb
from kits.recommender.learn.gate import Alarm, Promotion, final_scores, promote, with_scores
from kits.recommender.learn.judge import MODEL, Verdict, group_lists, judge_rankings, touched_before
from kits.recommender.learn.policy import judge_policy
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.window import Windows, join, open_windows
from kits.recommender.log.behaviour import Log
from kits.recommender.model.feature import MODEL_SCORE
from kits.recommender.model.recommender import Recommender

TOWERS = "towers"
OWN = (MODEL, TOWERS)
ALL, NEW_ITEMS = "all", "items never seen in training, among such"


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained model and what is known of it.

    Attributes:
        recommender: Ready, as of the end of the log.
        windows: What it learned from and was judged on.
        rungs: All that were tried.
        chosen: The one that was kept.
        promotion: Of the ranker.
        alarms: Reasons to distrust it.
        verdicts: Kind of lists to what was found on the test window; empty where there is none.
        policy: What the towers would have earned in the places that the log filled by chance; None without such.
        characters: What lists of ten at the end of the log are like.
        seconds: Without reading the data.
    """

    recommender: Recommender
    windows: Windows
    rungs: list[Rung]
    chosen: Rung
    promotion: Promotion
    alarms: list[Alarm]
    verdicts: dict[str, Verdict]
    policy: dict[str, Estimate] | None
    characters: dict[str, Character]
    seconds: float

    def document(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return (verdict_document(self.verdicts) if self.verdicts else {"rows": 0}) | {
            "negatives": "sampled" if self.windows.is_sampled else "shown and not clicked",
            "windows": self.windows.describe(),
            "ladder": [
                {
                    "rung": r.name,
                    CHOSEN_BY: round(r.judged.mean(CHOSEN_BY), 4),
                    "seconds": round(r.seconds, 1),
                    "reason": r.reason,
                }
                for r in self.rungs
            ],
            "ranker": {"is_promoted": self.promotion.is_promoted, "reason": self.promotion.reason},
            "lists": as_document(self.characters),
            "off_policy": {
                name: [round(number, 4) for number in (own.value, own.interval.low, own.interval.high)]
                for name, own in (self.policy or {}).items()
            },
            "alarms": [{"kind": alarm.kind, "message": alarm.message} for alarm in self.alarms],
            "seconds": round(self.seconds, 1),
        }


def verdict_document(verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """What ``metrics.json`` and ``evaluate --json`` say of verdicts."""
    whole: dict[str, Any] = verdicts[ALL].document()
    return {
        "rows": whole["lists"],
        "metrics": whole["metrics"][MODEL],
        "baselines": {name: values for name, values in whole["metrics"].items() if name not in OWN},
        "intervals": whole["intervals"][MODEL],
        "groups": {name: verdict.document() for name, verdict in verdicts.items()},
    }


def learn(log: Log, config: RecommenderConfig) -> Learned:
    """Learn from a log.

    Raises:
        DataError: There are too few clicks, or all are of one instant.
    """
    begun = time.monotonic()
    windows = open_windows(log, config)
    say("Lists: " + ", ".join(f"{name} {count}" for name, count in windows.describe().items()))
    kept, rungs = climb(windows, config)
    promotion, alarms = promote(windows, kept, config)
    say(f"Ranker: {promotion.reason}")
    for alarm in alarms:
        say(f"Alarm ({alarm.kind}): {alarm.message}")
    ranker = promotion.ranker if promotion.is_promoted else None
    recommender = Recommender(
        config, windows.catalog, kept.encoder, kept.tower,
        texts=kept.texts, tally=windows.tally, ranker=ranker, users=windows.users,
    )  # fmt: skip
    verdicts = judge_test(log, windows, recommender)
    policy = judge_policy(
        join(windows.select, windows.check), windows.test, windows.catalog, kept.texts, kept.tower,
        samples=config.evaluate.bootstrap_samples, seed=config.seed,
    )  # fmt: skip
    characters = characterise(recommender, config.seed)
    seconds = time.monotonic() - begun
    return Learned(recommender, windows, rungs, kept, promotion, alarms, verdicts, policy, characters, seconds)


def judge_test(log: Log, windows: Windows, recommender: Recommender) -> dict[str, Verdict]:
    """What the model and the baselines are worth on the latest window."""
    if windows.test_at is None or not len(windows.test):
        return {}
    past = [event for event in log.events if event.at < windows.test_at]
    found = judge_windows(windows.test, recommender, past, windows.test_at)
    if len(windows.new_items):
        only = judge_windows(windows.new_items, recommender, past, windows.test_at)
        found[NEW_ITEMS] = only[ALL]
    return found


def judge_windows(
    data: Replayed, recommender: Recommender, past: Sequence[Event], since: datetime
) -> dict[str, Verdict]:
    """Verdicts on all lists of a window, and on kinds of them.

    Args:
        data: The lists.
        recommender: Whose towers and ranker are judged.
        past: Events before the window.
        since: When it begins.
    """
    config, catalog = recommender.config, recommender.catalog
    scored = with_scores(data, recommender.texts, recommender.tower)
    rankings = {
        MODEL: final_scores(recommender.ranker, scored),
        TOWERS: scored.lists.features[:, MODEL_SCORE].astype(np.float64),
    }
    rankings |= score_baselines(scored, catalog, past, analyzer=config.train.analyzer, seed=config.seed)
    old = touched_before(scored, len(catalog), since.timestamp())
    samples, seed = config.evaluate.bootstrap_samples, config.seed
    found = {ALL: judge_rankings(scored, rankings, own=OWN, samples=samples, seed=seed)}
    for name, mask in group_lists(scored, old).items():
        found[name] = judge_rankings(scored, rankings, own=OWN, chosen=mask, samples=samples, seed=seed)
    return found
