"""The ladder: which vectors of the items' texts the towers stand on, cheapest first, dearer ones only if they win.

n-grams brought to few dimensions, the encoder as it comes, the encoder tuned on clicks. A rung is
kept when its lead over the one kept so far, over users of the selection window, exceeds the lead's
standard error.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.config import parse_duration
from core.console import say
from core.errors import ConfigError
from core.evaluate.bootstrap import Difference
from core.evaluate.listwise import Judged, judge_lists, lead
from core.model.backbone import check_length, load_config, load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.latent import fit_latent
from kits.recommender.config import RecommenderConfig
from kits.recommender.learn.fit import fit_towers, score_lists
from kits.recommender.learn.replay import Replayed
from kits.recommender.learn.tune import tokenize_items, tune_encoder
from kits.recommender.learn.window import Windows
from kits.recommender.model.text import TextEncoder, as_language_model, open_backbone
from kits.recommender.model.tower import Floats, Tower
from kits.recommender.state.catalog import Catalog

CHOSEN_BY = "ndcg@10"
LISTS_SEEN = 40_000  # the towers have settled by then
TUNED_SHARE = 0.6  # of the time left


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to make item vectors, and the towers on them.

    Attributes:
        name: ``tfidf``, ``probe`` or ``tuned``.
        encoder: Makes the vectors.
        texts: Of all items by number ``(items, dimension)``.
        tower: Trained on all lists before validation.
        judged: On the selection window, by the towers alone.
        seconds: It took.
        lead: Over the rung kept before; None for the first.
        reason: Why it was kept or not.
    """

    name: str
    encoder: TextEncoder
    texts: Floats
    tower: Tower
    judged: Judged
    seconds: float
    lead: Difference | None = None
    reason: str = ""


def climb(windows: Windows, config: RecommenderConfig) -> tuple[Rung, list[Rung]]:
    """Try the rungs within the time allowed.

    Returns:
        The one to keep, and all that were tried.

    Raises:
        ConfigError: The time allowed is over before there is any.
    """
    begun = time.monotonic()
    allowed = None if config.train.budget is None else parse_duration(config.train.budget)
    tried: list[Rung] = []
    kept: Rung | None = None
    for name in config.train.rungs:
        left = None if allowed is None else allowed - (time.monotonic() - begun)
        if left is not None and left <= 0 and kept is not None:
            say(f"{name}: not tried, the time allowed is over")
            continue
        rung = _try(name, windows, config, kept, left)
        if rung is None:
            continue
        rung = _compare(rung, kept, config)
        tried.append(rung)
        say(f"{name}: {CHOSEN_BY} {rung.judged.mean(CHOSEN_BY):.4f} on the selection window; {rung.reason}")
        if rung.reason.startswith("kept"):
            kept = rung
    if kept is None:
        raise ConfigError(
            "the time allowed is too short for the only item vectors to try",
            where="train.budget",
            got=config.train.budget,
            fix="allow more, or add tfidf to train.rungs",
        )
    return kept, tried


def judge(data: Replayed, scores: NDArray[np.float64], seed: int) -> Judged:
    """The scores' worth on some lists."""
    return judge_lists(scores, data.clicks, data.lists.sizes, data.users, seed)


def tower_epochs(lists: int, config: RecommenderConfig) -> int:
    """Passes of the towers over so many lists."""
    return config.train.epochs or int(np.clip(round(LISTS_SEEN / max(1, lists)), 1, 8))


def _compare(rung: Rung, kept: Rung | None, config: RecommenderConfig) -> Rung:
    if kept is None:
        return replace(rung, reason="kept: the first")
    a, b = rung.judged.users[CHOSEN_BY], kept.judged.users[CHOSEN_BY]
    ahead = lead(a, b, config.evaluate.bootstrap_samples, config.seed)
    is_better = ahead.value > ahead.standard_error
    word = "kept" if is_better else "not kept"
    reason = f"{word}: {ahead.value:+.4f} (± {ahead.standard_error:.4f}) against {kept.name}"
    return replace(rung, lead=ahead, reason=reason)


def _try(
    name: str, windows: Windows, config: RecommenderConfig, kept: Rung | None, seconds: float | None
) -> Rung | None:
    begun = time.monotonic()
    texts = item_texts(windows.catalog)
    if name == "tfidf":
        latent = fit_latent(texts, config.model.text_dimensions, analyzer=config.train.analyzer, seed=config.seed)
        return _finish(name, latent, latent.encode(texts), windows, config, begun)
    if name == "probe":
        plain = open_backbone(config)
        return _finish(name, plain, plain.encode(texts), windows, config, begun)
    limit = None if seconds is None else seconds * TUNED_SHARE
    tuned = tune(windows.early, windows.catalog, config, seconds=limit)
    if tuned is None:
        say("tuned: not kept, it would take longer than is allowed")
        return None
    return _finish(name, tuned, tuned.encode(texts), windows, config, begun)


def tune(
    train: Replayed, catalog: Catalog, config: RecommenderConfig, *, seconds: float | None = None
) -> TextEncoder | None:
    """The backbone tuned on lists; None where it would take too long.

    The lists are those before the ranker's: so its scores on the ranker's lists are as new to it as
    in service.
    """
    folder = resolve_backbone(config.model.backbone)
    check_length(load_config(folder), config.model.max_tokens)
    texts = item_texts(catalog)
    tokens = tokenize_items(load_tokenizer(folder), texts, config)
    frozen = open_backbone(config).encode(texts)
    start, _ = fit_towers(frozen, train, config, epochs=tower_epochs(len(train), config))
    encoder = TextClassifier(load_encoder(folder, config.model.dropout), ())
    epochs = config.train.epochs or 2
    if not tune_encoder(encoder, tokens, start, train, config, epochs=epochs, seconds=seconds):
        return None
    return as_language_model(encoder, folder, config)


def _finish(
    name: str, encoder: TextEncoder, texts: Floats, windows: Windows, config: RecommenderConfig, begun: float
) -> Rung:
    def validate(tower: Tower) -> float:
        return judge(windows.select, score_lists(tower, texts, windows.select), config.seed).mean(CHOSEN_BY)

    train = windows.train
    tower, _ = fit_towers(texts, train, config, epochs=tower_epochs(len(train), config), validate=validate)
    judged = judge(windows.select, score_lists(tower, texts, windows.select), config.seed)
    return Rung(name, encoder, texts, tower, judged, time.monotonic() - begun)


def item_texts(catalog: Catalog) -> list[str]:
    """What the encoder reads of each item, by number."""
    return [item.text for item in catalog.items]
