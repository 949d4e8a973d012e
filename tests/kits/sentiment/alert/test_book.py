"""The life of an alert: what is written, who is told of what and when, and what people may do with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select

from core.errors import ConfigError, DataError
from core.store.database import transaction
from kits.sentiment.alert.action import acknowledge, end_silence, judge, silence
from kits.sentiment.alert.book import AlertBook
from kits.sentiment.config import AlertConfig, Channel
from kits.sentiment.notify.message import Severity
from kits.sentiment.notify.outbox import from_payload
from kits.sentiment.store import schema
from kits.sentiment.surge.signal import Change, DrivingStory, Evidence, Signal
from tests.kits.sentiment.mailbox import EVIDENCE, open_engine

T = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DESK = Channel(name="desk", url="json://x")
NIGHT = Channel(name="night", url="json://x", escalation=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with open_engine(request.param, tmp_path) as opened:
        yield opened


@dataclass
class Desk:
    """An alert book on an open database, and what came of it."""

    connection: Connection
    book: AlertBook

    def signal(
        self, minute: float, what: Change, series: str = "topic:banks", severity: Severity = "warning",
        stories: Sequence[DrivingStory] = (),
    ) -> str:
        """One signal at a minute after noon; returns the alert's id."""
        made = make_signal(minute, what, series, severity, stories)
        self.book.apply(self.connection, [made], "v1")
        return made.alert

    def signals(self, minute: float, *made: tuple[Change, str]) -> None:
        self.book.apply(self.connection, [make_signal(minute, what, series) for what, series in made], "v1")

    def wait(self, minute: float) -> None:
        self.book.advance(self.connection, T + timedelta(minutes=minute))

    def told(self, channel: str = "desk") -> list[tuple[float, str, list[str]]]:
        """Minute, what and series of every message of a channel."""
        chosen = select(schema.outbox).where(schema.outbox.c.channel == channel).order_by(schema.outbox.c.number)
        messages = [from_payload(row.payload) for row in self.connection.execute(chosen)]
        return [((m.at - T) / timedelta(minutes=1), m.what, [alert.series for alert in m.alerts]) for m in messages]

    def row(self, alert: str) -> Any:
        return self.connection.execute(select(schema.alerts).where(schema.alerts.c.id == alert)).one()

    def history(self, alert: str) -> list[str]:
        events = schema.alert_events
        chosen = select(events.c.what).where(events.c.alert == alert).order_by(events.c.number)
        return list(self.connection.scalars(chosen))


def make_signal(
    minute: float, what: Change, series: str, severity: Severity = "warning", stories: Sequence[DrivingStory] = ()
) -> Signal:
    return Signal(
        alert=f"id {series}", series=series, kind="volume", severity=severity, what=what,
        at=T + timedelta(minutes=minute), starts_at=T, last_window_at=T, hits=(0, 2),
        evidence=Evidence(**EVIDENCE), stories=tuple(stories),
    )  # fmt: skip


@contextmanager
def at_desk(engine: Engine, *channels: Channel, **settings: Any) -> Iterator[Desk]:
    with transaction(engine) as connection:
        yield Desk(connection, AlertBook(AlertConfig(**settings), channels or (DESK, NIGHT)))


def store_item(connection: Connection, key: str, negative: float, company: str = "", **values: Any) -> None:
    known = connection.scalar(select(schema.items.c.key).where(schema.items.c.key == key))
    if known is None:
        story = {"key": key, "lead_item": key, "title": key, "language": "en", "first_at": T, "last_at": T}
        connection.execute(insert(schema.stories).values(**story, items=1, sources=1))
        item: dict[str, Any] = {"key": key, "feed": "wire", "source": "", "title": key, "body": "", "language": "en"}
        item |= {"event_at": T, "ingested_at": T, "story": key, "number": int(key[1:])}
        connection.execute(insert(schema.items).values(**(item | values)))
    score = {"item": key, "model_version": "v1", "company": company, "sentiment": "negative", "topics": {}}
    connection.execute(insert(schema.scores).values(**score, negative=negative))


