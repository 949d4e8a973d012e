"""Fits the cheap parts of what was chosen once more, with the rows that it was chosen by.

Choice, thresholds and temperature come from validation rows that no rung had seen. Once they are settled, those
rows are a tenth more to learn from, and where the split is by time they are the latest. N-grams and the heads of
a frozen encoder take seconds; an encoder that was tuned stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from core.config import KitConfig
from core.console import say
from core.data.example import Dataset, Task, join_datasets
from core.model.linear import fit_linear
from core.predict.decide import Classifier
from core.train.agree import of_first
from core.train.fit import fit_probe
from core.train.ladder import BLENDED, Ladder, Rung, blend_rungs

CHEAP = ("tfidf", "probe")


def refit(
    ladder: Ladder, train: Dataset, validation: Dataset, tasks: Sequence[Task], config: KitConfig, seconds: float | None
) -> Ladder:
    """The ladder with its cheap rungs fitted on all rows, and what was chosen made of them.

    The cheap rungs that were not chosen are fitted again, too: they are what the model is compared with.

    Args:
        ladder: As it was climbed.
        train: Rows that it learned from.
        validation: Rows that it was chosen by.
        tasks: What is asked of a text.
        config: Settings.
        seconds: Time that is left; None: no limit. Where it does not suffice, the ladder stays as it is.
    """
    cheap = {rung.name: rung for rung in ladder.rungs if rung.name in CHEAP and rung.classifier is not None}
    needed = sum(rung.seconds for rung in cheap.values())
    if not cheap or (seconds is not None and of_first(seconds)[0] < needed):
        return ladder
    begun = time.monotonic()
    anew: dict[str, Rung] = {}
    for name, rung in cheap.items():
        classifier: Classifier
        if name == "tfidf":
            rows = join_datasets([train, validation])
            analyzer = config.train.analyzer
            classifier = fit_linear(rows.texts, tasks, rows.targets, rows.known, analyzer=analyzer, seed=config.seed)
        else:
            classifier = fit_probe(train, tasks, config, validation)
        anew[name] = replace(rung, classifier=classifier)
    chosen = ladder.chosen
    if chosen.name in BLENDED:
        tried = {rung.name: rung for rung in ladder.rungs} | anew
        both = blend_rungs(tried["tfidf"], tried[BLENDED[chosen.name]], chosen.shares)
        anew[chosen.name] = replace(chosen, classifier=both)
    say(f"{' and '.join(cheap)}: fitted once more, on the validation rows, too, in {time.monotonic() - begun:.0f} s")
    rungs = tuple(anew.get(rung.name, rung) for rung in ladder.rungs)
    kept = anew.get(chosen.name, chosen)
    return Ladder(rungs, kept, kept.classifier or ladder.classifier)
