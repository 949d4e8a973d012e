from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.data.example import Task, Text, make_dataset
from core.errors import DataError, ModelError
from core.model import linear
from core.model.linear import LinearClassifier, fit_linear
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
DATA = make_dataset(make_examples(120), TASKS)


def fit(**options: Any) -> LinearClassifier:
    return fit_linear(DATA.texts, TASKS, DATA.targets, DATA.known, **options)


@pytest.mark.parametrize("analyzer", ["word", "char", "word+char"])
def test_saved_model_gives_identical_logits(tmp_path: Path, analyzer: Any) -> None:
    model = fit(analyzer=analyzer)
    model.save(tmp_path)
    loaded = LinearClassifier.load(tmp_path, TASKS)
    new = [*DATA.texts, ("never seen 净利润 Ünïcode", "bank")]
    for before, after in zip(model.logits(new), loaded.logits(new), strict=True):
        np.testing.assert_array_equal(before, after)
    assert loaded.parameters == model.parameters
    assert {file.suffix for file in tmp_path.iterdir()} == {".json", ".safetensors"}


def test_both_kinds_of_task_are_learned() -> None:
    held = make_dataset(make_examples(100, seed=5), TASKS)
    single, multi = fit().logits(held.texts)
    assert (single.argmax(axis=1) == held.targets["sentiment"]).mean() > 0.95
    assert ((multi > 0) == held.targets["topics"]).mean() > 0.95


def test_same_seed_gives_the_same_model() -> None:
    for a, b in zip(fit(seed=4).logits(DATA.texts), fit(seed=4).logits(DATA.texts), strict=True):
        np.testing.assert_array_equal(a, b)


def test_pair_takes_part() -> None:
    texts: list[Text] = [("the meeting", "bank" if row % 2 else "mine") for row in range(20)]
    targets = {"t": np.arange(20) % 2}
    known = {"t": np.ones(20, dtype=bool)}
    model = fit_linear(texts, [Task("t", "single", ("a", "b"))], targets, known)
    assert model.logits([("the meeting", "mine"), ("the meeting", "bank")])[0].argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_label_never_seen_is_never_predicted_and_one_always_seen_is(kind: Any) -> None:
    task = Task("t", kind, ("always", "never"))
    targets = np.zeros(10, dtype=np.int64) if kind == "single" else np.array([[1, 0]] * 10, dtype=np.float32)
    texts: list[Text] = [(f"text {word}", None) for word in "abcdefghij"]
    (logits,) = fit_linear(texts, [task], {"t": targets}, {"t": np.ones(10, dtype=bool)}).logits(texts)
    assert (logits[:, 0] > 1).all()
    assert (logits[:, 1] < -1).all()


def test_task_without_a_labelled_row_claims_nothing() -> None:
    unknown = {"sentiment": DATA.known["sentiment"], "topics": np.zeros(120, dtype=bool)}
    _, multi = fit_linear(DATA.texts, TASKS, DATA.targets, unknown).logits(DATA.texts)
    assert (multi < 0).all()


def test_texts_without_a_word_are_a_clear_error() -> None:
    with pytest.raises(DataError, match=r"train\.analyzer.*try char"):
        fit_linear(
            [("!!!", None), ("？", None)],
            TASKS[:1],
            {"sentiment": np.array([0, 1])},
            {"sentiment": np.ones(2, dtype=bool)},
            analyzer="word",
        )


def test_only_the_beginning_of_an_endless_text_is_read() -> None:
    model, start = fit(), "profit rises sharply . " * 400
    for a, b in zip(model.logits([(start, None)]), model.logits([(start[: linear.MAX_CHARACTERS], None)]), strict=True):
        np.testing.assert_array_equal(a, b)


def edit_terms(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        document = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
        changed = change(document)
        text = changed if isinstance(changed, str) else json.dumps(document)
        (folder / "vocabulary.json").write_text(text, encoding="utf-8")

    return edit


def edit_tensors(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        tensors = load_file(folder / "weights.safetensors")
        change(tensors)
        save_file(tensors, folder / "weights.safetensors")

    return edit


DAMAGED: dict[str, Callable[[Path], Any]] = {
    "no vocabulary": lambda folder: (folder / "vocabulary.json").unlink(),
    "no weights": lambda folder: (folder / "weights.safetensors").unlink(),
    "weights are a pickle": lambda folder: (folder / "weights.safetensors").write_bytes(b"\x80\x04N."),
    "unknown analyzer": edit_terms(lambda v: v.update(analyzer="evil")),
    "deep document": edit_terms(lambda v: "[" * 100_000),
    "a list": edit_terms(lambda v: "[]"),
    "one term less": edit_terms(lambda v: v["terms"][0].pop()),
    "a term twice": edit_terms(lambda v: v["terms"][0].__setitem__(0, v["terms"][0][1])),
    "terms that are no text": edit_terms(lambda v: v["terms"][0].__setitem__(0, {})),
    "one n-gram kind less": edit_terms(lambda v: v["terms"].pop()),
    "weights absent": edit_tensors(lambda t: t.pop("weight.1")),
    "weights of another size": edit_tensors(lambda t: t.update({"weight.0": t["weight.0"][:, 1:].copy()})),
    "weights of one label less": edit_tensors(lambda t: t.update({"bias.0": t["bias.0"][1:].copy()})),
    "idf of another size": edit_tensors(lambda t: t.update({"idf.0": t["idf.0"][1:].copy()})),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, damage: str) -> None:
    fit().save(tmp_path)
    DAMAGED[damage](tmp_path)
    with pytest.raises(ModelError):
        LinearClassifier.load(tmp_path, TASKS)
