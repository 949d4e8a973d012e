"""What the monitor counts, for Prometheus: read from its tables when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from core.serve.log import log
from core.store.database import reading
from kits.sentiment.store.store import MonitorStore
from kits.sentiment.view.alerts import open_alerts
from kits.sentiment.view.health import read_health


class MonitorGauges(Collector):
    """The state of feeds, queues and alerts.

    Args:
        store: Where it is read from.
    """

    def __init__(self, store: MonitorStore) -> None:
        self._store = store

    def describe(self) -> list[Metric]:
        """Nothing: the names are known only when there is a database to ask."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All gauges; only ``monitor_database_up 0`` if the database does not answer."""
        try:
            found = list(self._read())
        except SQLAlchemyError as error:
            log("the gauges cannot be read", error=error)
            found = []
        yield GaugeMetricFamily("monitor_database_up", "Whether the database answers", value=float(bool(found)))
        yield from found

    def _read(self) -> Iterator[Metric]:
        with reading(self._store.engine) as connection:
            health, opened = read_health(connection), open_alerts(connection)
        for name, text, value in (
            ("items", "Items taken in", health.items),
            ("late_items", "Items that came when their window was final", health.late_items),
            ("inbox_records", "Posted and not yet taken in", health.inbox),
            ("messages_unsent", "Messages on their way", health.unsent),
            ("messages_given_up", "Messages that could not be delivered", health.given_up),
        ):
            yield GaugeMetricFamily(f"monitor_{name}", text, value=value)
        if health.beat_at is not None:
            age = (datetime.now(UTC) - health.beat_at).total_seconds()
            yield GaugeMetricFamily("monitor_beat_age_seconds", "Since the last sign of life", value=age)
        alerts = GaugeMetricFamily("monitor_alerts", "Open alerts", labels=("state", "severity"))
        for state in ("firing", "acknowledged"):
            for severity in ("warning", "critical"):
                count = sum(alert.state == state and alert.severity == severity for alert in opened)
                alerts.add_metric((state, severity), count)
        yield alerts
        failing = GaugeMetricFamily("monitor_feed_failing", "Whether the last look at a feed failed", labels=("feed",))
        for feed in health.feeds:
            failing.add_metric((feed.name,), float(feed.state == "failing"))
        yield failing
