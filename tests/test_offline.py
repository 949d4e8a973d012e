"""Nothing asks the network for anything, even where it is allowed to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kits.sentiment.command import SAMPLE

ROOT = Path(__file__).parents[1]
# Loaded by Python before anything else: whoever reaches for the network is written down and refused.
GUARD = """
import os, socket, traceback

def refuse(*given, **named):
    target = given[1] if isinstance(given[0], socket.socket) else given[0]
    if not (isinstance(given[0], socket.socket) and given[0].family == getattr(socket, "AF_UNIX", None)):
        with open(os.environ["NETWORK_LOG"], "a") as log:
            log.write(f"{target}\\n" + "".join(traceback.format_stack(limit=12)))
    raise OSError("the network is blocked")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
socket.getaddrinfo = socket.create_connection = refuse
"""
COMMANDS = """
import sys
from core.cli import run_app
from kits.sentiment.__main__ import app

data, test, topics, out = sys.argv[1:]
model = f"{out}/model"
quick = ("--set", "train.epochs=1", "--set", "model.max_tokens=16", "--set", "evaluate.bootstrap_samples=50")
for command in (
    ("check", "--data", data, "--out", f"{out}/audit"),
    ("train", "--data", data, "--out", model, "--set", "train.rungs=tfidf,probe,tuned", *quick),
    ("evaluate", "--model", model, "--data", test),
    ("predict", "--model", model, "--data", test, "--out", f"{out}/scored.csv"),
    ("predict", "--topics", topics, "--text", "Rates rise"),
):
    try:
        run_app(app, command)
    except SystemExit as stop:
        if stop.code:
            raise
"""


def run_guarded(code: str, folder: Path, *arguments: str | Path) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run Python code with the network blocked and not forbidden; returns what it tried to reach."""
    (folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    log = folder / "network.log"
    log.touch()
    allowed = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=allowed | {"PYTHONPATH": path, "NETWORK_LOG": str(log), "HF_HOME": str(folder / "hub")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done, log.read_text(encoding="utf-8")


def test_guard_sees_who_reaches_for_the_network(tmp_path: Path) -> None:
    done, tried = run_guarded("import urllib.request; urllib.request.urlopen('http://example.com')", tmp_path)
    assert done.returncode != 0
    assert tried.startswith("example.com") or "example.com" in tried


@pytest.mark.slow
def test_no_verb_touches_the_network(tmp_path: Path) -> None:
    data, test = tmp_path / "data.csv", tmp_path / "test.csv"
    header, *rows = (SAMPLE / "test.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join([header, *rows[:80]]), encoding="utf-8")
    test.write_text("".join([header, *rows[250:270]]), encoding="utf-8")
    done, tried = run_guarded(COMMANDS, tmp_path, data, test, SAMPLE / "topics.toml", tmp_path)
    assert tried == ""
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scored.csv").read_text(encoding="utf-8").count("\n") >= 21
