from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.config import DataConfig, EvaluateConfig, KitConfig, TrainConfig
from core.data.example import Example, Task
from core.data.load import Corpus, TaskSpec
from core.errors import ConfigError, DataError
from core.predict.decide import Calibration, probabilities
from core.predict.explain import explain_label, strongest
from core.predict.judge import judge, leave_out_seen, summarise
from core.predict.load import Model, fingerprint_rows, load_baselines, load_model
from core.predict.zeroshot import DescribedLabels, read_descriptions
from core.train.recipe import KitFacts, train_bundle
from tests.core.examples import make_examples

SPECS = (TaskSpec("sentiment", "single"), TaskSpec("topics", "multi"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("judge") / "model"
    config = KitConfig(
        data=DataConfig(validation_fraction=0.2),
        train=TrainConfig(rungs=("tfidf",)),
        evaluate=EvaluateConfig(bootstrap_samples=50),
    )
    train_bundle(Corpus(make_examples(200), [], (), {}), SPECS, config, folder, KitFacts("made", "Made", "-", "-"))
    return load_model(folder, KitConfig, "made")


def test_rows_of_training_are_left_out_whatever_their_case_and_spacing(model: Model) -> None:
    shouted = [Example(e.text.upper().replace(" ", "  "), labels=e.labels) for e in make_examples(200)]
    new = make_examples(50, seed=77)
    kept, seen = leave_out_seen(model, [*shouted, *new])
    assert seen == len(model.seen["train"]) + len(model.seen["validation"])
    assert len(kept) == 250 - seen


def test_same_text_about_another_company_is_another_row() -> None:
    marks = fingerprint_rows([Example("a b"), Example("a b", "Acme"), Example(" A  B ")])
    assert marks[0] == marks[2] != marks[1]


def test_every_score_of_the_model_has_its_baselines(model: Model) -> None:
    examples = make_examples(60, seed=5)
    summary = summarise(judge(model, examples, load_baselines(model), samples=50, seed=0), len(examples))
    assert summary["rows"] == 60
    assert set(summary["baselines"]) == {"majority", "tfidf"}
    assert set(summary["baselines"]["majority"]) == set(summary["metrics"])
    assert set(summary["intervals"]) < set(summary["metrics"])
    low, high = summary["intervals"]["sentiment.accuracy"]
    assert low <= summary["metrics"]["sentiment.accuracy"] <= high


def test_task_without_labels_in_the_rows_is_not_judged(model: Model) -> None:
    examples = [Example(e.text, labels={"sentiment": e.labels["sentiment"]}) for e in make_examples(40, 5)]
    assert [report.name for report in judge(model, examples, {}, samples=50, seed=0)] == ["sentiment"]


def test_rows_without_known_labels_are_a_clear_error(model: Model) -> None:
    with pytest.raises(DataError, match="no row to evaluate"):
        judge(model, [Example("profit")], {}, samples=50, seed=0)


def test_word_that_decides_has_the_largest_effect(model: Model) -> None:
    text = "annual report . loss after weak demand"
    effects = explain_label(model, (text, None), "sentiment", "negative")
    assert [text[e.start : e.end] for e in effects] == [e.word for e in effects]
    assert strongest(effects, 1)[0].word in {"loss", "weak", "after", "demand"}
    assert strongest(effects, 1)[0].effect > 0.02


def test_chinese_is_explained_two_characters_at_a_time(model: Model) -> None:
    words = [e.word for e in explain_label(model, ("净利润增长12%，Acme", None), "sentiment", "positive")]
    assert words == ["净利", "润增", "长", "12%", "Acme"]


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_temperature_changes_certainty_but_no_decision(kind: str) -> None:
    task = Task("t", kind, ("a", "b", "c"))  # type: ignore[arg-type]
    logits = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32) * 5
    sharp, mild = (probabilities(task, logits, Calibration(t)) for t in (1.0, 3.0))
    assert (sharp.argmax(axis=1) == mild.argmax(axis=1)).all()
    assert sharp.max() > mild.max()


def test_descriptions_must_be_two_or_more_lines_of_text(tmp_path: Path) -> None:
    file = tmp_path / "topics.toml"
    for wrong in ("", "a = 1\nb = 'x'", "a = 'only one'", "not toml"):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"topics\.toml"):
            read_descriptions(file)


@pytest.mark.slow
def test_described_topics_are_found_without_training() -> None:
    labels = DescribedLabels({"oil": "Oil and gas prices", "jobs": "Hiring, layoffs and wages"}, KitConfig())
    similarities = labels.similarities(["Crude climbs to 90 dollars a barrel", "The plant lays off 300 workers"])
    assert similarities.argmax(axis=1).tolist() == [0, 1]
