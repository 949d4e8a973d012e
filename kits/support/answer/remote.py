"""Asks a server with OpenAI's chat interface, as vLLM, Ollama and llama.cpp have it, too.

Bounded in time and size; no redirects; a failure of any kind means that there is no generated answer.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.console import logger
from core.errors import ConfigError
from kits.support.answer.generate import format_question

MOST_BYTES = 200_000
MOST_TOKENS = 300


@dataclass(frozen=True, slots=True)
class RemoteGenerator:
    """A model behind an address.

    Attributes:
        url: Of the interface, up to and with its version: ``http://127.0.0.1:8001/v1``.
        model: Its name there.
        seconds: What takes longer is given up.
        key: Sent as the bearer; None for none.
    """

    url: str
    model: str
    seconds: float = 10.0
    key: str | None = field(default=None, repr=False)

    def write(self, instruction: str, passages: Sequence[str], question: str) -> str:
        """The model's answer; empty where it did not answer in time or in form."""
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": instruction},
                {"role": "user", "content": format_question(passages, question)},
            ],
            "temperature": 0,
            "max_tokens": MOST_TOKENS,
            "stream": False,
        }
        try:
            return _read(self._post(json.dumps(body).encode()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            logger.info("No generated answer: %s", type(error).__name__)  # the error itself may hold the address
            return ""

    def _post(self, body: bytes) -> bytes:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, parts.port, timeout=self.seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=self.seconds)
        headers = {"Content-Type": "application/json", "User-Agent": "fieldkits"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            connection.request("POST", f"{parts.path.rstrip('/')}/chat/completions", body, headers)
            answer = connection.getresponse()
            data = answer.read(MOST_BYTES + 1)
            if answer.status != 200 or len(data) > MOST_BYTES:
                raise ValueError(f"status {answer.status}")
            return data
        finally:
            connection.close()


def open_remote(url: str, model: str, seconds: float, key: str | None) -> RemoteGenerator:
    """Check an address.

    Args:
        url: Of the interface.
        model: Its name there.
        seconds: What takes longer is given up.
        key: The key, or ``env:NAME`` of the variable that holds it.

    Raises:
        ConfigError: It is no address of a server, or the variable is not set.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError("no address of a server", where="generate.url", expected="http://HOST:PORT/v1")
    if not model:
        raise ConfigError("which model?", where="generate.model", fix="name it as the server does")
    if key and key.startswith("env:"):
        name = key.removeprefix("env:")
        key = os.environ.get(name)
        if not key:
            raise ConfigError("the variable is not set", where="generate.key", got=name)
    return RemoteGenerator(url, model, seconds, key)


def _read(data: bytes) -> str:
    """The words of the first choice.

    Raises:
        ValueError: The answer has another form.
    """
    try:
        content = json.loads(data)["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError, RecursionError) as error:
        raise ValueError("another form") from error
    if not isinstance(content, str):
        raise ValueError("no text")
    return content
