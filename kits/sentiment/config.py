"""Settings of the sentiment kit: core's, and the presets to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Unpack
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from core.config import DeliverConfig, KitConfig, Section, ServeConfig, StoreConfig
from core.options import Given, read_options

PRESETS: dict[str, dict[str, Any]] = {
    "en": {"preset": "en"},
    "zh": {"preset": "zh", "train": {"analyzer": "char"}},
}


class FeedConfig(Section):
    """How items are fetched."""

    poll_seconds: float = Field(60.0, title="Time between two looks at a feed that does not push", gt=0)
    batch_rows: int = Field(512, title="Items taken in with one transaction", ge=1)
    fetch_seconds: float = Field(10.0, title="A fetch that takes longer is given up", gt=0)
    fetch_max_bytes: int = Field(5_000_000, title="A larger document is refused", ge=1024)
    allow_private: bool = Field(False, title="Fetch also from private and local addresses")
    timezone: str = Field("UTC", title="Zone of times that name none, such as Asia/Shanghai")

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected a zone such as Europe/London") from None
        return value


class StoryConfig(Section):
    """When two items tell one story."""

    hours: int = Field(72, title="Items further apart are never one story", ge=1)
    min_overlap: float = Field(0.5, title="Jaccard similarity of n-grams that makes two items one story", gt=0, le=1)
    min_cosine: float = Field(0.82, title="Similarity of meaning that does, if words are shared too", gt=0, le=1)


class SurgeConfig(Section):
    """What is normal, and how far from it a surge begins."""

    window: str = Field("1h", title="Length of the windows that are counted")
    scales: tuple[int, ...] = Field((1, 6), title="Sums of so many windows are looked at", min_length=1)
    lateness: str = Field("2h", title="A later item is stored but no longer revises its window")
    history_days: int = Field(28, title="How far back the baseline looks", ge=2)
    min_history_days: float = Field(3.0, title="No alert before so much history", ge=0)
    min_stories: int = Field(4, title="No alert on fewer distinct negative stories", ge=1)
    watch: Path | None = Field(None, title="TOML with names and tickers of companies to watch")


class AlertConfig(Section):
    """How often an alarm may be false, and what becomes of one."""

    budget: str = Field("1 per topic per month", title="False alarms allowed on quiet news")
    cooldown_windows: int = Field(6, title="A surge within so many windows of another belongs to it", ge=1)
    resolve_windows: int = Field(3, title="Calm windows after which an alert is resolved", ge=1)
    escalate_after: str | None = Field("30m", title="Told again, to escalation channels, if not acknowledged")
    quiet_hours: str | None = Field(None, title="Only critical alerts are sent: 22:00-07:00 Europe/London")
    threshold: float | None = Field(None, title="Largest p-value that is an alarm (none: by the budget; tune sets it)")


class Channel(Section):
    """Someone to tell, and of what."""

    name: str = Field(title="Name, as in messages and the outbox", min_length=1, max_length=100)
    url: str = Field(title="An apprise URL, https://… for the signed webhook, or env:NAME of either", repr=False)
    language: Literal["en", "zh"] = Field("en", title="Language of the messages")
    series: tuple[str, ...] = Field(("*",), title="Patterns of the series to tell of: topic:*, company:ACME")
    min_severity: Literal["warning", "critical"] = Field("warning", title="Lesser alerts are not sent")
    escalation: bool = Field(False, title="Told only of what nobody acknowledged")
    secret: str | None = Field(None, title="Key of the webhook's signature, or env:NAME that holds it", repr=False)


class NotifyConfig(DeliverConfig):
    """Who is told of alerts, and how long that is tried."""

    channels: tuple[Channel, ...] = Field((), title="Whom to tell: name, url, language, series, min_severity")

    @field_validator("channels")
    @classmethod
    def _names_differ(cls, value: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len({channel.name for channel in value}) < len(value):
            raise ValueError("expected channels with different names")
        return value


class SentimentConfig(KitConfig):
    """All settings of ``kits.sentiment``."""

    preset: Literal["en", "zh"] = Field("en", title="What the defaults were made for, and the report's language")
    feed: FeedConfig = Field(FeedConfig(), title="Feeds")
    story: StoryConfig = Field(StoryConfig(), title="Stories")
    surge: SurgeConfig = Field(SurgeConfig(), title="Surges")
    alert: AlertConfig = Field(AlertConfig(), title="Alerts")
    notify: NotifyConfig = Field(NotifyConfig(), title="Notification")
    store: StoreConfig = Field(StoreConfig(url="sqlite:///monitor.db"), title="Database")
    serve: ServeConfig = Field(ServeConfig(), title="HTTP")


def read_config(**given: Unpack[Given]) -> SentimentConfig:
    """Put the configuration together from the options of the command line.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    return read_options(SentimentConfig, PRESETS, given)
