from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import KitConfig, ModelConfig, TrainConfig
from core.data.batch import TIGHT_PADDING, TIGHT_TOKENS, epoch_batches, sorted_batches, tight_batches, tokenize
from core.data.example import Text, make_dataset
from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.linear import LinearClassifier, fit_linear
from core.predict.blend import BlendClassifier, blend
from core.predict.decide import calibrate
from core.predict.engine import EncoderClassifier, score_tokens
from core.train.fit import fit_probe, fit_tuned
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
DATA = make_dataset(make_examples(90), TASKS)


@pytest.fixture
def encoder(tiny_backbone: Path) -> EncoderClassifier:
    config = KitConfig(
        model=ModelConfig(backbone=str(tiny_backbone), max_tokens=32),
        predict=KitConfig().predict.model_copy(update={"precision": "fp32"}),
    )
    return fit_probe(DATA, TASKS, config)


@pytest.fixture
def linear() -> LinearClassifier:
    return fit_linear(DATA.texts, TASKS, DATA.targets, DATA.known)


def test_scores_come_back_in_the_order_of_the_texts(encoder: EncoderClassifier) -> None:
    together = encoder.logits(DATA.texts)
    for row in (0, 17, 89):
        for all_rows, alone in zip(together, encoder.logits([DATA.texts[row]]), strict=True):
            np.testing.assert_allclose(all_rows[row], alone[0], atol=1e-4)


