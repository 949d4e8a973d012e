"""``train``: from labelled utterances to a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from core.console import say
from core.train.recipe import KitFacts, Trained, train_bundle
from core.train.show import describe_rungs, show_rungs, show_scores
from kits.support.config import SupportConfig, read_config
from kits.support.data import SPECS, load
from kits.support.scope.build import extend_model
from kits.support.source.faq import FaqEntry, load_faq

KIT = "support"
_LOAD = """from kits.support import Reader

reader = Reader.load("{folder}")
for read in reader.read(["My new card has not come yet"]):
    print(reader.decide(read), read.intents[0], read.confidence)
"""
_USE = {
    "en": (
        "What customers want",
        "Reads what customers write to a support desk: says which of the known intents it is, how sure that is, and "
        "whether to answer, to ask back or to hand over to a person. Meant to stand before people, not in their place.",
    ),
    "zh": (
        "客户意图识别",
        "阅读客户发给客服的话：判断属于哪一个已知意图、有多大把握，以及应当直接回答、追问还是转交人工。用于辅助客服人员，而不是取代他们。",
    ),
}


def train_model(config: SupportConfig, out: Path, *, faq: Sequence[FaqEntry] = (), resume: bool = False) -> Trained:
    """Train on ``config.data.sources`` and write the model folder ``out``.

    Args:
        config: All settings.
        out: The model folder; replaced if it is one already.
        faq: Questions with answers, to tune the matching of texts on.
        resume: Go on from the newest checkpoint of an interrupted run.

    Raises:
        DataError: The data cannot be read or learned from.
        ConfigError: ``out`` is something else than a model folder.
    """
    corpus = load(config)
    title, use = _USE[config.preset]
    facts = KitFacts(KIT, title, use, _LOAD.format(folder=out.name), config.preset)
    kept = config.without_secrets()
    several = [example for example in corpus.examples if "intents" in example.labels]
    single = replace(corpus, examples=[example for example in corpus.examples if "intents" not in example.labels])
    if several:
        say(f"{len(several)} rows ask for several intents: they decide when two are found in one text")
    extend = partial(extend_model, kept, several, faq)
    return train_bundle(single, SPECS, kept, out, facts, resume=resume, extend=extend)


def run(
    *, out: Path, faq: Sequence[str] | None = None, resume: bool = False, as_json: bool = False, **options: Any
) -> dict[str, Any]:
    """The verb: train, show what was tried and what it is worth."""
    entries = load_faq(faq).items if faq else []
    trained = train_model(read_config(**options), out, faq=entries, resume=resume)
    if not as_json:
        show_rungs(trained.ladder.rungs)
        show_scores(trained.summary)
    say(f"Model: {out}   Report: {out / 'report.html'}   ({trained.seconds:.0f} s)")
    return {
        "model": str(out),
        "chosen": trained.ladder.chosen.name,
        "ladder": describe_rungs(trained.ladder.rungs),
        "held_out": trained.summary,
    }
