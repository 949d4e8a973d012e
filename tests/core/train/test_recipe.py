from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import DataConfig, EvaluateConfig, KitConfig, ModelConfig, TrainConfig, load_config
from core.data.example import Example
from core.data.load import Corpus, TaskSpec
from core.data.row import Rejected
from core.errors import ConfigError, DataError, ResumeError
from core.predict.decide import probabilities
from core.predict.load import load_baselines, load_facts, load_model
from core.train import fit
from core.train.loop import Step
from core.train.recipe import KitFacts, Trained, train_bundle
from tests.core.examples import SENTIMENT, make_examples

KIT = KitFacts("made", "Made up", "Tests.", "…")
SPECS = (TaskSpec("sentiment", "single", SENTIMENT.labels), TaskSpec("topics", "multi"))


def configure(backbone: Path, data: dict[str, Any] | None = None, **train: Any) -> KitConfig:
    return KitConfig(
        seed=2,
        data=DataConfig(**{"validation_fraction": 0.2} | (data or {})),
        model=ModelConfig(backbone=str(backbone), max_tokens=32),
        train=TrainConfig(**{"epochs": 2, "rungs": ("tfidf", "tuned"), "precision": "fp32"} | train),
        evaluate=EvaluateConfig(bootstrap_samples=50),
    )


