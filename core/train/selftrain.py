"""Learns from texts that nobody has labelled, where only few have been: a company's logs hold thousands of them.

The model's own reading of such a text counts as its label, by as much as the model is sure of it. The surest of
each label come first and more with every round, so that what is learned from some decides on the next. N-grams
then learn from all of them, too: they know nothing of what a word means, and err elsewhere.

Source: Yarowsky 1995, Unsupervised Word Sense Disambiguation Rivaling Supervised Methods, for the rounds; Blum and
Mitchell 1998, Combining Labeled and Unlabeled Data with Co-Training, for two views of the same texts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.config import KitConfig
from core.console import progress
from core.data.example import Dataset, Task, Text, join_datasets
from core.evaluate.calibration import fit_temperature, softmax
from core.model.linear import LinearClassifier, fit_linear
from core.predict.blend import BlendClassifier, blend
from core.predict.decide import Calibration
from core.predict.engine import EncoderClassifier, decide_states
from core.predict.match import frozen_matcher, unit_rows
from core.runtime import derive_seed
from core.train.fit import frozen_states, with_names
from core.train.probe import fit_heads_of_few

MOST_TEXTS, TEXTS_PER_SECOND = 20_000, 150  # of more, so many by lot
FAR_SHARE = 0.1  # a text that lies as far from the labelled rows as so many of them from each other is left out
ROUNDS = 8
TEXT_WEIGHT = 1 / 3  # of a text whose label the model is sure of, beside 1 of one that somebody has labelled
LINEAR_SHARE = 0.25
Rows = NDArray[np.int64]
Chances = NDArray[np.float64]


def choose_near(
    encoder: EncoderClassifier,
    train: Dataset,
    unlabelled: Sequence[Text],
    task: Task,
    config: KitConfig,
    seconds: float | None = None,
) -> list[Text]:
    """Those texts that are about what the labelled ones are about, as the pretrained encoder sees it.

    People write about much else: a model that has to read one of its labels in that learns nonsense. A text is
    left out that lies further from every labelled row than nearly all of those from each other. Only what is read
    as a label whose own rows lie far apart, such as one for all that is out of scope, may lie as far.

    Args:
        encoder: Tuned on the labelled rows.
        train: The labelled rows.
        unlabelled: Texts without a label.
        task: The only one; each text has one label of it.
        config: Names the backbone.
        seconds: Time allowed for learning from them, or None.
    """
    most = MOST_TEXTS if seconds is None else min(MOST_TEXTS, int(seconds * TEXTS_PER_SECOND))
    random = np.random.default_rng(derive_seed(config.seed, "selftrain"))
    texts = [unlabelled[i] for i in np.sort(random.permutation(len(unlabelled))[:most])]
    if not texts:
        return []
    pretrained = frozen_matcher(config).encoder
    own, others = (unit_rows(frozen_states(pretrained, part, config)) for part in (train.texts, texts))
    among = own @ own.T
    np.fill_diagonal(among, -1.0)
    usual = np.quantile(among.max(axis=1), FAR_SHARE)
    least = np.full(len(task.labels), usual)
    for label in np.unique(train.targets[task.name][train.known[task.name]]):
        rows = train.known[task.name] & (train.targets[task.name] == label)
        least[label] = min(usual, np.quantile(among[rows].max(axis=1), FAR_SHARE))
    nearest = (others @ own.T).max(axis=1)
    is_near = nearest >= usual
    far = np.flatnonzero(~is_near)
    read = encoder.logits([texts[i] for i in far])[0].argmax(axis=1)
    is_near[far] = nearest[far] >= least[read]
    return [text for text, is_kept in zip(texts, is_near, strict=True) if is_kept]


def fit_self_trained(
    encoder: EncoderClassifier, train: Dataset, texts: Sequence[Text], task: Task, config: KitConfig
) -> BlendClassifier:
    """New heads for an encoder, and n-grams, both learned from labelled rows and from what they say of others.

    Args:
        encoder: Tuned on the labelled rows; it is not changed.
        train: The labelled rows.
        texts: Some without a label, as ``choose_near`` gives them.
        task: The only one; each text has one label of it.
        config: Settings.
    """
    train = with_names(train, task)
    own = encoder.scaled([1.0])  # heads of its own, on the same encoder
    states, others = encoder.embeddings(train.texts), encoder.embeddings(texts)
    chances: Chances = softmax(decide_states(own.model, others)[0])
    with progress("Self-training", ROUNDS) as tick:
        for number in range(1, ROUNDS + 1):
            taken = _surest(chances, number / ROUNDS)
            rows = join_datasets([train, _as_read(texts, chances, taken, task)])
            weights = np.concatenate([np.ones(len(train)), TEXT_WEIGHT * chances[taken].max(axis=1)])
            fit_heads_of_few(own.model, np.concatenate([states, others[taken]]), rows, [task], config.seed, weights)
            chances = softmax(decide_states(own.model, others)[0])
            tick()
    everything = _as_read(texts, chances, np.arange(len(texts)), task)
    linear, temperature = _fit_linear(train, everything, chances.max(axis=1), task, config)
    heads = EncoderClassifier(
        own.model, encoder.tokenizer, max_tokens=encoder.max_tokens, batch_size=encoder.batch_size,
        precision=config.predict.precision,
    )  # fmt: skip
    read = {task.name: Calibration(temperature)}, {task.name: Calibration()}
    return blend(linear, read[0], heads, read[1], {task.name: LINEAR_SHARE})


def _surest(chances: Chances, share: float) -> Rows:
    """Positions of the surest share of the texts of each label."""
    labels, sure = chances.argmax(axis=1), chances.max(axis=1)
    taken = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        taken.append(own[np.argsort(-sure[own], kind="stable")[: round(share * len(own))]])
    return np.sort(np.concatenate(taken))


def _as_read(texts: Sequence[Text], chances: Chances, taken: Rows, task: Task) -> Dataset:
    """Some texts with the labels that the model reads in them."""
    labels = chances[taken].argmax(axis=1)
    return Dataset([texts[i] for i in taken], {task.name: labels}, {task.name: np.ones(len(taken), dtype=bool)})


def _fit_linear(
    train: Dataset, others: Dataset, sure: NDArray[np.float64], task: Task, config: KitConfig
) -> tuple[LinearClassifier, float]:
    """N-grams of all texts, and the temperature that makes probabilities of their margins.

    It is that of n-grams of half of the texts, on the other half: of what they have learned from they are too sure.
    """
    weights = np.concatenate([np.ones(len(train)), TEXT_WEIGHT * sure])
    rows = join_datasets([train, others])

    def fit(chosen: Rows) -> LinearClassifier:
        return fit_linear(
            [rows.texts[i] for i in chosen],
            [task],
            {task.name: rows.targets[task.name][chosen]},
            {task.name: rows.known[task.name][chosen]},
            analyzer=config.train.analyzer,
            seed=config.seed,
            weights=weights[chosen],
        )

    order = len(train) + np.random.default_rng(derive_seed(config.seed, "halves")).permutation(len(others))
    learned, judged = np.array_split(order, 2)
    half = fit(np.concatenate([np.arange(len(train)), learned]))
    margins = half.logits([rows.texts[i] for i in judged])[0]
    return fit(np.arange(len(rows))), fit_temperature(margins, rows.targets[task.name][judged])
