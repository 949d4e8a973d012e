"""Tuning on pairs: what is drawn, what the loss says, and that texts that mean the same come to lie near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.config import KitConfig
from core.data.batch import tokenize
from core.data.example import make_dataset
from core.model.backbone import load_encoder, load_tokenizer
from core.model.heads import TextClassifier
from core.predict.engine import embed_tokens
from core.predict.match import TASKS, make_matcher
from core.train.contrast import PASS_ROWS, Contrast, contrast_loss, contrast_steps, draw_by_label, embed_rows
from core.train.fit import fit_rung
from core.train.ladder import climb
from core.train.match import MatchTexts, fit_matcher
from tests.core.examples import SENTIMENT, make_examples


@given(st.lists(st.integers(-1, 5), max_size=60), st.integers(0, 5))
def test_every_row_is_an_anchor_once_with_a_partner_of_its_label(labels: list[int], epoch: int) -> None:
    marks = np.array(labels, dtype=np.int64)
    pairs = draw_by_label(marks, 0)(epoch)
    has_company = [row for row, mark in enumerate(labels) if mark >= 0 and labels.count(mark) > 1]
    assert sorted(pairs.anchors.tolist()) == has_company
    assert (marks[pairs.anchors] == marks[pairs.partners]).all()
    assert (pairs.anchors != pairs.partners).all()


@given(st.lists(st.integers(-1, 5), max_size=60), st.integers(1, 9))
def test_partners_are_learned_from_in_one_batch_so_that_a_row_is_read_once(labels: list[int], half: int) -> None:
    pairs = draw_by_label(np.array(labels, dtype=np.int64), 0)(0)
    for start in range(0, len(pairs.anchors), 2 * half):
        chosen = slice(start, start + 2 * half)
        read = np.union1d(pairs.anchors[chosen], pairs.partners[chosen])
        assert len(read) <= len(pairs.anchors[chosen]) + 2  # a ring may be cut at either end


def test_pairs_grow_with_the_rows_and_differ_from_epoch_to_epoch() -> None:
    draw = draw_by_label(np.repeat(np.arange(10), 1000), 0)
    assert len(draw(0).anchors) == 10_000
    assert (draw(0).partners == draw(0).partners).all()
    assert (draw(0).partners != draw(1).partners).any()


def test_loss_is_that_of_finding_the_partner_and_passes_over_what_means_the_same() -> None:
    anchors = torch.eye(3)
    alone = torch.zeros(3, 3, dtype=torch.bool)
    found = contrast_loss(anchors, anchors, alone, 0.1)
    expected = -torch.log(torch.tensor(1.0).exp().pow(10) / (torch.tensor(1.0).exp().pow(10) + 2))
    assert float(found) == pytest.approx(float(expected), abs=1e-5)
    everything_same = torch.ones(3, 3, dtype=torch.bool)
    assert float(contrast_loss(anchors, anchors, everything_same, 0.1)) == pytest.approx(0.0, abs=1e-6)
    confused = contrast_loss(anchors, torch.eye(3)[[1, 0, 2]], alone, 0.1)
    assert float(confused) > float(found) + 1


def test_texts_of_one_label_come_to_lie_near(tiny_backbone: Path) -> None:
    examples = make_examples(90)
    rows = make_dataset(examples, [SENTIMENT])
    config = KitConfig.model_validate({"model": {"backbone": str(tiny_backbone), "max_tokens": 48}})
    tokenizer = load_tokenizer(tiny_backbone)
    model = TextClassifier(load_encoder(tiny_backbone), TASKS)
    marks = rows.targets["sentiment"].astype(np.int64)
    texts = [text for text, _ in rows.texts]

    def separation() -> float:
        cosines = (v := make_matcher(model, tokenizer, config).embed(texts)) @ v.T
        same = marks[:, None] == marks[None, :]
        return float(cosines[same].mean() - cosines[~same].mean())

    before = separation()
    work = Contrast(tokenize(tokenizer, rows.texts, 48), marks, draw_by_label(marks, 0), epochs=12)
    steps = list(contrast_steps(model, work, config.train.model_copy(update={"lr": 1e-3}), 0))
    assert steps[-1].number == steps[-1].total == 12 * 3
    assert separation() > before + 0.03


def test_forward_passes_have_few_shapes_whatever_the_batch_holds(tiny_backbone: Path) -> None:
    rows = make_dataset(make_examples(90), [SENTIMENT])
    model = TextClassifier(load_encoder(tiny_backbone), TASKS)
    tokens = tokenize(load_tokenizer(tiny_backbone), rows.texts, 48)
    seen = set()
    model.encoder.register_forward_pre_hook(lambda _, __, inputs: seen.add(inputs["input_ids"].shape), with_kwargs=True)
    marks = rows.targets["sentiment"].astype(np.int64)
    config = KitConfig().train.model_copy(update={"batch_size": 7, "precision": "fp32"})
    list(contrast_steps(model, Contrast(tokens, marks, draw_by_label(marks, 0), epochs=2), config, 0))
    assert {count for count, _ in seen} == {PASS_ROWS}
    assert {width for _, width in seen} <= set(tokens.lengths.tolist())


def test_padding_and_order_of_the_passes_do_not_change_the_vectors(tiny_backbone: Path) -> None:
    rows = make_dataset(make_examples(40), [SENTIMENT])
    model = TextClassifier(load_encoder(tiny_backbone), TASKS).eval()
    tokens = tokenize(load_tokenizer(tiny_backbone), rows.texts, 48)
    chosen = np.array([30, 2, 17, 5, 8, 33, 21, 0, 39, 11, 12, 13, 14, 15, 16, 1, 3, 38])
    with torch.no_grad():
        vectors = embed_rows(model, tokens, chosen, torch.device("cpu"))
    assert vectors.shape == (len(chosen), 32)
    np.testing.assert_allclose(vectors.numpy(), embed_tokens(model, tokens, 128)[chosen], atol=1e-5)


def test_contrast_rung_fits_few_rows_and_is_left_out_for_many(tiny_backbone: Path) -> None:
    rows, held = make_dataset(make_examples(30), [SENTIMENT]), make_dataset(make_examples(60, 1), [SENTIMENT])
    config = KitConfig.model_validate(
        {
            "model": {"backbone": str(tiny_backbone), "max_tokens": 48},
            "train": {"rungs": ["tfidf", "contrast"], "precision": "fp32"},
            "predict": {"precision": "fp32"},
        }
    )
    classifier, curve = fit_rung("contrast", rows, held, [SENTIMENT], config)
    right = classifier.logits(held.texts)[0].argmax(axis=1) == held.targets["sentiment"]
    assert right.mean() > 0.5
    assert curve == ()
    again, _ = fit_rung("contrast", rows, held, [SENTIMENT], config)
    assert np.allclose(again.logits(held.texts[:3])[0], classifier.logits(held.texts[:3])[0], atol=1e-4)
    many = make_dataset(make_examples(120), [SENTIMENT])
    ladder = climb(many, held, [SENTIMENT], config)
    assert "rows of each label" in ladder.rungs[1].reason
    assert ladder.rungs[1].classifier is None
    heads = config.model_copy(update={"model": config.model.model_copy(update={"tuning": "head"})})
    assert "only the heads" in climb(rows, held, [SENTIMENT], heads).rungs[1].reason


def test_matcher_is_kept_as_it_is_where_questions_are_few(tiny_backbone: Path) -> None:
    config = KitConfig.model_validate({"model": {"backbone": str(tiny_backbone), "max_tokens": 48}})
    texts = MatchTexts(["profit"] * 10, ["loss"] * 10, np.arange(10))
    (only,) = fit_matcher(texts, config, ("full",))
    assert only.name == "frozen"


@pytest.mark.parametrize("way", ["full", "lora"])
def test_matcher_learns_which_answer_belongs_to_a_question(tiny_backbone: Path, way: str) -> None:
    words = ("oil", "steel", "bank", "mine", "strike", "merger", "dividend", "plant", "agenda", "fine")
    answers = [f"the report on {word} and {other}" for word in words for other in words if word < other]
    pairs = [(f"when {word} rises after {other}", i) for i, (word, other) in enumerate(
        (w, o) for w in words for o in words if w < o)]  # fmt: skip
    questions = [question for question, _ in pairs] * 4
    right = np.array([i for _, i in pairs] * 4)
    config = KitConfig.model_validate(
        {
            "model": {"backbone": str(tiny_backbone), "max_tokens": 48},
            "train": {"precision": "fp32"},
            "predict": {"precision": "fp32"},
        }
    )
    tried = fit_matcher(MatchTexts(questions, answers, right, questions, right), config, (way,))  # type: ignore[arg-type]
    assert {trial.name for trial in tried} == {"frozen", way}
    scores = {trial.name: trial.reciprocal_rank for trial in tried}
    assert (tried[0].name == way) == (scores[way] > scores["frozen"])
    assert tried[0].matcher.embed(["oil"]).shape == (1, 32)
