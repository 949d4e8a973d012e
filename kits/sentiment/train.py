"""``train``: from labelled rows to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.console import say
from core.train.recipe import KitFacts, Trained, train_bundle
from core.train.show import describe_rungs, show_rungs, show_scores
from kits.sentiment.config import NotifyConfig, SentimentConfig, read_config
from kits.sentiment.data import SPECS, load

KIT = "sentiment"
_LOAD = '''from kits.sentiment import Scorer

scorer = Scorer.load("{folder}")
for opinion in scorer.score(["Profit rose 12 % in the third quarter"]):
    print(opinion.sentiment, opinion.topics)
'''
_USE = {
    "en": (
        "Topic and sentiment of financial news",
        "Reads headlines, reports and comments on companies and markets; says which topics they touch and whether "
        "they are good or bad news. Meant to sort and count news for people who look at them. Not meant to trade on.",
    ),
    "zh": (
        "金融新闻的主题与情感",
        "阅读有关公司与市场的标题、报道和评论，判断其涉及的主题以及消息的好坏，供人员分类和统计新闻之用，不用于自动交易。",
    ),
}


def train_model(config: SentimentConfig, out: Path, *, resume: bool = False) -> Trained:
    """Train on ``config.data.sources`` and write the model folder ``out``.

    Raises:
        DataError: The data cannot be read or learned from.
        ConfigError: ``out`` is something else than a model folder.
    """
    corpus = load(config)
    title, use = _USE[config.preset]
    facts = KitFacts(KIT, title, use, _LOAD.format(folder=out.name), config.preset)
    # The model folder keeps its settings and is passed on: tokens of channels and passwords stay here.
    kept = config.model_copy(update={"notify": NotifyConfig(), "store": SentimentConfig().store})
    return train_bundle(corpus, SPECS, kept, out, facts, resume=resume)


def run(*, out: Path, resume: bool = False, as_json: bool = False, **options: Any) -> dict[str, Any]:
    """The verb: train, show what was tried and what it is worth."""
    trained = train_model(read_config(**options), out, resume=resume)
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
