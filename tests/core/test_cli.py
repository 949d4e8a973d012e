"""The command line of any kit: what becomes of results, errors, interruptions and closed pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.cli import Option, Verb, build_app, run_app
from core.errors import ConfigError, ExportError


def echo(**given: Any) -> dict[str, Any]:
    return given


def be_silent(**given: Any) -> None:
    """Has nothing to report."""


def refuse(**given: Any) -> None:
    raise ConfigError("is wrong", where="--data", got="x\ny", fix="give another")


def fail(**given: Any) -> None:
    raise ExportError("does not compute")


def crash(**given: Any) -> None:
    raise ZeroDivisionError("division\nby zero")


def be_interrupted(**given: Any) -> None:
    raise KeyboardInterrupt


def run_out(**given: Any) -> None:
    raise MemoryError


def miss(**given: Any) -> None:
    Path("/nowhere/at/all").read_text()


def flood(**given: Any) -> None:
    for number in range(200_000):
        print(number)


VERBS = ("echo", "be_silent", "refuse", "fail", "crash", "be_interrupted", "run_out", "miss", "flood")
OPTIONS = {"size": Option(int, "How large."), "loud": Option(bool, "Whether loudly.", default=False)}
app = build_app(
    "demo",
    "Does nothing.",
    {name: Verb(f"tests.core.test_cli:{name}", "Try.", ("data", "map", "size", "loud")) for name in VERBS},
    OPTIONS,
)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        run_app(app, arguments)
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_options_arrive_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("echo", "--data", "a", "--data", "b", "--size", "3", "--loud", "--set", "x=1", "--json") == 0
    given = json.loads(capsys.readouterr().out)
    assert given["data"] == ["a", "b"]
    assert (given["size"], given["loud"], given["set"], given["seed"]) == (3, True, ["x=1"], None)


def test_result_is_printed_only_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("echo") == 0
    assert capsys.readouterr().out == ""
    assert call("be_silent", "--json") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("verb", "code", "line"),
    [
        ("refuse", 2, "error: --data: is wrong, got 'x\\ny'; give another"),
        ("fail", 1, "error: does not compute"),
        ("crash", 1, "error: unexpected ZeroDivisionError: division by zero; --debug shows where"),
        ("be_interrupted", 130, "error: interrupted"),
        ("run_out", 1, "error: out of memory; a smaller train.batch_size or predict.batch_size needs less"),
        ("miss", 1, "error: /nowhere/at/all: No such file or directory"),
    ],
)
def test_error_is_one_line_with_its_exit_code(
    verb: str, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(verb) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", line + "\n")


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("crash", "--debug") == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "in crash" in shown
    assert shown.splitlines()[-1].startswith("error: unexpected ZeroDivisionError")


@pytest.mark.parametrize("arguments", [(), ("ech",), ("echo", "--sise", "3"), ("echo", "--size", "big"), ("echo", "x")])
def test_wrong_usage_is_one_line_that_points_to_help(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err.endswith("demo --help shows what there is\n")
    assert shown.err.count("\n") == 1


def test_help_names_every_verb_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)
    assert call("echo", "--help") == 0
    shown = capsys.readouterr().out
    assert all(f"--{option}" in shown for option in ("data", "map", "size", "loud", "set", "seed", "json", "debug"))


def test_reader_that_goes_away_is_no_error() -> None:
    """As in ``… | head -1``."""
    command = "from core.cli import run_app; from tests.core.test_cli import app; run_app(app, ['flood'])"
    with subprocess.Popen(
        [sys.executable, "-c", command],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
