"""Sends what is in the outbox: each configured channel gets a thread of core's deliverer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from core.deliver.deliverer import Deliverer
from core.deliver.outbox import Outbox
from core.deliver.post import Failure
from kits.sentiment.config import Channel, NotifyConfig
from kits.sentiment.notify.channel import Sender, open_channel
from kits.sentiment.notify.outbox import from_payload
from kits.sentiment.store.schema import outbox


def open_outbox(engine: Engine) -> Outbox:
    """The outbox; the messages of one alert stay in order."""
    return Outbox(engine, outbox, "alert")


def open_deliverer(
    engine: Engine, channels: Sequence[Channel], settings: NotifyConfig, **options: Any
) -> Deliverer:
    """Make the channels ready to send.

    Args:
        engine: Of the database with the outbox.
        channels: Each gets a thread.
        settings: Limits and pauses.
        options: Clock and chance, as ``Deliverer`` takes them.

    Raises:
        ConfigError: A channel's address or secret is wrong.
    """
    senders = {channel.name: _Told(open_channel(channel, settings)) for channel in channels}
    return Deliverer(open_outbox(engine), senders, settings, **options)


@dataclass(frozen=True, slots=True)
class _Told:
    """Reads a message out of its row."""

    sender: Sender

    def send(self, payload: Mapping[str, Any], key: str) -> Failure | None:
        """Try once; None if it arrived."""
        return self.sender.send(from_payload(payload), key)
