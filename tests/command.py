"""Runs a kit's command line inside the test's own process: the same door, without its start-up time."""

from __future__ import annotations

import importlib
import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.cli import run_app


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def error(self) -> str:
        """The last line on standard error."""
        return self.err.rstrip("\n").rpartition("\n")[2]


def call_kit(kit: str, *arguments: str | Path, stdin: bytes = b"") -> Outcome:
    """Run ``python -m kits.<kit>`` with these arguments."""
    app = importlib.import_module(f"kits.{kit}.__main__").app
    out, err = io.StringIO(), io.StringIO()
    given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    code: Any = None
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        try:
            run_app(app, [str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
    return Outcome(code, out.getvalue(), err.getvalue())


def make_succeed(kit: str) -> Any:
    """A function that runs a kit's command, which must do its work."""

    def succeed(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        outcome = call_kit(kit, *arguments, stdin=stdin)
        assert outcome.code == 0, outcome.err
        return outcome

    return succeed
