"""Rows whose label looks wrong: a simple model, trained on the other rows, is sure of another.

The model is a logistic regression on TF-IDF of words and characters, which needs seconds; the
decision which disagreements are label errors is cleanlab's.

Source: Northcutt, Jiang, Chuang, "Confident Learning" (2021). Classes with fewer than
``CLASS_ROWS`` rows are left out: a model cannot judge what it has hardly seen.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example, Task, label_names

CLASS_ROWS = 5
LIMIT_ROWS = 10_000
FOLDS = 3


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label may be wrong.

    Attributes:
        row: Its position in the examples.
        given: The labels it carries.
        likely: The labels that the model expects.
        confidence: How likely the model finds the given ones, from 0 (surely wrong) to 1.
    """

    row: int
    given: tuple[str, ...]
    likely: tuple[str, ...]
    confidence: float


def find_suspects(examples: Sequence[Example], task: Task, seed: int) -> tuple[list[Suspect], str]:
    """The rows with suspect labels, the most suspect first.

    Returns:
        The suspects, and what was left out and why; empty when nothing was.
    """
    counts = Counter(name for example in examples for name in label_names(example, task.name) or ())
    classes = [name for name in task.labels if counts[name] >= CLASS_ROWS]
    small = [name for name in task.labels if 0 < counts[name] < CLASS_ROWS]
    rows = [row for row, example in enumerate(examples) if _is_usable(example, task, classes)]
    if len(classes) < (2 if task.kind == "single" else 1) or len(rows) < FOLDS * CLASS_ROWS:
        return [], f"not enough labels with at least {CLASS_ROWS} rows"
    left_out = f"left out, having fewer than {CLASS_ROWS} rows: {', '.join(small[:10])}" if small else ""
    if len(rows) > LIMIT_ROWS:
        chosen = np.random.default_rng(seed).choice(len(rows), LIMIT_ROWS, replace=False)
        left_out += f"{'; ' if left_out else ''}{LIMIT_ROWS:,} of {len(rows):,} rows were looked at"
        rows = [rows[position] for position in sorted(chosen)]
    used = [examples[row] for row in rows]
    find = _find_single if task.kind == "single" else _find_multi
    try:
        found = find(used, task, classes, seed)
    except ValueError as error:  # no word stands in two texts, or a fold lacks a class
        return [], f"the texts do not allow it ({str(error).splitlines()[0][:80]})"
    return [Suspect(rows[s.row], s.given, s.likely, s.confidence) for s in found], left_out


def _is_usable(example: Example, task: Task, classes: Sequence[str]) -> bool:
    names = label_names(example, task.name)
    if names is None or not example.text.strip():
        return False
    return task.kind == "multi" or (len(names) == 1 and names[0] in classes)


def _find_single(examples: list[Example], task: Task, classes: list[str], seed: int) -> list[Suspect]:
    from cleanlab.filter import find_label_issues

    position = {name: i for i, name in enumerate(classes)}
    given = np.array([position[(label_names(example, task.name) or ("",))[0]] for example in examples])
    given_classes, given = np.unique(given, return_inverse=True)  # the selection may lack one
    classes = [classes[i] for i in given_classes]
    chances = _predict_out_of_fold(_embed(examples), given, seed)
    ranked = find_label_issues(given, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [
        Suspect(
            int(row),
            (classes[given[row]],),
            (classes[chances[row].argmax()],),
            float(chances[row, given[row]]),
        )
        for row in ranked
        if chances[row].argmax() != given[row]
    ]


def _find_multi(examples: list[Example], task: Task, classes: list[str], seed: int) -> list[Suspect]:
    from cleanlab.filter import find_label_issues

    names = [set(label_names(example, task.name) or ()) for example in examples]
    carried = np.array([[int(label in row) for label in classes] for row in names])
    usable = [i for i in range(len(classes)) if CLASS_ROWS <= carried[:, i].sum() <= len(names) - CLASS_ROWS]
    if not usable:
        raise ValueError("every label stands on nearly all or nearly no rows")
    features = _embed(examples)
    found: dict[int, tuple[float, set[str]]] = {}  # row -> confidence, labels to add or to take away
    for i in usable:
        chances = _predict_out_of_fold(features, carried[:, i], seed)
        for row in find_label_issues(carried[:, i], chances, return_indices_ranked_by="self_confidence", n_jobs=1):
            if chances[row].argmax() != carried[row, i]:
                confidence, changes = found.get(int(row), (1.0, set()))
                confidence = min(confidence, float(chances[row, carried[row, i]]))
                found[int(row)] = (confidence, changes | {classes[i]})
    ranked = sorted(found.items(), key=lambda item: (item[1][0], item[0]))
    return [
        Suspect(row, tuple(sorted(names[row])), tuple(sorted(names[row] ^ changes)), confidence)
        for row, (confidence, changes) in ranked
    ]


def _embed(examples: list[Example]) -> Any:
    """TF-IDF of words and of characters, ``(rows, terms)`` float32, sparse."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    texts = [f"{example.text} {example.pair or ''}"[:2_000] for example in examples]
    words = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=10_000, token_pattern=r"(?u)\b\w+\b")
    characters = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2, max_features=10_000)
    return make_union(words, characters).fit_transform(texts).astype(np.float32)


def _predict_out_of_fold(features: Any, given: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """``(rows, classes)`` probabilities of each row from a model that has not seen it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = LogisticRegression(C=10, max_iter=30, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty steps need not converge to rank rows
        chances: NDArray[np.float64] = cross_val_predict(model, features, given, cv=folds, method="predict_proba")
    return chances
