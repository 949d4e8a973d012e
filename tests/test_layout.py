"""What stands where in the project, and what stands nowhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"core", "kits", "tests", "sample_data", "deploy", ".ci"}
FILES = {
    "pyproject.toml", "constraints.txt", "Makefile", "LICENSE", "README.md", "README.zh.md", "CHANGELOG.md",
    "CONTRIBUTING.md",
}  # fmt: skip
PACKAGES = sorted(
    file.parent.relative_to(ROOT) for name in ("core", "kits") for file in (ROOT / name).rglob("__init__.py")
)
SOURCES = sorted(file for name in ("core", "kits") for file in (ROOT / name).rglob("*.py"))
FORBIDDEN = re.compile(
    r"\b(import\s+(pickle|joblib|dill|cloudpickle)|from\s+(pickle|joblib|dill|cloudpickle)\b|torch\.load\()"
)
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def tracked() -> list[str]:
    """The files of the project, as version control knows them; those on disk where there is none."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode == 0:
        return listed.stdout.splitlines()
    return [str(file.relative_to(ROOT)) for name in FOLDERS for file in (ROOT / name).rglob("*")]


def test_top_level_holds_only_what_belongs_there() -> None:
    tops = {(Path(name).parts[0], len(Path(name).parts) > 1) for name in tracked()}
    assert {name for name, is_folder in tops if is_folder} <= FOLDERS
    assert {name for name, is_folder in tops if not is_folder and not name.startswith(".")} == FILES


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_tree_in_the_readme_names_every_package_and_nothing_else(readme: str) -> None:
    (tree,) = re.findall(r"^```\n(core/.*?)^```", (ROOT / readme).read_text(encoding="utf-8"), re.M | re.S)
    named, parents = set(), [Path()]
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        path = parents[depth] / line.split()[0]
        parents[depth + 1 :] = [path]
        named.add(path)
    assert all((ROOT / path).exists() for path in named)
    assert set(PACKAGES) <= named
    assert {file.relative_to(ROOT) for file in (ROOT / "core").glob("*.py") if file.name != "__init__.py"} <= named


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_source_file_is_short_has_a_purpose_and_unpickles_nothing(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith(('"""', 'r"""'))
    assert text.count("\n") <= 400
    assert not FORBIDDEN.search(text)
    assert file.stem not in VAGUE
    assert re.fullmatch(r"__\w+__|[a-z0-9]+", file.stem)


def test_makefile_and_ci_offer_what_the_documents_name() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("install", "quickstart", "test", "check", "clean"):
        assert re.search(rf"^{target}:", makefile, re.M)
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_every_dependency_is_pinned_and_torch_comes_first() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"torch==[\d.]+", pins[0])
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^=+\s]+", pin) for pin in pins)
    names = {pin.partition("==")[0].lower().replace("_", "-") for pin in pins}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.search(r"^dependencies = \[(.*?)^\]", project, re.M | re.S)
    assert required
    assert {name.lower() for name in re.findall(r'"([A-Za-z0-9-]+)', required[1])} <= names
