from __future__ import annotations

from tests.benchmarks.recommender_kills import kill_often


def test_server_that_is_killed_while_it_takes_events_in_loses_none_that_it_accepted(database: str) -> None:
    outcome = kill_often(database, kills=4)
    assert outcome.kills == 4
    assert outcome.lost == outcome.faults == []
    assert outcome.accepted_events > 0
