"""Every command and every piece of code in the documents runs, in the order in which it stands.

Each document has a working copy of its own, so what one step writes the next one finds.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.command import call_kit

ROOT = Path(__file__).parents[1]
KITS = sorted(file.parent.name for file in (ROOT / "kits").glob("*/__init__.py"))
DOCUMENTS = ("README.md", "README.zh.md", *(f"kits/{kit}/README.md" for kit in KITS))
PORT = "8610"  # of the servers in the guides; here another one, that is free
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.M | re.S)
PROGRAM = re.compile(r"python -m kits\.(\w+) [^|<>;&$`]*")
# Not run here: they install, or enter the environment that this already is.
SKIPPED = re.compile(r"^(make quickstart|make install|source \.venv/bin/activate)$")


def blocks(document: str) -> list[tuple[str, str]]:
    """The kind and the code of each block that is meant to be run."""
    return BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))


def commands(block: str) -> list[str]:
    """The commands of a bash block, one a line, without those that are skipped."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not SKIPPED.match(line)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_bash(block: str) -> None:
    lines = commands(block)
    plain = [PROGRAM.fullmatch(line) for line in lines]  # the program alone can run without a start of its own
    if all(plain):
        for found in filter(None, plain):
            outcome = call_kit(found[1], *shlex.split(found[0])[3:])
            assert outcome.code == 0, f"{found[0]}\n{outcome.err}"
        return
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    text = "\n".join(line for line in block.splitlines() if not SKIPPED.match(line))
    started = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", text],
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = started.communicate(timeout=300)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # a server that a failed block has left behind
        started.wait()
    assert started.returncode == 0, f"{block}\n{said}"


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_runs_from_top_to_bottom(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    found = blocks(document)
    assert {kind for kind, _ in found} == {"bash", "python"}
    port = str(free_port())
    for kind, code in found:
        if kind == "bash":
            run_bash(code.replace(PORT, port))
        else:
            exec(compile(code, document, "exec"), {"__name__": "__main__"})
    assert {file.name for file in tmp_path.iterdir()} == {"sample_data", "work"}, "only work/ is written"


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, "kits/README.md", "deploy/README.md", "CONTRIBUTING.md", "sample_data/sentiment/README.md"]
)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.M)
            slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in slugs, target


def test_both_readmes_have_the_same_commands_and_figures_place() -> None:
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS[:2])
    assert [kind for kind, _ in BLOCK.findall(english)] == [kind for kind, _ in BLOCK.findall(chinese)]
    assert len(re.findall(r"^\| `--", english, re.M)) == len(re.findall(r"^\| `--", chinese, re.M))
    assert len(re.findall(r"^## ", chinese, re.M)) >= len(re.findall(r"^## ", english, re.M))
