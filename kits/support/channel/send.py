"""Sends to channels what was said in their conversations: to a signed webhook, or with Slack's ``chat.postMessage``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.config import DeliverConfig, look_up
from core.deliver.address import Target
from core.deliver.deliverer import Deliverer, Sender
from core.deliver.post import Failure, Limits, open_target, post
from core.deliver.webhook import Webhook, open_webhook
from core.errors import ConfigError
from kits.support.channel.slack import API, write_post
from kits.support.channel.tell import say_notice, tell_turn
from kits.support.config import Channel, SupportConfig
from kits.support.store.channel import open_outbox
from kits.support.store.store import Store

MOST_BYTES = 64_000
LEAST_SECRET = 16
_CODE = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class WebhookSender:
    """Posts each turn as JSON to an address of the channel's."""

    webhook: Webhook
    channel: Channel
    store: Store

    def send(self, payload: Mapping[str, Any], key: str) -> Failure | None:
        """Try once; None if it arrived, or is gone."""
        turn = self.store.read_turn(payload["turn"])
        if turn is None:
            return None  # the customer was forgotten meanwhile
        conversation = turn["conversation"].removeprefix(f"{self.channel.name}:")
        body = {"id": key, "conversation": conversation, "reply": tell_turn(turn)}
        return self.webhook.post(json.dumps(body, ensure_ascii=False, sort_keys=True).encode(), key)


@dataclass(frozen=True, slots=True)
class SlackSender:
    """Writes into Slack as the app's bot."""

    target: Target
    token: str = field(repr=False)
    limits: Limits
    channel: Channel
    store: Store

    def send(self, payload: Mapping[str, Any], key: str) -> Failure | None:
        """Try once; None if it arrived, or is gone."""
        written = self._write(payload)
        if written is None:
            return None
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = post(self.target, json.dumps(written).encode(), headers, self.limits, MOST_BYTES)
        return answer if isinstance(answer, Failure) else _judge(answer)

    def _write(self, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        prefix = f"{self.channel.name}:"
        if "notice" in payload:
            text = say_notice(payload["notice"], self.channel.language)
            return write_post(payload["conversation"].removeprefix(prefix), text, (), None)
        turn = self.store.read_turn(payload["turn"])
        if turn is None:
            return None
        citations = (turn["said"] or {}).get("citations", [])
        return write_post(turn["conversation"].removeprefix(prefix), turn["text"], citations, self.channel.pages)


def open_deliverer(store: Store, settings: SupportConfig) -> Deliverer:
    """Make the channels that are told ready to send; nothing is connected yet.

    Raises:
        ConfigError: A channel's address or secret is none. The message holds neither.
    """
    told = [channel for channel in settings.channels if channel.is_told]
    senders = {channel.name: open_sender(channel, settings.deliver, store) for channel in told}
    return Deliverer(open_outbox(store.engine, store.tenant), senders, settings.deliver)


def open_sender(channel: Channel, settings: DeliverConfig, store: Store) -> Sender:
    """Who sends for a channel.

    Raises:
        ConfigError: Its address or secret is none.
    """
    where = f"channels.{channel.name}"
    limits = Limits(settings.send_seconds, settings.allow_private, "deliver.allow_private")
    url = look_up(channel.url or "", f"{where}.url")
    if channel.kind == "slack":
        target = open_target(f"{(url or API).rstrip('/')}/chat.postMessage", f"{where}.url")
        return SlackSender(target, look_up(channel.token or "", f"{where}.token"), limits, channel, store)
    return WebhookSender(open_webhook(url, read_secret(channel), limits, f"{where}.url"), channel, store)


def read_secret(channel: Channel) -> str:
    """The key of a channel's signatures.

    Raises:
        ConfigError: The variable that holds it is not set, or it can be guessed.
    """
    where = f"channels.{channel.name}.secret"
    secret = look_up(channel.secret, where)
    if len(secret) < LEAST_SECRET:
        raise ConfigError("too short a key", where=where, expected=f"at least {LEAST_SECRET} characters")
    return secret


def _judge(answer: bytes) -> Failure | None:
    """Slack answers 200 also to what it does not do, and says so in the body."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return Failure("the answer is not Slack's")
    if isinstance(value, dict) and value.get("ok") is True:
        return None
    code = str(value.get("error")) if isinstance(value, dict) else ""
    return Failure(f"Slack refuses: {code if _CODE.fullmatch(code) else 'no reason'}")
