"""What a server counts, for Prometheus, in a registry of its own."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from core.serve.processes import COUNTERS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# What stands in a label comes from us, never from a request: a stranger must not be able to add series.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """The counters that every kit's server has; a kit registers its own beside them.

    Where several processes answer on one address, each shows what all of them have counted.

    Attributes:
        registry: Of one app; two apps in a process do not mix.
        working: Requests that are worked on.
        waiting: Requests that wait for their turn.
        streams: People who watch live.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shown: CollectorRegistry = self.registry
        if COUNTERS in os.environ:
            self._shown = CollectorRegistry()
            MultiProcessCollector(self._shown)  # type: ignore[no-untyped-call]
        else:
            ProcessCollector(registry=self.registry)
        labels = ("method", "route")
        self._requests = Counter("http_requests", "Answers", (*labels, "status"), registry=self.registry)
        self._seconds = Histogram(
            "http_request_seconds", "Time to an answer", labels, buckets=_BUCKETS, registry=self.registry
        )
        self._refused = Counter("http_refused", "Requests refused by a limit", ("reason",), registry=self.registry)
        self._violations = Counter(
            "csp_violations", "Reports of the content security policy", ("directive",), registry=self.registry
        )
        self.working = self._gauge("http_requests_working", "Requests that are worked on")
        self.waiting = self._gauge("http_requests_waiting", "Requests that wait")
        self.streams = self._gauge("http_streams_open", "Pages that are updated live")

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer.

        Args:
            method: Of the request.
            route: The pattern that its path matched.
            status: HTTP status; 0 if it broke off before there was one.
            seconds: Until the last byte.
        """
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def count_refused(self, reason: str) -> None:
        """Count a request that a limit refused."""
        self._refused.labels(reason).inc()

    def count_violation(self, directive: str) -> None:
        """Count something that a browser kept from running."""
        self._violations.labels(directive).inc()

    def add(self, collector: Collector) -> None:
        """Also show what a kit counts."""
        self._shown.register(collector)

    def render(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self._shown)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self.registry, multiprocess_mode="livesum")
