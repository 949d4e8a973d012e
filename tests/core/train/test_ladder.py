from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.config import DataConfig, EvaluateConfig, KitConfig, ModelConfig, TrainConfig
from core.data.example import Dataset, Example, make_dataset
from core.data.load import Corpus, TaskSpec, build_tasks
from core.errors import ConfigError, DataError
from core.train.ladder import climb
from core.train.recipe import KitFacts, train_bundle
from tests.core.examples import SENTIMENT, TOPICS, make_examples

TASKS = (SENTIMENT, TOPICS)
KIT = KitFacts("made", "Made up", "Tests.", "…")
SPECS = (TaskSpec("sentiment", "single", SENTIMENT.labels), TaskSpec("topics", "multi"))


def configure(backbone: Path, **train: Any) -> KitConfig:
    return KitConfig(
        data=DataConfig(validation_fraction=0.2),
        model=ModelConfig(backbone=str(backbone), max_tokens=32),
        train=TrainConfig(**{"epochs": 1} | train),
        evaluate=EvaluateConfig(bootstrap_samples=50),
    )


def rows(count: int, seed: int) -> Dataset:
    return make_dataset(make_examples(count, seed), TASKS)


def test_dearer_rung_that_wins_nothing_is_passed_over(tiny_backbone: Path) -> None:
    ladder = climb(rows(200, 1), rows(80, 2), TASKS, configure(tiny_backbone))
    assert [rung.name for rung in ladder.rungs] == ["tfidf", "probe", "blend", "tuned", "tuned_blend"]
    assert ladder.chosen.name == "tfidf"
    assert all("Not a clear gain" in rung.reason for rung in ladder.rungs[1:])
    assert ladder.classifier is ladder.chosen.classifier


def test_rung_that_is_clearly_better_is_kept(tiny_backbone: Path) -> None:
    train, validation = rows(200, 1), rows(80, 2)
    blind = Dataset([("the", None)] * len(train), train.targets, train.known)  # what TF-IDF is given to read

    def blinded(texts: Any, *arguments: Any, **options: Any) -> Any:
        return fit_linear(blind.texts, *arguments, **options)

    from core.train import fit

    fit_linear = fit.fit_linear
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "fit_linear", blinded)
        ladder = climb(train, validation, TASKS, configure(tiny_backbone, rungs=("tfidf", "probe")))
    assert ladder.chosen.name == "probe"
    assert ladder.chosen.reason.startswith("Wins")


class Fixed:
    """A classifier that always says the same."""

    parameters = 0

    def __init__(self, logits: Any, kind: str = "tfidf") -> None:
        self.kind, self.tasks = kind, TASKS[:1]
        self._logits = logits

    def logits(self, texts: Any) -> list[Any]:
        return [self._logits]


@pytest.mark.parametrize("knows_when_it_errs", [True, False])
def test_lead_that_the_metric_cannot_tell_is_told_by_the_log_loss(
    monkeypatch: pytest.MonkeyPatch, tiny_backbone: Path, knows_when_it_errs: bool
) -> None:
    data = make_dataset(make_examples(300, 2), TASKS[:1])
    truth = data.targets["sentiment"]
    chosen = np.where(np.arange(len(truth)) % 4 == 0, (truth + 1) % 3, truth)  # wrong in every fourth row
    cheap = 2.0 * np.eye(3, dtype=np.float32)[chosen]
    dear = cheap.copy()
    if knows_when_it_errs:
        dear[chosen != truth] *= 0.1
    better, worse = [0, 4, 8, 12], [1, 2, 3]  # one more is right: nothing, for macro-F1
    dear[better], dear[worse] = 2.0 * np.eye(3)[truth[better]], 2.0 * np.eye(3)[(truth[worse] + 1) % 3]
    models = {"tfidf": Fixed(cheap), "probe": Fixed(dear)}
    monkeypatch.setattr("core.train.ladder.fit_rung", lambda name, *_: (models[name], ()))
    ladder = climb(data, data, TASKS[:1], configure(tiny_backbone, rungs=("tfidf", "probe")))
    assert ladder.chosen.name == ("probe" if knows_when_it_errs else "tfidf")
    assert "log loss" in ladder.rungs[1].reason