def train(out: Path, config: KitConfig, examples: list[Example] | None = None, **options: Any) -> Trained:
    corpus = Corpus(examples or make_examples(120), [Rejected("made.csv:9", "no text")], ("made.csv",), {})
    return train_bundle(corpus, SPECS, config, out, KIT, **options)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Training stops as if by Ctrl-C after three updates, until the patch is undone."""
    steps = fit.train_steps

    def stopping(*arguments: Any) -> Any:
        for event in steps(*arguments):
            yield event
            if isinstance(event, Step) and event.number == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(fit, "train_steps", stopping)
    return monkeypatch


def test_folder_holds_everything_and_nothing_is_left_beside_it(tiny_backbone: Path, tmp_path: Path) -> None:
    trained = train(tmp_path / "model", configure(tiny_backbone))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert {
        "bundle.json", "labels.json", "calibration.json", "config.toml", "metrics.json", "rows.json", "manifest.json",
        "report.html", "README.md", "model",
    } <= {path.name for path in (tmp_path / "model").iterdir()}  # fmt: skip
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["held_out"] == trained.summary
    assert [rung["rung"] for rung in metrics["ladder"]] == ["tfidf", "tuned"]
    assert metrics["data"]["rejected"] == {"no text": 1}
    assert sum(metrics["data"]["rows"].values()) == 120


def test_trained_and_loaded_model_say_the_same(tiny_backbone: Path, tmp_path: Path) -> None:
    trained = train(tmp_path / "model", configure(tiny_backbone))
    model = load_model(tmp_path / "model", KitConfig, "made")
    texts = [(example.text, example.pair) for example in make_examples(30, seed=8)]
    for mine, theirs in zip(trained.ladder.classifier.logits(texts), model.classifier.logits(texts), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert dict(model.calibration) == trained.ladder.chosen.calibration
    assert set(load_baselines(model)) == {"tfidf"}


def test_parts_of_a_blend_are_judged_as_they_were_when_it_was_made(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.train.ladder._judge", lambda *_: (True, "Wins."))
    trained = train(tmp_path / "model", configure(tiny_backbone, rungs=("tfidf", "probe", "blend")))
    assert trained.ladder.chosen.name == "blend"
    baselines = load_baselines(load_model(tmp_path / "model", KitConfig, "made"))
    texts = [(example.text, example.pair) for example in make_examples(30, seed=8)]
    for rung in trained.ladder.rungs[:2]:
        assert rung.classifier is not None
        classifier, reading = baselines[rung.name]
        for task, before, after in zip(
            classifier.tasks, rung.classifier.logits(texts), classifier.logits(texts), strict=True
        ):
            expected = probabilities(task, before, rung.calibration[task.name])
            np.testing.assert_allclose(probabilities(task, after, reading[task.name]), expected, atol=1e-5)


def test_configuration_in_the_folder_is_the_one_that_was_given(tiny_backbone: Path, tmp_path: Path) -> None:
    config = configure(tiny_backbone, lr=1e-3)
    train(tmp_path / "model", config)
    assert load_config(KitConfig, file=tmp_path / "model" / "config.toml") == config


def test_texts_stay_out_of_the_folder_but_for_the_worst_mistakes(tiny_backbone: Path, tmp_path: Path) -> None:
    examples = [Example(f"{e.text} . confidential", labels=e.labels) for e in make_examples(120)]
    train(tmp_path / "model", configure(tiny_backbone, rungs=("probe",)), examples)
    holding = {
        file.name for file in (tmp_path / "model").rglob("*") if file.is_file() and b"confidential" in file.read_bytes()
    }
    assert holding <= {"report.html"}


def test_priors_are_the_shares_of_the_training_rows(tiny_backbone: Path, tmp_path: Path) -> None:
    train(tmp_path / "model", configure(tiny_backbone, rungs=("tfidf",)))
    model = load_model(tmp_path / "model", KitConfig, "made")
    assert model.priors["sentiment"].sum() == pytest.approx(1)
    assert ((model.priors["topics"] > 0.2) & (model.priors["topics"] < 0.6)).all()
    assert [len(model.seen[split]) for split in ("train", "validation", "test")] == [72, 24, 24]


def test_held_out_rows_are_counted_by_truth_and_answer(tiny_backbone: Path, tmp_path: Path) -> None:
    trained = train(tmp_path / "model", configure(tiny_backbone, rungs=("tfidf",)))
    facts = load_facts(tmp_path / "model")
    counts = np.asarray(facts.confusion["sentiment"].counts)
    assert facts.confusion["sentiment"].labels == SENTIMENT.labels
    assert np.trace(counts) / counts.sum() == pytest.approx(trained.summary["metrics"]["sentiment.accuracy"])
    assert facts.paired_rows == 0


def test_same_seed_gives_the_same_weights(tiny_backbone: Path, tmp_path: Path) -> None:
    for name in "ab":
        train(tmp_path / name, configure(tiny_backbone, rungs=("tuned",)))
    for file in ("model/model.safetensors", "model/heads.safetensors", "calibration.json", "rows.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_interrupted_training_is_resumed_to_the_same_weights(
    tiny_backbone: Path, tmp_path: Path, interrupted: pytest.MonkeyPatch
) -> None:
    config = configure(tiny_backbone, rungs=("tuned",), save_every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "model", config)
    assert [path.name for path in tmp_path.iterdir()] == [".model.checkpoints"]
    interrupted.undo()
    train(tmp_path / "model", config, resume=True)
    train(tmp_path / "whole", config)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "whole"]
    for name in ("model", "heads"):
        file = f"model/{name}.safetensors"
        assert (tmp_path / "model" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


@pytest.mark.parametrize("change", ["rows", "labels", "lr", "seed"])
def test_resuming_with_other_data_or_settings_is_refused(
    tiny_backbone: Path, tmp_path: Path, interrupted: pytest.MonkeyPatch, change: str
) -> None:
    config, examples = configure(tiny_backbone, rungs=("tuned",), save_every_steps=1), make_examples(120)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "model", config, examples)
    interrupted.undo()
    if change == "rows":
        examples = make_examples(120, seed=1)
    elif change == "labels":
        examples = [
            Example(e.text, labels=e.labels | {"sentiment": SENTIMENT.labels[i % 3]}) for i, e in enumerate(examples)
        ]
    elif change == "seed":
        config = config.model_copy(update={"seed": 3})
    else:
        config = configure(tiny_backbone, rungs=("tuned",), save_every_steps=1, lr=1e-3)
    with pytest.raises(ResumeError, match="without --resume"):
        train(tmp_path / "model", config, examples, resume=True)


def test_without_resume_an_interrupted_run_is_started_anew(
    tiny_backbone: Path, tmp_path: Path, interrupted: pytest.MonkeyPatch
) -> None:
    config = configure(tiny_backbone, rungs=("tuned",), save_every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "model", config)
    interrupted.undo()
    train(tmp_path / "model", configure(tiny_backbone, rungs=("tuned",), lr=1e-3))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_target_in_use_is_refused_before_any_work(tiny_backbone: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="--out"):
        train(tmp_path, configure(tiny_backbone))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_unlabelled_rows_that_no_rung_learns_from_are_said(tiny_backbone: Path, tmp_path: Path) -> None:
    examples = [*make_examples(80), *(Example(f"unlabelled {i}") for i in range(5))]
    train(tmp_path / "model", configure(tiny_backbone, rungs=("tfidf",)), examples)
    report = (tmp_path / "model" / "report.html").read_text(encoding="utf-8")
    assert "5 rows carry no label: they were not used" in report


def test_rows_with_one_task_each_train_both(tiny_backbone: Path, tmp_path: Path) -> None:
    trained = train(tmp_path / "model", configure(tiny_backbone), make_examples(200, partly=True))
    assert {name.split(".")[0] for name in trained.summary["metrics"]} == {"sentiment", "topics"}


def test_one_label_alone_is_nothing_to_learn(tiny_backbone: Path, tmp_path: Path) -> None:
    examples = [Example(f"row {i}", labels={"sentiment": "positive"}) for i in range(40)]
    with pytest.raises(DataError, match="at least two labels"):
        train(tmp_path / "model", configure(tiny_backbone), examples)
    assert not list(tmp_path.iterdir())


def test_too_few_rows_are_a_clear_error(tiny_backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        train(tmp_path / "model", configure(tiny_backbone), make_examples(3))


def test_nothing_held_out_still_gives_a_model(tiny_backbone: Path, tmp_path: Path) -> None:
    trained = train(tmp_path / "model", configure(tiny_backbone, {"test_fraction": 0.0}, rungs=("tfidf",)))
    assert trained.summary == {}
    assert len(load_model(tmp_path / "model", KitConfig, "made").seen["test"]) == 0


@pytest.mark.parametrize("rungs", [("tfidf",), ("tfidf", "probe"), ("tuned",)])
def test_learning_curve_has_a_point_for_each_share(tiny_backbone: Path, tmp_path: Path, rungs: tuple[str, ...]) -> None:
    config = configure(tiny_backbone, rungs=rungs, epochs=1)
    config = config.model_copy(update={"evaluate": EvaluateConfig(bootstrap_samples=50, learning_curve=True)})
    reports: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.train.recipe.write_report", lambda report, file: (reports.append(report), file.touch()))
        trained = train(tmp_path / "model", config, make_examples(160, partly=True))
    for task in reports[0].tasks:
        points = task.learning
        assert [point.rows for point in points] == [12, 24, 48, 96]
        metric = "macro_f1" if task.kind == "single" else "micro_f1"
        assert points[-1].score == trained.summary["metrics"][f"{task.name}.{metric}"]


def test_chinese_texts_are_learned_by_their_characters(tiny_backbone: Path, tmp_path: Path) -> None:
    words = {"positive": "净利润大幅增长", "negative": "业绩下滑由盈转亏", "neutral": "召开年度股东大会"}
    examples = [
        Example(f"公司{i}号公告，{words[mood]}", labels={"sentiment": mood}) for i in range(40) for mood in words
    ]
    trained = train(tmp_path / "model", configure(tiny_backbone, analyzer="char"), examples)
    assert trained.ladder.chosen.name == "tfidf"
    assert trained.summary["metrics"]["sentiment.macro_f1"] > 0.95
