"""Tunes an encoder to find the right answer to a question, and keeps it only if it finds more.

Some questions are held out. The backbone as it is and the tuned one search the same answers for
them; the tuned one is kept where its mean reciprocal rank is higher by more than its error bar.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.config import KitConfig
from core.console import progress, say
from core.data.batch import tokenize
from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning, merge_tuning
from core.predict.match import TASKS, EncoderMatcher, Matcher, frozen_matcher, make_matcher
from core.runtime import derive_seed, seed_everything
from core.train.contrast import ALONE, Contrast, Pairs, contrast_steps, draw_by_label

Tuned = Literal["full", "lora"]
LEARNING_RATES: dict[Tuned, float] = {"full": 5e-5, "lora": 5e-4}
HELD_OUT_SHARE, FEWEST_HELD_OUT = 0.15, 20
HARD_NEGATIVES, MINED_DEPTH = 1, 20
PAIR_VISITS, FEWEST_EPOCHS, MOST_EPOCHS = 3_000, 2, 6
LIKE_PER_PAIR = 2


@dataclass(frozen=True, slots=True)
class MatchTexts:
    """What is tuned on.

    Attributes:
        questions: Texts that search.
        answers: Texts that are to be found.
        right: ``(questions,)`` position of the answer to each.
        alike: Further texts, those with one mark meaning the same.
        marks: ``(alike,)`` int64.
    """

    questions: Sequence[str]
    answers: Sequence[str]
    right: NDArray[np.int64]
    alike: Sequence[str] = ()
    marks: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class MatcherTrial:
    """One way to match that was tried.

    Attributes:
        name: ``frozen``, ``full`` or ``lora``.
        matcher: The encoder.
        ranks: ``(held out,)`` ranks, from 1, of the right answer.
        seconds: Time it took.
    """

    name: str
    matcher: Matcher
    ranks: NDArray[np.int64]
    seconds: float

    @property
    def reciprocal_rank(self) -> float:
        """Mean reciprocal rank of the right answer."""
        return float((1.0 / self.ranks).mean())


def fit_matcher(
    texts: MatchTexts, config: KitConfig, ways: Sequence[Tuned], seconds: float | None = None
) -> tuple[MatcherTrial, ...]:
    """Try the backbone as it is and tuned; the one to keep comes first.

    Args:
        texts: Questions and answers; too few of them leave the backbone as it is.
        config: Backbone, batch size, seed, number format.
        ways: How it may be tuned.
        seconds: Time allowed for each way, or None.

    Returns:
        What was tried. A tuned encoder is first only if it is better than the backbone by more
        than the error bar of the difference.
    """
    begun = time.monotonic()
    frozen = frozen_matcher(config)
    order = np.random.default_rng(derive_seed(config.seed, "matcher")).permutation(len(texts.questions))
    held = order[: int(HELD_OUT_SHARE * len(order))]
    if len(held) < FEWEST_HELD_OUT:
        return (MatcherTrial("frozen", frozen, np.ones(1, dtype=np.int64), time.monotonic() - begun),)
    train = np.setdiff1d(order, held)
    best = MatcherTrial("frozen", frozen, _ranks(frozen, texts, held), time.monotonic() - begun)
    tried = [best]
    for way in ways:
        started = time.monotonic()
        matcher = _tune(texts, train, config, way, frozen, seconds)
        trial = MatcherTrial(way, matcher, _ranks(matcher, texts, held), time.monotonic() - started)
        tried.append(trial)
        gains = 1.0 / trial.ranks - 1.0 / best.ranks
        error = float(gains.std(ddof=1) / np.sqrt(len(gains)))
        wins = float(gains.mean()) > error
        say(
            f"matcher {way}: mean reciprocal rank {trial.reciprocal_rank:.3f} on {len(held)} questions, "
            f"{best.name} {best.reciprocal_rank:.3f}; {'kept' if wins else 'not a clear gain'}"
        )
        best = trial if wins else best
    return (best, *(trial for trial in tried if trial is not best))


def _tune(
    texts: MatchTexts, train: NDArray[np.int64], config: KitConfig, way: Tuned, frozen: Matcher, seconds: float | None
) -> EncoderMatcher:
    folder = resolve_backbone(config.model.backbone)
    tokenizer = load_tokenizer(folder)
    seed_everything(config.seed, "matcher")
    model = TextClassifier(load_encoder(folder, config.model.dropout), TASKS)
    apply_tuning(model, config.model.model_copy(update={"tuning": way}))
    questions, answers = list(texts.questions), list(texts.answers)
    rows = [(text, None) for text in (*questions, *answers, *texts.alike)]
    first = len(questions)
    groups = np.full(len(rows), ALONE, dtype=np.int64)
    _, same = np.unique(np.array([" ".join(answer.split()) for answer in answers]), return_inverse=True)
    groups[first : first + len(answers)] = same
    groups[:first] = same[texts.right]
    if texts.marks is not None:
        groups[first + len(answers) :] = texts.marks + int(same.max()) + 1
    hard = _mine_negatives(frozen, texts, train, same) + first
    pairs = Pairs(train, texts.right[train] + first, hard)
    alike = np.full(len(rows), ALONE, dtype=np.int64)
    alike[first + len(answers) :] = groups[first + len(answers) :]
    draw_alike = draw_by_label(alike, config.seed)

    def draw(epoch: int) -> Pairs:
        """The questions with their answers, and as many texts that are alike as go with them, by lot."""
        more = draw_alike(epoch)
        random = np.random.default_rng(derive_seed(config.seed, "alike", epoch))
        chosen = random.permutation(len(more.anchors))[: LIKE_PER_PAIR * len(pairs.anchors)]
        none = np.repeat(more.partners[chosen][:, None], hard.shape[1], axis=1)  # its own partner is no negative
        order = random.permutation(len(pairs.anchors) + len(chosen))
        return Pairs(
            np.concatenate([pairs.anchors, more.anchors[chosen]])[order],
            np.concatenate([pairs.partners, more.partners[chosen]])[order],
            np.concatenate([pairs.negatives, none])[order],
        )

    epochs = max(FEWEST_EPOCHS, min(MOST_EPOCHS, PAIR_VISITS // len(draw(0).anchors)))
    work = Contrast(tokenize(tokenizer, rows, config.model.max_tokens), groups, draw, epochs, seconds)
    settings = config.train.model_copy(update={"lr": LEARNING_RATES[way]})
    with progress("Tuning the matcher", epochs * len(draw(0).anchors)) as tick:
        for step in contrast_steps(model, work, settings, config.seed):
            tick(step.pairs)
    return make_matcher(merge_tuning(model).cpu(), tokenizer, config)


def _mine_negatives(
    matcher: Matcher, texts: MatchTexts, train: NDArray[np.int64], same: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``(train, HARD_NEGATIVES)`` answers that lie near a question and are wrong."""
    cosines = matcher.embed([texts.questions[i] for i in train]) @ matcher.embed(list(texts.answers)).T
    depth = min(MINED_DEPTH, cosines.shape[1])
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :depth]
    chosen = np.repeat(texts.right[train][:, None], HARD_NEGATIVES, axis=1)
    for row, (candidates, own) in enumerate(zip(nearest, same[texts.right[train]], strict=True)):
        wrong = [int(c) for c in candidates if same[c] != own][:HARD_NEGATIVES]
        chosen[row, : len(wrong)] = wrong
    return np.asarray(chosen, dtype=np.int64)


def _ranks(matcher: Matcher, texts: MatchTexts, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rank of the right answer, or of one that reads the same, to each question."""
    answers = list(texts.answers)
    cosines = matcher.embed([texts.questions[i] for i in rows]) @ matcher.embed(answers).T
    _, same = np.unique(np.array([" ".join(answer.split()) for answer in answers]), return_inverse=True)
    is_right = same[None, :] == same[texts.right[rows]][:, None]
    best = np.where(is_right, cosines, -np.inf).max(axis=1, keepdims=True)
    return np.asarray(1 + ((cosines > best) & ~is_right).sum(axis=1), dtype=np.int64)
