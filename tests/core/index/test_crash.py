from __future__ import annotations

from pathlib import Path

from tests.core.index.crash import kill_often


def test_writer_that_is_killed_at_any_moment_leaves_what_it_confirmed(tmp_path: Path) -> None:
    outcome = kill_often(tmp_path, kills=15)
    assert outcome.steps > 100
    assert outcome.generations > 10
