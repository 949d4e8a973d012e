"""What is documented exists, and what exists is documented."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.config import describe_config
from kits.sentiment import SentimentConfig
from kits.sentiment.data import COLUMNS
from tests.kits.sentiment.command import SAMPLE, succeed

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "kits" / "sentiment" / "README.md").read_text(encoding="utf-8")


def table_after(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table whose header begins with a heading, without header and rule."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_public_names_are_those_in_the_guide() -> None:
    package = importlib.import_module("kits.sentiment")
    documented = [code_in(row[0])[0] for row in table_after(GUIDE, "name")]
    assert sorted(documented) == sorted(package.__all__)


def test_public_names_can_be_imported_in_any_order() -> None:
    """A name must not be hidden by the module of the same name that another import loads."""
    names = importlib.import_module("kits.sentiment").__all__
    lines = [f"from kits.sentiment import {name}; assert callable({name}), '{name}'" for name in names]
    for order in (lines, lines[::-1]):
        subprocess.run([sys.executable, "-c", "\n".join(order)], cwd=ROOT, check=True, timeout=120)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Scorers'"):
        _ = importlib.import_module("kits.sentiment").Scorers


def test_settings_in_the_guide_are_those_that_exist() -> None:
    described = describe_config(SentimentConfig)
    expected = "\n".join(
        ["| setting | default | meaning |", "|---|---|---|", *(f"| `{n}` | `{d}` | {t} |" for n, d, t in described)]
    )
    found = GUIDE.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]
    assert found == expected, f"paste this between the marks in kits/sentiment/README.md:\n{expected}"


@pytest.mark.parametrize("setting", describe_config(SentimentConfig), ids=lambda setting: setting[0])
def test_every_setting_has_a_title(setting: tuple[str, str, str]) -> None:
    assert len(setting[2]) > 3
    assert "|" not in setting[2]


def test_every_setting_is_used_somewhere() -> None:
    """A setting that nothing reads would be a promise that nobody keeps."""
    code = "".join(
        file.read_text(encoding="utf-8") for name in ("core", "kits") for file in (ROOT / name).rglob("*.py")
    )
    names = {name.rpartition(".")[2] for name, _, _ in describe_config(SentimentConfig)}
    assert [name for name in sorted(names) if not re.search(rf"\.{name}\b", code)] == []


def test_columns_in_the_guide_are_those_that_are_read() -> None:
    documented = {code_in(row[0])[0]: set(code_in(row[2])) for row in table_after(GUIDE, "column")}
    assert documented == {column.name: set(column.aliases) for column in COLUMNS}


def test_scores_in_the_guide_are_those_of_evaluate(tmp_path: Path) -> None:
    model = tmp_path / "model"
    quick = ("--set", "train.rungs=tfidf", "--set", "evaluate.bootstrap_samples=50")
    succeed("train", "--data", SAMPLE / "test.csv", "--out", model, *quick)
    result = succeed("evaluate", "--model", model, "--json").result
    documented = [code_in(row[0])[0] for row in table_after(GUIDE, "score")]
    assert sorted(documented) == sorted(result["metrics"])
    assert set(result["intervals"]) <= set(result["metrics"])
    assert all(set(scores) <= set(result["metrics"]) for scores in result["baselines"].values())
