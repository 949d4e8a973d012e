"""The support kit's command line, run inside the test's own process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.command import Outcome, call_kit, make_succeed

__all__ = ["QUICK", "SAMPLE", "Outcome", "call", "succeed"]
SAMPLE = Path(__file__).parents[3] / "sample_data" / "support"
QUICK = (
    "--set", "train.rungs=tfidf", "--set", "match.tuning=latent", "--set", "evaluate.bootstrap_samples=50",
)  # fmt: skip
call = partial(call_kit, "support")
succeed = make_succeed("support")