def test_batch_size_changes_nothing(encoder: EncoderClassifier) -> None:
    small = EncoderClassifier(encoder.model, encoder.tokenizer, max_tokens=32, batch_size=3, precision="fp32")
    for a, b in zip(encoder.logits(DATA.texts), small.logits(DATA.texts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_text_that_was_read_just_now_is_not_read_again(
    encoder: EncoderClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = EncoderClassifier(encoder.model, encoder.tokenizer, max_tokens=32, precision="fp32", recent_texts=8)
    texts = DATA.texts[:5]
    logits, states = keeping.read(texts)
    for a, b in zip(logits, encoder.logits(texts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    monkeypatch.setattr("core.predict.engine.tokenize", None)  # whatever is read is tokenised first
    np.testing.assert_array_equal(keeping.embeddings(texts), states)
    np.testing.assert_array_equal(keeping.logits(texts[:2])[0], logits[0][:2])
    doubled = keeping.scaled([2.0] * len(TASKS)).logits(texts)
    np.testing.assert_allclose(doubled[0], 2 * logits[0], rtol=1e-5)


def test_bf16_is_close_to_fp32(encoder: EncoderClassifier) -> None:
    quick = EncoderClassifier(encoder.model, encoder.tokenizer, max_tokens=32, precision="bf16")
    for a, b in zip(encoder.logits(DATA.texts), quick.logits(DATA.texts), strict=True):
        assert np.abs(a - b).max() < 0.05 * max(1.0, np.abs(a).max())


def test_the_pair_is_read(encoder: EncoderClassifier) -> None:
    with_pair, without = encoder.logits([("profit rises", "bank"), ("profit rises", None)])[0]
    assert not np.allclose(with_pair, without)


def test_one_pass_gives_the_logits_and_the_states_of_two(encoder: EncoderClassifier, linear: LinearClassifier) -> None:
    reading = calibrate(TASKS, linear.logits(DATA.texts), DATA)
    mixed = blend(linear, reading, encoder, calibrate(TASKS, encoder.logits(DATA.texts), DATA))
    for classifier in (encoder, mixed):
        logits, states = classifier.read(DATA.texts)
        np.testing.assert_allclose(states, encoder.embeddings(DATA.texts), atol=1e-5)
        for a, b in zip(logits, classifier.logits(DATA.texts), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
    assert linear.read(DATA.texts)[1] is None


def test_no_text_gives_no_row(encoder: EncoderClassifier, linear: LinearClassifier) -> None:
    assert [logits.shape for logits in encoder.logits([])] == [(0, 3), (0, 3)]


def test_saved_models_compute_the_same(encoder: EncoderClassifier, linear: LinearClassifier, tmp_path: Path) -> None:
    reading = calibrate(TASKS, linear.logits(DATA.texts), DATA)
    mixed = blend(linear, reading, encoder, calibrate(TASKS, encoder.logits(DATA.texts), DATA))
    encoder.save(tmp_path / "encoder")
    linear.save(tmp_path / "linear")
    mixed.save(tmp_path / "mixed")
    options = {"max_tokens": 32, "precision": "fp32"}
    pairs = [
        (encoder, EncoderClassifier.load(tmp_path / "encoder", TASKS, **options)),
        (linear, LinearClassifier.load(tmp_path / "linear", TASKS)),
        (mixed, BlendClassifier.load(tmp_path / "mixed", TASKS, **options)),
    ]
    for before, after in pairs:
        for a, b in zip(before.logits(DATA.texts), after.logits(DATA.texts), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_blend_weighs_its_parts(encoder: EncoderClassifier, linear: LinearClassifier) -> None:
    shares = {"sentiment": 0.25, "topics": 0.125}
    readings = [calibrate(TASKS, model.logits(DATA.texts), DATA) for model in (linear, encoder)]
    mixed = blend(linear, readings[0], encoder, readings[1], shares).logits(DATA.texts)
    for task, a, b, both in zip(TASKS, linear.logits(DATA.texts), encoder.logits(DATA.texts), mixed, strict=True):
        share, (one, other) = shares[task.name], (reading[task.name].temperature for reading in readings)
        expected = share * a / one + (1 - share) * b / other
        if task.kind == "single":  # where only differences within a row count
            expected, both = (x - x.mean(axis=1, keepdims=True) for x in (expected, both))
        np.testing.assert_allclose(both, expected, atol=1e-4)


def test_linear_model_reads_chinese_by_characters_and_learns_every_kind_of_task() -> None:
    texts = [("利润大幅增长", None), ("净利润下滑亏损", None)] * 20
    targets = {"sentiment": np.array([2, 0] * 20), "topics": np.array([[1, 0, 0], [0, 0, 0]] * 20, dtype=np.float32)}
    known = {name: np.ones(40, dtype=bool) for name in targets}
    model = fit_linear(texts, TASKS, targets, known, analyzer="char")
    single, multi = model.logits([("公司利润增长", None), ("公司亏损", None)])
    assert single.argmax(axis=1).tolist() == [2, 0]
    assert (multi[:, 0] > 0).tolist() == [True, False]
    assert (multi[:, 1:] < 0).all()


@pytest.mark.parametrize("tuning", ["full", "lora", "head"])
def test_tuned_rung_learns_the_made_up_task(tiny_backbone: Path, tuning: str) -> None:
    config = KitConfig(
        model=ModelConfig(backbone=str(tiny_backbone), tuning=tuning, max_tokens=32, dropout=0.0),  # type: ignore[arg-type]
        train=TrainConfig(epochs=15, lr=5e-3, batch_size=16, precision="fp32"),
    )
    held = make_dataset(make_examples(60, seed=5), TASKS)
    classifier, curve = fit_tuned(make_dataset(make_examples(240, seed=6), TASKS), held, TASKS, config)
    right = (classifier.logits(held.texts)[0].argmax(axis=1) == held.targets["sentiment"]).mean()
    assert right > 0.6
    assert curve[-1].loss < curve[0].loss


@given(st.lists(st.integers(1, 60), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 5))
def test_an_epoch_visits_every_row_once_in_an_order_of_its_own(lengths: list[int], batch_size: int, epoch: int) -> None:
    tokens = np.array(lengths)
    batches = epoch_batches(tokens, batch_size, seed=1, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert max(map(len, batches)) <= batch_size
    again = epoch_batches(tokens, batch_size, seed=1, epoch=epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_epochs_differ_and_waste_little_on_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 120, size=3000)
    first, second = (epoch_batches(lengths, 32, seed=1, epoch=e) for e in (0, 1))
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    padded = sum(len(rows) * lengths[rows].max() for rows in first)
    assert padded < 1.15 * lengths.sum()


def test_scoring_batches_go_from_long_to_short() -> None:
    lengths = np.array([3, 9, 1, 7])
    assert [rows.tolist() for rows in sorted_batches(lengths, 2)] == [[1, 3], [0, 2]]


@given(st.lists(st.integers(0, 3000), max_size=300), st.integers(1, 40))
def test_tight_batches_hold_every_row_once_from_long_to_short_and_little_padding(
    lengths: list[int], batch_size: int
) -> None:
    tokens = np.array(lengths, dtype=np.int64)
    batches = list(tight_batches(tokens, batch_size))
    visited = np.concatenate([np.zeros(0, dtype=np.int64), *batches])
    assert sorted(visited.tolist()) == list(range(len(lengths)))
    assert tokens[visited].tolist() == sorted(lengths, reverse=True)
    for rows in batches:
        width = tokens[rows].max()
        assert 1 <= len(rows) <= batch_size
        assert len(rows) == 1 or len(rows) * width <= TIGHT_TOKENS
        assert (width - tokens[rows]).sum() <= TIGHT_PADDING


def test_tight_batches_waste_far_less_than_batches_of_many_rows() -> None:
    lengths = np.random.default_rng(0).geometric(0.07, size=1500).clip(5, 128)
    tight, plain = (
        sum(len(rows) * lengths[rows].max() for rows in batches(lengths, 128))
        for batches in (tight_batches, sorted_batches)
    )
    assert tight < 1.08 * lengths.sum()
    assert plain > 1.2 * lengths.sum()


@pytest.mark.slow
def test_packaged_encoder_puts_like_next_to_like() -> None:
    folder = resolve_backbone("packaged")
    encoder = EncoderClassifier(TextClassifier(load_encoder(folder), TASKS), load_tokenizer(folder), max_tokens=64)
    vectors = encoder.embeddings(
        [
            ("The bank raised its dividend", None),
            ("Dividend increased by the lender", None),
            ("Rain in the hills", None),
        ]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(30)))
def test_order_of_the_texts_is_the_order_of_the_scores(encoder: EncoderClassifier, order: list[int]) -> None:
    texts: list[Text] = [("profit " * (1 + row), "bank" if row % 2 else None) for row in range(30)]
    straight = encoder.logits(texts)
    for whole, mixed in zip(straight, encoder.logits([texts[row] for row in order]), strict=True):
        np.testing.assert_allclose(whole[order], mixed, atol=1e-4)


def test_saved_encoder_scores_the_same_bits_and_leaves_the_tokenizer_as_it_was(
    encoder: EncoderClassifier, tmp_path: Path
) -> None:
    before = encoder.logits(DATA.texts)
    encoder.save(tmp_path)
    loaded = EncoderClassifier.load(tmp_path, TASKS, max_tokens=32, precision="fp32")
    for mine, again, theirs in zip(before, encoder.logits(DATA.texts), loaded.logits(DATA.texts), strict=True):
        np.testing.assert_array_equal(mine, again)
        np.testing.assert_array_equal(mine, theirs)
    assert load_tokenizer(tmp_path).truncation is None
    assert loaded.parameters == encoder.parameters


def test_scaled_encoder_multiplies_the_logits_of_each_task_and_leaves_the_first_alone(
    encoder: EncoderClassifier,
) -> None:
    before = encoder.logits(DATA.texts)
    for factor, mine, theirs in zip((2.0, 0.5), before, encoder.scaled((2.0, 0.5)).logits(DATA.texts), strict=True):
        np.testing.assert_allclose(factor * mine, theirs, rtol=1e-5, atol=1e-6)
    for mine, again in zip(before, encoder.logits(DATA.texts), strict=True):
        np.testing.assert_array_equal(mine, again)


def test_every_batch_is_cast_as_its_caller_asks(encoder: EncoderClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    forward = TextClassifier.forward

    def note(model: TextClassifier, **batch: Any) -> tuple[torch.Tensor, ...]:
        seen.append(torch.is_autocast_enabled("cpu"))
        return forward(model, **batch)

    monkeypatch.setattr(TextClassifier, "forward", note)
    tokens = tokenize(encoder.tokenizer, DATA.texts, 32)
    for wanted in (True, False):
        with torch.autocast("cpu", torch.bfloat16, wanted):
            score_tokens(encoder.model, tokens, 2)
        assert len(seen) > 2
        assert set(seen) == {wanted}
        seen.clear()


def test_scoring_leaves_a_model_in_training_as_it_was(encoder: EncoderClassifier) -> None:
    model = encoder.model.train()
    score_tokens(model, tokenize(encoder.tokenizer, DATA.texts[:4], 32), 2)
    assert model.training
    model.eval()