@pytest.mark.parametrize(("kind", "swapped", "kept"), [
    ("encoder", False, "probe"),
    ("encoder", True, "tfidf"),
    ("tfidf", False, "tfidf"),
])  # fmt: skip
def test_of_rungs_that_cost_the_same_to_run_the_better_one_is_kept(
    monkeypatch: pytest.MonkeyPatch, tiny_backbone: Path, kind: str, swapped: bool, kept: str
) -> None:
    data = make_dataset(make_examples(300, 2), TASKS[:1])
    random, truth = np.random.default_rng(0), data.targets["sentiment"]
    good, better = (random.normal(size=(len(truth), 3)) + lead * np.eye(3)[truth] for lead in (1.0, 1.1))
    first, second = (better, good) if swapped else (good, better)
    models = {"tfidf": Fixed(first.astype(np.float32), kind), "probe": Fixed(second.astype(np.float32), "encoder")}
    monkeypatch.setattr("core.train.ladder.fit_rung", lambda name, *_: (models[name], ()))
    ladder = climb(data, data, TASKS[:1], configure(tiny_backbone, rungs=("tfidf", "probe")))
    assert ladder.chosen.name == kept, ladder.rungs[1].reason


@pytest.mark.parametrize("is_surer", [True, False])
def test_of_rungs_that_cost_the_same_and_are_alike_the_one_with_the_lower_log_loss_is_kept(
    monkeypatch: pytest.MonkeyPatch, tiny_backbone: Path, is_surer: bool
) -> None:
    data = make_dataset(make_examples(300, 2), TASKS[:1])
    truth = data.targets["sentiment"]
    chosen = np.where(np.arange(len(truth)) % 4 == 0, (truth + 1) % 3, truth)
    first = 2.0 * np.eye(3, dtype=np.float32)[chosen]
    second = first.copy()
    second[chosen != truth] *= 0.1 if is_surer else 1.0
    better, worse = [0, 4], [1, 2, 3]  # one more is wrong: less than the error bar
    second[better], second[worse] = 2.0 * np.eye(3)[truth[better]], 2.0 * np.eye(3)[(truth[worse] + 1) % 3]
    models = {"tfidf": Fixed(first, "encoder"), "probe": Fixed(second, "encoder")}
    monkeypatch.setattr("core.train.ladder.fit_rung", lambda name, *_: (models[name], ()))
    ladder = climb(data, data, TASKS[:1], configure(tiny_backbone, rungs=("tfidf", "probe")))
    assert ladder.chosen.name == ("probe" if is_surer else "tfidf"), ladder.rungs[1].reason
    assert "log loss" in ladder.rungs[1].reason


def test_spent_budget_leaves_the_first_rung(tiny_backbone: Path) -> None:
    ladder = climb(rows(60, 1), rows(30, 2), TASKS, configure(tiny_backbone, budget="0.001s"))
    assert ladder.chosen.name == "tfidf"
    assert all("budget" in rung.reason or "needs both" in rung.reason for rung in ladder.rungs[1:])


def test_blend_of_what_was_fitted_is_tried_when_time_is_over(
    tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 0.0 if next(looks) < 6 else 20.0)  # until the probe is being fitted
    monkeypatch.setattr("core.train.ladder.time", clock)
    rungs = climb(rows(60, 1), rows(30, 2), TASKS, configure(tiny_backbone, budget="10s")).rungs
    tried = {rung.name: rung.classifier is not None for rung in rungs}
    assert tried == {"tfidf": True, "probe": True, "blend": True, "tuned": False, "tuned_blend": False}


def test_texts_that_the_encoder_cannot_read_are_left_to_ngrams(tiny_backbone: Path) -> None:
    chinese = [
        Example(f"利润增长{i}" if i % 2 else f"亏损扩大{i}", labels={"sentiment": SENTIMENT.labels[i % 2]})
        for i in range(60)
    ]
    data = make_dataset(chinese, TASKS[:1])
    ladder = climb(data, data, TASKS[:1], configure(tiny_backbone, analyzer="char"))
    assert ladder.chosen.name == "tfidf"
    assert "not in the vocabulary" in ladder.rungs[1].reason
    assert "not in the vocabulary" in ladder.rungs[3].reason


