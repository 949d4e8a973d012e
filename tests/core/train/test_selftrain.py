"""Learning from texts that nobody has labelled: what is taken, what is left out, and what it is worth."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.config import KitConfig
from core.data.example import Example, Task, make_dataset
from core.data.load import Corpus
from core.predict.judge import leave_out_seen
from core.predict.load import load_model
from core.train import ladder as ladders
from core.train.fit import fit_probe
from core.train.ladder import climb
from core.train.recipe import train_bundle
from core.train.selftrain import choose_near, fit_self_trained
from tests.core.examples import SENTIMENT, make_examples
from tests.core.train.test_recipe import KIT, SPECS, configure

SAMPLE = Path(__file__).parents[3] / "sample_data" / "support"
RUNGS = ("contrast", "self_trained")


def read_sample(name: str) -> list[Example]:
    with (SAMPLE / name).open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["intent"] != "oos" and ";" not in row["intent"]]
    return [Example(row["text"], labels={"intent": row["intent"]}) for row in rows]


@pytest.mark.slow
def test_what_is_read_in_many_texts_teaches_what_few_rows_do_not() -> None:
    examples, test = read_sample("train.csv"), read_sample("test.csv")
    task = Task("intent", "single", tuple(sorted({str(example.labels["intent"]) for example in examples})))
    few = [e for label in task.labels for e in [e for e in examples if e.labels["intent"] == label][:4]]
    rows, held = make_dataset(few, [task]), make_dataset(test, [task])
    labelled = {example.text for example in few}
    others = [(example.text, None) for example in examples if example.text not in labelled]
    config = KitConfig()
    before = fit_probe(rows, [task], config)
    taught = fit_self_trained(before, rows, choose_near(before, rows, others, task, config), task, config)
    right = [np.mean(m.logits(held.texts)[0].argmax(axis=1) == held.targets["intent"]) for m in (before, taught)]
    assert right[1] > right[0] + 0.02


def test_texts_about_something_else_are_left_out_and_there_may_be_very_many() -> None:
    task = Task("intent", "single", ("card_lost", "card_stolen"))
    rows = make_dataset([e for e in read_sample("train.csv") if e.labels["intent"] in task.labels], [task])
    encoder = fit_probe(rows, [task], KitConfig())
    own = [(text, None) for text in ("My bank card has disappeared", "somebody took my card", "I can't find my card")]
    other = [(text, None) for text in ("the cat sleeps on the roof", "quantum chromodynamics", "boil the pasta")]
    config = KitConfig()
    assert choose_near(encoder, rows, [*own, *other], task, config) == own
    assert choose_near(encoder, rows, [], task, config) == []
    assert len(choose_near(encoder, rows, own * 400, task, config, seconds=1.0)) == 150


def test_what_is_read_as_out_of_scope_may_lie_as_far_as_what_is_known_to_be() -> None:
    task = Task("intent", "single", ("card_lost", "oos"))
    far = ("what is the capital of Peru", "sing me a song", "who won the match", "is it going to rain", "boil an egg")
    known = [e for e in read_sample("train.csv") if e.labels["intent"] == "card_lost"]
    rows = make_dataset([*known, *(Example(text, labels={"intent": "oos"}) for text in far)], [task])
    encoder = fit_probe(rows, [task], KitConfig())
    texts = [("what is the capital of Chad", None), ("is it going to snow", None)]
    assert choose_near(encoder, rows, texts, task, KitConfig()) == texts


def test_rows_without_a_label_are_learned_from_and_known_again(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladders, "_judge", lambda *arguments: (True, "It is the last one."))
    examples = make_examples(60)
    known = {example.text for example in examples}
    unlabelled = [replace(e, labels={}) for e in make_examples(90, seed=5) if e.text not in known]
    corpus = Corpus([*examples, *unlabelled, replace(examples[0], labels={})], [], ("made.csv",), {})
    trained = train_bundle(corpus, SPECS[:1], configure(tiny_backbone, rungs=RUNGS), tmp_path / "model", KIT)
    assert trained.ladder.chosen.name == "self_trained"
    report = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert f"{len(unlabelled)} rows carry no label: what the model reads in them was learned from" in report
    model = load_model(tmp_path / "model", KitConfig, "made")
    texts = [(example.text, None) for example in examples[:5]]
    np.testing.assert_array_equal(model.classifier.logits(texts)[0], trained.ladder.classifier.logits(texts)[0])
    assert leave_out_seen(model, unlabelled) == ([], len(unlabelled))


def test_rung_says_what_it_lacks(tiny_backbone: Path) -> None:
    rows, held = make_dataset(make_examples(30), [SENTIMENT]), make_dataset(make_examples(30, 1), [SENTIMENT])
    config = configure(tiny_backbone, rungs=RUNGS)
    few = [(example.text, None) for example in make_examples(9, seed=3)]
    assert "of 9 rows without a label" in climb(rows, held, [SENTIMENT], config, unlabelled=few).rungs[1].reason
    alone = configure(tiny_backbone, rungs=("tfidf", "self_trained"))
    assert "it goes on from contrast" in climb(rows, held, [SENTIMENT], alone, unlabelled=few).rungs[1].reason