def test_alert_is_told_once_goes_on_and_ends(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        desk.signal(5, "extended")
        desk.signal(90, "resolved")
        assert desk.told() == [(0, "opened", ["topic:banks"]), (90, "resolved", ["topic:banks"])]
        assert desk.history(alert) == ["opened", "told", "extended", "escalated", "resolved"]
        row = desk.row(alert)
        assert (row.state, row.resolved_at, row.opened_at) == ("resolved", T + timedelta(minutes=90), T)
        assert (row.evidence["hits"], row.evidence["count"], row.model_version) == ([0, 2], 12, "v1")


def test_evidence_names_the_driving_stories_with_links_and_the_series_own_scores(engine: Engine) -> None:
    with at_desk(engine) as desk:
        store_item(desk.connection, "i1", 0.5, title="Bank “falls”", url="https://wire.example/1", source="Wire")
        store_item(desk.connection, "i1", 0.9, company="ACME")
        store_item(desk.connection, "i2", 0.7, title="", body="b" * 400)
        stories = [DrivingStory("i1", "i1", 40), DrivingStory("i2", "i2", 1), DrivingStory("gone", "gone", 1)]
        alert = desk.signal(0, "opened", "company:ACME", stories=stories)
        first, second = desk.row(alert).evidence["driving"]
        assert first == {
            "story": "i1", "item": "i1", "title": "Bank “falls”", "url": "https://wire.example/1", "source": "Wire",
            "event_at": T.isoformat(), "negative": 0.9, "reach": 40,
        }  # fmt: skip
        assert (len(second["title"]), second["source"], second["negative"]) == (300, "wire", 0.7)
        desk.signal(5, "extended", "company:ACME")
        assert len(desk.row(alert).evidence["driving"]) == 2  # what is no longer remembered stays as it was


def test_openings_within_a_minute_are_gathered_and_critical_ones_do_not_wait(engine: Engine) -> None:
    with at_desk(engine) as desk:
        desk.signals(0, ("opened", "topic:a"), ("opened", "topic:b"))
        waiting = desk.signal(0.2, "opened", "topic:c")
        desk.signal(0.5, "opened", "topic:d")
        assert desk.row(waiting).muted == "grouped"
        desk.wait(30)
        desk.signal(30.5, "opened", "topic:e")
        desk.signal(30.6, "opened", "topic:f")
        desk.signal(30.7, "opened", "topic:g", "critical")
        assert desk.told() == [
            (0, "opened", ["topic:a", "topic:b"]),
            (1, "opened", ["topic:c", "topic:d"]),
            (30.5, "opened", ["topic:e"]),
            (30.7, "opened", ["topic:g", "topic:f"]),
        ]
        assert desk.row(waiting).muted is None


def test_overall_surge_mutes_its_topics_until_it_is_over(engine: Engine) -> None:
    with at_desk(engine) as desk:
        desk.signals(0, ("opened", "topic:a"), ("opened", "overall"))
        desk.signal(2, "opened", "topic:b", "critical")
        assert desk.row("id topic:a").muted == "inhibited by id overall"
        assert desk.told() == [(0, "opened", ["overall"]), (2, "opened", ["topic:b"])]
        desk.signal(10, "resolved", "overall")
        assert desk.told()[2:] == [(10, "resolved", ["overall"]), (10, "opened", ["topic:a"])]


def test_silenced_alert_is_told_when_the_silence_ends_and_it_still_fires(engine: Engine) -> None:
    with at_desk(engine) as desk:
        until = T + timedelta(minutes=60)
        number = silence(desk.connection, {"series": "topic:*"}, until, "ada", "index rebalancing", T)
        alert = desk.signal(1, "opened")
        over = desk.signal(2, "opened", "topic:other")
        desk.signal(3, "opened", "company:ACME")
        desk.signal(30, "resolved", "topic:other")
        assert desk.row(alert).muted == f"silence {number}"
        desk.wait(200)
        assert desk.told() == [(3, "opened", ["company:ACME"]), (60, "opened", ["topic:banks"])]
        assert desk.row(over).muted == f"silence {number}"


def test_silence_that_is_set_later_or_ended_early_takes_effect_at_once(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        hour = timedelta(hours=1)
        number = silence(desk.connection, {"series": "topic:banks"}, T + hour, "ada", "known", T + hour / 6)
        assert (desk.row(alert).muted, desk.history(alert)[-2:]) == (f"silence {number}", ["silenced", "muted"])
        desk.wait(45)
        assert desk.told("night") == []  # nobody is woken by what is silenced
        end_silence(desk.connection, number, "ada", T + timedelta(minutes=50))
        desk.wait(51)
        assert desk.told()[1:] == [(50, "opened", ["topic:banks"])]
        with pytest.raises(DataError, match="over"):
            end_silence(desk.connection, number, "ada", T + timedelta(minutes=52))


def test_warnings_wait_for_the_end_of_quiet_hours_and_critical_alerts_do_not(engine: Engine) -> None:
    with at_desk(engine, quiet_hours="13:00-14:30 Europe/London") as desk:
        alert = desk.signal(70, "opened", "topic:a")
        desk.signal(75, "opened", "topic:b")
        desk.signal(80, "opened", "topic:c", "critical")
        desk.signal(85, "extended", "topic:b", "critical")
        assert desk.told() == [(80, "opened", ["topic:c"]), (85, "opened", ["topic:b"])]
        assert desk.row(alert).muted == "quiet hours"
        desk.wait(600)
        assert desk.told()[2:] == [(150, "opened", ["topic:a"])]


def test_warning_that_becomes_critical_is_told_again(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        desk.signal(10, "extended", severity="critical")
        desk.signal(20, "extended", severity="critical")
        assert desk.told() == [(0, "opened", ["topic:banks"]), (10, "worsened", ["topic:banks"])]
        assert (desk.row(alert).severity, desk.history(alert)[2]) == ("critical", "worsened")


def test_what_nobody_acknowledges_is_escalated_when_due_however_late_that_is_noticed(engine: Engine) -> None:
    with at_desk(engine) as desk:
        desk.signal(0, "opened")
        seen = desk.signal(5, "opened", "topic:seen")
        acknowledge(desk.connection, seen, "ada", T + timedelta(minutes=20), "on it")
        desk.wait(29.9)
        assert desk.told("night") == []
        desk.wait(300)
        desk.wait(400)
        assert desk.told("night") == [(30, "escalated", ["topic:banks"])]
        desk.signal(500, "resolved")
        desk.signal(501, "resolved", "topic:seen")
        assert desk.told("night")[1:] == [(500, "resolved", ["topic:banks"])]


def test_without_escalation_channels_nothing_is_escalated(engine: Engine) -> None:
    with at_desk(engine, DESK) as desk:
        alert = desk.signal(0, "opened")
        desk.wait(300)
        assert desk.row(alert).escalated_at is None


def test_withdrawn_alert_is_told_and_may_come_back(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        desk.signal(3, "withdrawn")
        assert desk.row(alert).state == "withdrawn"
        desk.signal(6, "opened")
        assert desk.row(alert).state == "firing"
        assert [what for _, what, _ in desk.told()] == ["opened", "withdrawn", "opened"]


def test_alert_that_surges_again_fires_again_and_needs_a_new_acknowledgement(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        acknowledge(desk.connection, alert, "ada", T + timedelta(minutes=1))
        desk.signal(120, "resolved")
        desk.signal(180, "reopened")
        row = desk.row(alert)
        assert (row.state, row.acknowledged_by, row.resolved_at, row.opened_at) == ("firing", None, None, T)
        desk.wait(211)
        assert desk.told("night") == [(210, "escalated", ["topic:banks"])]


def test_acknowledging_leaves_its_trace_and_is_refused_where_nothing_fires(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        acknowledge(desk.connection, alert, "ada", T + timedelta(minutes=1), "looking")
        row = desk.row(alert)
        assert (row.state, row.acknowledged_by) == ("acknowledged", "ada")
        assert row.acknowledged_at == T + timedelta(minutes=1)
        with pytest.raises(DataError, match="acknowledged by ada"):
            acknowledge(desk.connection, alert, "bob", T)
        desk.signal(9, "resolved")
        with pytest.raises(DataError, match="is resolved"):
            acknowledge(desk.connection, alert, "bob", T)
        with pytest.raises(DataError, match="no such alert"):
            acknowledge(desk.connection, "nothing", "bob", T)


def test_verdicts_are_kept_as_training_data_and_the_last_one_counts(engine: Engine) -> None:
    with at_desk(engine) as desk:
        alert = desk.signal(0, "opened")
        judge(desk.connection, alert, "false", "ada", T, "a reprint")
        judge(desk.connection, alert, "true", "bob", T + timedelta(minutes=1))
        said = desk.connection.execute(select(schema.feedback.c.verdict, schema.feedback.c.by)).all()
        assert (desk.row(alert).verdict, [tuple(row) for row in said]) == ("true", [("false", "ada"), ("true", "bob")])
        with pytest.raises(DataError, match="no such verdict"):
            judge(desk.connection, alert, "perhaps", "ada", T)  # type: ignore[arg-type]


@pytest.mark.parametrize("matchers", [{}, {"series": ""}, {"colour": "red"}])
def test_silence_that_would_match_everything_or_nothing_is_refused(engine: Engine, matchers: dict[str, str]) -> None:
    with at_desk(engine) as desk, pytest.raises(DataError, match="not a silence"):
        silence(desk.connection, matchers, T + timedelta(hours=1), "ada", "", T)


def test_silence_that_is_over_is_refused(engine: Engine) -> None:
    with at_desk(engine) as desk, pytest.raises(DataError, match="is over"):
        silence(desk.connection, {"series": "*"}, T, "ada", "", T)


def test_replay_writes_the_same_rows_however_often_time_is_looked_at(tmp_path: Path) -> None:
    states = []
    for name, looks in (("a", ()), ("b", range(0, 400, 7))):
        folder = tmp_path / name
        folder.mkdir()
        with open_engine("sqlite", folder) as engine, at_desk(engine, quiet_hours="13:00-14:30 Europe/London") as desk:
            script: list[tuple[float, str, str]] = [
                (0, "opened", "topic:a"), (0.4, "opened", "topic:b"), (61, "opened", "topic:c"),
                (95, "opened", "overall"), (160, "resolved", "overall"), (220, "resolved", "topic:a"),
            ]  # fmt: skip
            moments = sorted([*script, *((minute, "", "") for minute in looks)])
            for minute, what, series in moments:
                if what:
                    desk.signal(minute, what, series)  # type: ignore[arg-type]
                else:
                    desk.wait(minute)
            desk.wait(400)
            events = desk.connection.execute(select(schema.alert_events)).all()
            alerts = desk.connection.execute(select(schema.alerts).order_by(schema.alerts.c.id)).all()
            states.append((desk.told(), desk.told("night"), [tuple(e)[1:] for e in events], [tuple(a) for a in alerts]))
    assert states[0] == states[1]
    assert len(states[0][0]) >= 5


@pytest.mark.parametrize(
    "settings", [{"quiet_hours": "late"}, {"quiet_hours": "22:00-22:00 UTC"}, {"quiet_hours": "25:00-07:00 UTC"},
                 {"quiet_hours": "22:00-07:00 Mars/Base"}, {"escalate_after": "soon"}],
)  # fmt: skip
def test_times_that_are_none_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        AlertBook(AlertConfig(**settings), ())
