"""Opens a configured channel: the signed webhook, or one of the services that apprise knows."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import warnings
from dataclasses import dataclass
from threading import Thread, get_ident
from typing import Any, Protocol

from core.config import look_up
from core.console import logger
from core.deliver.post import Failure, Limits
from core.deliver.webhook import Webhook, open_webhook
from core.errors import ConfigError
from kits.sentiment.config import Channel, NotifyConfig
from kits.sentiment.notify.message import Message
from kits.sentiment.notify.outbox import to_payload
from kits.sentiment.notify.wording import Language, word

SECRET_VARIABLE = "FIELDKITS_WEBHOOK_SECRET"
_KINDS = {"opened": "warning", "worsened": "failure", "escalated": "failure", "resolved": "success"}


class Sender(Protocol):
    """Sends messages of one channel."""

    def send(self, message: Message, key: str) -> Failure | None:
        """Try once; None if it arrived."""


def parse_channel(text: str) -> Channel:
    """The channel that ``--notify URL`` means: all alerts, in English.

    Its name follows from the URL, so that what waits for it in the outbox is sent after a restart,
    and to nobody else. A webhook is signed with the key in ``FIELDKITS_WEBHOOK_SECRET`` where that is set.

    Args:
        text: A URL, or ``env:NAME`` of one.
    """
    secret = f"env:{SECRET_VARIABLE}" if os.environ.get(SECRET_VARIABLE) else None
    kind = text.partition(":")[0][:20].lower()
    return Channel(name=f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}", url=text, secret=secret)


def open_channel(channel: Channel, settings: NotifyConfig) -> Sender:
    """Make a channel ready to send; nothing is connected yet.

    Raises:
        ConfigError: Its address or secret is none. The message holds neither.
    """
    where = f"notify.channels.{channel.name}"
    url = look_up(channel.url, f"{where}.url")
    if url.partition("://")[0].lower() in ("http", "https"):
        secret = look_up(channel.secret, f"{where}.secret") if channel.secret else None
        if secret is None:
            logger.warning("The webhook %s has no secret: its messages are not signed.", channel.name)
        limits = Limits(settings.send_seconds, settings.allow_private, "notify.allow_private")
        webhook = open_webhook(url, secret, limits, f"{where}.url")
        return WebhookSender(webhook, channel.language)
    return ServiceSender(_open_service(url, settings.send_seconds, where), channel.language, settings.send_seconds)


@dataclass(frozen=True)
class WebhookSender:
    """Posts the message with its words and all its numbers as JSON."""

    webhook: Webhook
    language: Language

    def send(self, message: Message, key: str) -> Failure | None:
        """Try once; None if it arrived."""
        text = word(message, self.language)
        body = {"id": key, "title": text.title, "text": text.body, **to_payload(message)}
        return self.webhook.post(json.dumps(body, ensure_ascii=False, sort_keys=True).encode(), key)


class ServiceSender:
    """Sends the words through apprise.

    A service that does not come back is left to its own thread, and no other is begun beside it:
    so a delivery ends in time, and no threads pile up.
    """

    def __init__(self, service: Any, language: Language, seconds: float) -> None:
        self._service, self._language, self._seconds = service, language, seconds
        self._running: Thread | None = None

    def send(self, message: Message, key: str) -> Failure | None:
        """Try once; None if it arrived."""
        if self._running is not None and self._running.is_alive():
            return Failure("the delivery before has still not ended")
        attempt = _Attempt(self._service, message, self._language)
        self._running = Thread(target=attempt.run, name="apprise", daemon=True)
        self._running.start()
        self._running.join(self._seconds)
        if self._running.is_alive():
            return Failure(f"no answer within {self._seconds:g} s")
        return None if attempt.is_sent else Failure(attempt.reason)


class _Attempt(logging.Handler):
    """One delivery through apprise, and what it logs, which alone tells the reason of a failure."""

    def __init__(self, service: Any, message: Message, language: Language) -> None:
        super().__init__(logging.WARNING)
        self._service, self._message, self._language = service, message, language
        self._thread: int | None = None
        self.is_sent, self.reason = False, "the service did not take it"

    def run(self) -> None:
        """Deliver, and keep whether it was taken."""
        import apprise

        self._thread = get_ident()
        text = word(self._message, self._language)
        kind = apprise.NotifyType(_KINDS.get(self._message.what, "info"))
        log = logging.getLogger("apprise")
        log.addHandler(self)
        try:
            self.is_sent = bool(
                self._service.notify(
                    title=text.title, body=text.body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
                )
            )
        except Exception as error:  # any of a hundred services, each with libraries of its own
            self.reason = f"the service failed: {type(error).__name__}"
        finally:
            log.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the HTTP status, and nothing else: the rest may hold the address with its tokens."""
        status = re.search(r"error\s*=\s*([3-5]\d\d)\b", record.getMessage())
        if record.thread == self._thread and status:
            self.reason = f"the service answered {status[1]}"
        elif record.thread == self._thread and "onnection" in record.getMessage():
            self.reason = "the connection to the service failed"


def _open_service(url: str, seconds: float, where: str) -> Any:
    import apprise

    log = logging.getLogger("apprise")
    log.setLevel(logging.WARNING)  # its messages may hold the address with its tokens
    log.propagate = False
    log.addHandler(logging.NullHandler())
    asset = apprise.AppriseAsset(app_id="fieldkits", http_redirects=False, async_mode=False)
    with warnings.catch_warnings():  # loading its services imports a module that Python is about to drop
        warnings.simplefilter("ignore", DeprecationWarning)
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        fix = "see the list of services in apprise's documentation"
        raise ConfigError("is no address that apprise knows", where=f"{where}.url", got=_scheme(url), fix=fix)
    service.socket_connect_timeout = service.socket_read_timeout = seconds
    return service


def _scheme(url: str) -> str:
    """What stands before ``://``: all of an address that may be shown."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://…" if separator else "no URL"