def test_blend_alone_cannot_be_tried(tiny_backbone: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.rungs"):
        climb(rows(60, 1), rows(30, 2), TASKS, configure(tiny_backbone, rungs=("blend",)))


def test_rare_labels_are_left_out_and_named() -> None:
    examples = [*make_examples(30), Example("x", labels={"topics": ("weather",)})]
    tasks, left_out = build_tasks(examples, SPECS, 3)
    assert "weather" not in tasks[1].labels
    assert left_out == {"topics": {"weather": 1}}


def test_one_label_is_nothing_to_learn() -> None:
    with pytest.raises(DataError, match="too few different labels"):
        build_tasks([Example("x", labels={"sentiment": "positive"})] * 9, SPECS, 1)


def test_report_card_and_learning_curve_are_written(tiny_backbone: Path, tmp_path: Path) -> None:
    config = configure(tiny_backbone, rungs=("tfidf",))
    config = config.model_copy(update={"evaluate": EvaluateConfig(bootstrap_samples=50, learning_curve=True)})
    trained = train_bundle(Corpus(make_examples(200), [], ("made.csv",), {}), SPECS, config, tmp_path / "m", KIT)
    assert set(trained.summary["baselines"]) == {"majority", "tfidf"}
    assert "sentiment.macro_f1" in trained.summary["metrics"]
    assert trained.summary["baselines"]["tfidf"] == trained.summary["metrics"]
    assert "<html" in (tmp_path / "m" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "m" / "README.md").read_text(encoding="utf-8").startswith("# Made up")


def test_nothing_held_out_gives_a_model_without_scores(tiny_backbone: Path, tmp_path: Path) -> None:
    config = configure(tiny_backbone, rungs=("tfidf",))
    config = config.model_copy(update={"data": DataConfig(test_fraction=0.0, validation_fraction=0.2)})
    trained = train_bundle(Corpus(make_examples(60), [], (), {}), SPECS, config, tmp_path / "m", KIT)
    assert trained.summary == {}
    assert (tmp_path / "m" / "manifest.json").exists()


def test_rows_without_any_label_are_a_clear_error(tiny_backbone: Path, tmp_path: Path) -> None:
    corpus = Corpus([Example("a"), Example("b")], [], (), {})
    with pytest.raises(DataError, match="--map sentiment=COLUMN"):
        train_bundle(corpus, SPECS, configure(tiny_backbone), tmp_path / "m", KIT)


class Guesser:
    """A made-up rung that is wrong on some rows and right on the others."""

    kind = "tfidf"
    tasks = TASKS[:1]
    parameters = 0

    def __init__(self, wrong: slice, data: Dataset) -> None:
        self.answers = data.targets["sentiment"].copy()
        self.answers[wrong] = (self.answers[wrong] + 1) % 3

    def logits(self, texts: Any) -> list[Any]:
        return [np.eye(3, dtype=np.float32)[self.answers] * 4]


@pytest.mark.parametrize(
    ("wrong", "chosen"),
    [
        ((slice(0, 10), slice(71, 80)), "tfidf"),  # a row better on the whole, but on other rows
        ((slice(0, 30), slice(0, 10)), "probe"),
        ((slice(0, 10), slice(0, 30)), "tfidf"),
    ],
)
def test_gain_must_exceed_its_error_bar(
    tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch, wrong: tuple[slice, slice], chosen: str
) -> None:
    data = rows(80, 3)
    made = dict(zip(("tfidf", "probe"), (Guesser(part, data) for part in wrong), strict=True))
    monkeypatch.setattr("core.train.ladder.fit_rung", lambda name, *_: (made[name], ()))
    ladder = climb(data, data, TASKS[:1], configure(tiny_backbone, rungs=("tfidf", "probe")))
    assert ladder.chosen.name == chosen
    assert ladder.classifier is made[chosen]
    assert "against tfidf, error bar" in ladder.rungs[1].reason


def test_first_rung_is_tried_even_where_it_is_the_dear_one(tiny_backbone: Path) -> None:
    config = configure(tiny_backbone, rungs=("tuned", "tfidf"), budget="0.001s")
    assert climb(rows(60, 1), rows(30, 2), TASKS, config).rungs[0].classifier is not None


@pytest.mark.slow
def test_packaged_encoder_wins_where_words_of_the_test_were_never_trained_on() -> None:
    good = ("excellent", "wonderful", "superb", "delightful", "great", "fantastic", "lovely", "brilliant")
    bad = ("terrible", "awful", "horrible", "dreadful", "disastrous", "miserable", "poor", "disgusting")
    frames = ("The service was {}.", "What a {} meal!", "We had a {} stay.", "The film is {}.", "It is a {} phone.")

    def made(part: slice) -> Dataset:
        return make_dataset(
            [
                Example(frame.format(word), labels={"sentiment": mood})
                for mood, words in (("positive", good), ("negative", bad))
                for word in words[part]
                for frame in frames
            ],
            TASKS[:1],
        )

    ladder = climb(
        made(slice(0, 5)), made(slice(5, 8)), TASKS[:1], KitConfig(train=TrainConfig(rungs=("tfidf", "probe")))
    )
    assert ladder.chosen.name == "probe"
