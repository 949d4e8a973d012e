"""The sentiment kit's command line, run inside the test's own process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.command import Outcome, call_kit, make_succeed

__all__ = ["SAMPLE", "Outcome", "call", "succeed"]
SAMPLE = Path(__file__).parents[3] / "sample_data" / "sentiment"
call = partial(call_kit, "sentiment")
succeed = make_succeed("sentiment")
