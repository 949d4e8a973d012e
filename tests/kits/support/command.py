"""Runs the kit's command line inside the test's own process: the same door, without its start-up time."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cli import run_app
from kits.support.__main__ import app

SAMPLE = Path(__file__).parents[3] / "sample_data" / "support"
QUICK = (
    "--set", "train.rungs=tfidf", "--set", "match.tuning=latent", "--set", "evaluate.bootstrap_samples=50",
)  # fmt: skip


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


def call(*arguments: str | Path) -> Outcome:
    """Run ``python -m kits.support`` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            run_app(app, [str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
    return Outcome(code, out.getvalue(), err.getvalue())


def succeed(*arguments: str | Path) -> Outcome:
    """The same, for commands that must do their work."""
    outcome = call(*arguments)
    assert outcome.code == 0, outcome.err
    return outcome
