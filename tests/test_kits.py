"""Every kit has the one shape, whoever made it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import SHARED
from core.config import KitConfig

ROOT = Path(__file__).parents[1]
KITS = sorted(file.parent.name for file in (ROOT / "kits").glob("*/__init__.py"))
MODULES = ("config", "data", "train", "evaluate", "predict", "__main__")
VERBS = ("check", "train", "evaluate", "predict")
USED = {
    "check": {"data", "map", "label", "out"},
    "train": {"data", "map", "label", "out", "budget", "resume"},
    "evaluate": {"model", "data", "map", "label"},
    "predict": {"model", "data", "map", "out"},
}
LONGEST_LINES = 120
# Says at its end whether the command line had to import the heavy libraries.
WATCHED = """
import runpy, sys
kit, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(f"kits.{kit}", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    heavy = {"torch", "transformers", "sklearn", "pandas", "numpy"}
    print("heavy:", *sorted(heavy & set(sys.modules)), file=sys.stderr)
    raise
"""


def test_there_are_kits() -> None:
    assert "sentiment" in KITS


@pytest.mark.parametrize("kit", KITS)
def test_kit_has_the_modules_the_guide_and_the_tests(kit: str) -> None:
    folder = ROOT / "kits" / kit
    assert [name for name in MODULES if not (folder / f"{name}.py").is_file()] == []
    assert (folder / "README.md").is_file()
    assert list((ROOT / "tests" / "kits" / kit).glob("test_*.py"))
    assert list((ROOT / "sample_data" / kit).glob("*"))


@pytest.mark.parametrize("kit", KITS)
@pytest.mark.parametrize("module", ["train", "evaluate"])
def test_train_and_evaluate_are_short(kit: str, module: str) -> None:
    lines = (ROOT / "kits" / kit / f"{module}.py").read_text(encoding="utf-8").count("\n")
    assert lines < LONGEST_LINES, "what makes it long belongs in core"


@pytest.mark.parametrize("kit", KITS)
def test_kit_has_the_common_verbs_with_the_common_options(kit: str) -> None:
    verbs = importlib.import_module(f"kits.{kit}.__main__").VERBS
    assert list(verbs)[: len(VERBS)] == list(VERBS)
    for name, options in USED.items():
        assert options <= set(verbs[name].options)
        assert set(verbs[name].required) <= set(verbs[name].options)
    for verb in verbs.values():
        module, _, function = verb.target.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("kit", KITS)
def test_kit_has_settings_of_its_own_class_with_core_s_sections(kit: str) -> None:
    package = importlib.import_module(f"kits.{kit}")
    configurations = [getattr(package, name) for name in package.__all__ if name.endswith("Config")]
    assert len(configurations) == 1
    assert issubclass(configurations[0], KitConfig)


@pytest.mark.parametrize("kit", KITS)
@pytest.mark.parametrize("arguments", [[], *([verb] for verb in VERBS)], ids=lambda arguments: " ".join(arguments))
def test_help_imports_nothing_heavy_and_shows_the_shared_options(kit: str, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, kit, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "heavy:\n"
    shown = [f"--{option}" for option in SHARED] if arguments else list(VERBS)
    assert all(word in done.stdout for word in shown)
