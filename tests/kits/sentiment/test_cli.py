"""What other programs rely on: exit codes, one line per error, one JSON object, quiet standard output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kits.sentiment.command import SAMPLE, call, succeed

QUICK = ("--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50")
TRAIN = ("train", "--out", "{tmp}/model", *QUICK)

# What was typed, and what the one line must say.
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "no verb": ((), "Missing command"),
    "unknown verb": (("tarin",), "Did you mean 'train'"),
    "unknown option": (("train", "--outt", "x"), "--outt"),
    "missing option": (("train", "--data", "{sample}/train.csv"), "--out"),
    "missing data": (("check",), "--data"),
    "missing value": (("train", "--out"), "--out"),
    "stray word": (("train", "--out", "x", "stray"), "stray"),
    "seed is no number": ((*TRAIN, "--seed", "many"), "--seed"),
    "negative seed": ((*TRAIN, "--seed", "-1"), "seed: got -1"),
    "no source": (TRAIN, "no data given"),
    "unknown setting": ((*TRAIN, "--set", "train.epoch=3"), "did you mean train.epochs?"),
    "setting without section": ((*TRAIN, "--set", "lr=0.1"), "did you mean train.lr?"),
    "setting without value": ((*TRAIN, "--set", "train.lr"), "expected section.key=value"),
    "setting of wrong kind": ((*TRAIN, "--set", "train.epochs=often"), "train.epochs: got 'often'"),
    "unknown rung": ((*TRAIN, "--set", "train.rungs=magic"), "magic"),
    "two faults": ((*TRAIN, "--set", "train.lr=-1", "--set", "model.tunin=full"), "2 settings are wrong"),
    "budget is no time": ((*TRAIN, "--budget", "soon"), "90s, 5m, 1h or 1d"),
    "unknown preset": ((*TRAIN, "--preset", "fr"), "en or zh"),
    "no configuration": ((*TRAIN, "--config", "{tmp}/none.toml"), "none.toml"),
    "configuration of unknown kind": ((*TRAIN, "--config", "{tmp}/set.yaml"), "a .toml or .json file"),
    "broken configuration": ((*TRAIN, "--config", "{tmp}/broken.toml"), "not valid TOML"),
    "map is no pair": ((*TRAIN, "--data", "{sample}/train.csv", "--map", "title"), "--map: not a pair"),
    "map of no column of ours": ((*TRAIN, "--data", "{sample}/train.csv", "--map", "titel=title"), "'titel'"),
    "map to no column of theirs": ((*TRAIN, "--data", "{sample}/train.csv", "--map", "title=Kopf"), "'Kopf'"),
    "no such file": ((*TRAIN, "--data", "{sample}/trian.csv"), "train.csv"),
    "empty file": ((*TRAIN, "--data", "{tmp}/empty.csv"), "empty.csv"),
    "not a table": ((*TRAIN, "--data", "{tmp}/set.yaml"), "set.yaml"),
    "no text column": ((*TRAIN, "--data", "{tmp}/textless.csv"), "--map title=COLUMN"),
    "no labels": ((*TRAIN, "--data", "{tmp}/unlabelled.csv"), "sentiment"),
    "one label only": ((*TRAIN, "--data", "{tmp}/one.csv"), "at least two labels"),
    "out is a file": ((*TRAIN[:1], *QUICK, "--out", "{tmp}/one.csv", "--data", "{sample}/train.csv"), "one.csv"),
    "out is another folder": (
        (*TRAIN[:1], *QUICK, "--out", "{tmp}", "--data", "{sample}/train.csv"),
        "no model folder",
    ),
    "no such model": (("evaluate", "--model", "{tmp}/none"), "none"),
    "folder that is no model": (("evaluate", "--model", "{sample}"), "manifest.json"),
    "seen rows only": (("evaluate", "--model", "{model}", "--data", "{tmp}/seen.csv"), "seen all of these rows"),
    "neither model nor topics": (("predict", "--text", "News"), "--model and --topics"),
    "both model and topics": (
        ("predict", "--model", "{model}", "--topics", "x", "--text", "N"),
        "--model and --topics",
    ),
    "neither text nor data": (("predict", "--model", "{model}"), "--text or --data"),
    "both text and data": (("predict", "--model", "{model}", "--text", "N", "--data", "x"), "--text or --data"),
    "two masters of standard output": (
        ("predict", "--model", "{model}", "--text", "N", "--json", "--out", "-"),
        "--json and --out -",
    ),
    "explaining without model": (("predict", "--topics", "x", "--text", "N", "--explain"), "--explain"),
    "no topics": (("predict", "--topics", "{tmp}/none.toml", "--text", "N"), "none.toml"),
    "topics that are none": (("predict", "--topics", "{tmp}/one.toml", "--text", "N"), "not a list of topics"),
    "unknown ending": (("predict", "--model", "{model}", "--text", "N", "--out", "{tmp}/x.docx"), ".docx"),
    "text column is missing": (("predict", "--model", "{model}", "--data", "{tmp}/textless.csv"), "--map title=COLUMN"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that are wrong in one way each."""
    header, *rows = (SAMPLE / "train.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    files = {
        "set.yaml": "a: 1\n",
        "broken.toml": "[train\n",
        "empty.csv": "",
        "textless.csv": "kopf,sentiment\nNews,positive\n",
        "unlabelled.csv": "title\n" + "".join(f"News {i}\n" for i in range(30)),
        "one.csv": "title,sentiment\n" + "".join(f"News {i},positive\n" for i in range(30)),
        "one.toml": 'earnings = "Results"\n',
        "seen.csv": header + "".join(rows[:50]),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("case", WRONG)
def test_wrong_command_exits_2_with_one_line(case: str, folder: Path, model: Path) -> None:
    typed, said = WRONG[case]
    outcome = call(*(word.format(tmp=folder, sample=SAMPLE, model=model) for word in typed))
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.error.startswith("error: ")
    assert said in outcome.error
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err


def test_all_wrong_settings_are_named_at_once() -> None:
    wrong = {"train.lr": "fast", "train.epochs": "0", "model.tuning": "some", "seed": "-3", "data.split": "odd"}
    outcome = call("train", "--out", "x", *(part for item in wrong.items() for part in ("--set", "=".join(item))))
    assert outcome.code == 2
    assert all(name in outcome.error for name in wrong)


def test_each_verb_prints_exactly_one_json_object(tmp_path: Path, model: Path) -> None:
    small = tmp_path / "small.csv"
    small.write_text(
        "title,sentiment\n" + "".join(f"{w} {i},{w}\n" for w in ("positive", "negative") for i in range(20))
    )
    expected = {
        ("check", "--data", small, "--out", tmp_path / "audit"): {"rows", "rejected", "page", "json"},
        ("train", "--data", small, "--out", tmp_path / "model", *QUICK): {"model", "chosen", "ladder", "held_out"},
        ("evaluate", "--model", model): {"rows", "metrics", "baselines", "intervals", "left_out", "model"},
        ("predict", "--model", model, "--text", "Profit rose"): {"rows", "rejected", "predictions"},
        ("predict", "--model", model, "--data", small, "--out", tmp_path / "x.csv"): {"rows", "rejected", "out"},
    }
    for command, keys in expected.items():
        outcome = succeed(*command, "--json")
        assert set(outcome.result) == keys
        assert outcome.out.count("\n") == 1


def test_error_with_json_leaves_standard_output_empty() -> None:
    outcome = call("evaluate", "--model", "none", "--json")
    assert (outcome.code, outcome.out) == (2, "")


def test_debug_shows_where_an_error_comes_from() -> None:
    outcome = call("evaluate", "--model", "none", "--debug")
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert outcome.error.startswith("error: ")


def test_configuration_file_is_below_options_and_options_below_set(tmp_path: Path) -> None:
    file = tmp_path / "news.toml"
    file.write_text('seed = 1\n[train]\nbudget = "9m"\nrungs = ["tfidf"]\n[evaluate]\nbootstrap_samples = 50\n')
    command = ("train", "--data", SAMPLE / "test.csv", "--out", tmp_path / "model", "--config", file)
    succeed(*command, "--seed", "2", "--budget", "8m", "--set", "train.budget=7m")
    kept = (tmp_path / "model" / "config.toml").read_text(encoding="utf-8")
    assert "seed = 2\n" in kept
    assert 'budget = "7m"\n' in kept


def test_kept_configuration_trains_the_same_model_again(tmp_path: Path) -> None:
    command = ("train", "--data", SAMPLE / "test.csv", *QUICK, "--out")
    succeed(*command, tmp_path / "first")
    succeed("train", "--config", tmp_path / "first" / "config.toml", "--out", tmp_path / "second")
    weights = [(tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


def test_program_says_it_in_its_own_process_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kits.sentiment", "train", "--out", "model", "--set", "train.lr=-1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SAMPLE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: a setting is wrong: train.lr: got -1")
    assert done.stderr.count("\n") == 1
