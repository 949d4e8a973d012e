"""The errors a user may meet. Each says what, where, got, expected and the fix.

    KitError            the work failed (exit 1)
    ├── ConfigError     a setting or an option is wrong (exit 2)
    ├── DataError       a file, a column or a label is wrong (exit 2)
    ├── ModelError      a model folder or backbone is damaged, hostile or absent (exit 2)
    ├── ResumeError     a checkpoint does not belong to this run (exit 2)
    ├── ExportError     an exported model does not compute what the original does (exit 1)
    ├── ServeError      a server cannot start or answer (exit 1)
    └── StoreError      a database or an index cannot be reached, is damaged or of another version (exit 1)

A programming error is none of these: it stays the built-in exception it is.
"""

from __future__ import annotations

import re
from typing import ClassVar

# What follows one of these words is a secret, in JSON, a query, a header or a connection string.
SECRET = re.compile(
    r"((?:pass(?:word|wd)?|pwd|secret|token|api[_-]?key|access[_-]?key|authorization|cookie|signature|密码|口令)"
    r"[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?)[^\s\"'&,;}]+",
    re.IGNORECASE,
)
USERINFO = re.compile(r"(?<=://)[^\s/@\"']{1,500}@")


class KitError(Exception):
    """The base of every error that is meant for a user.

    Args:
        what: What is wrong, in a few words.
        where: The place: ``file:line``, a setting such as ``train.lr``, an option.
        got: The offending value; shown shortened, so that no long text or secret leaks.
        expected: What would have been right.
        fix: What to do now.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: str = "", got: object = None, expected: str = "", fix: str = ""
    ) -> None:
        self.what, self.where, self.got, self.expected, self.fix = what, where, got, expected, fix
        parts = [f"{where}: {what}" if where else what]
        if got is not None:
            parts.append(f"got {shorten(got)}")
        if expected:
            parts.append(f"expected {expected}")
        message = ", ".join(parts)
        super().__init__(f"{message}; {fix}" if fix else message)


class ConfigError(KitError):
    """A setting or an option is wrong."""

    exit_code = 2


class DataError(KitError):
    """A file, a column or a label is wrong."""

    exit_code = 2


class ModelError(KitError):
    """A model folder or a backbone is damaged, hostile or absent."""

    exit_code = 2


class ResumeError(KitError):
    """A checkpoint does not belong to this run."""

    exit_code = 2


class ExportError(KitError):
    """An exported model does not compute what the original does."""


class ServeError(KitError):
    """A server cannot start or answer."""


class StoreError(KitError):
    """A database or an index cannot be reached, is damaged or of another version."""


def shorten(value: object, limit: int = 80) -> str:
    """Show a value on one line in at most ``limit`` characters.

    >>> shorten("x" * 100, limit=10)
    "'xxxxxxxx…"
    """
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def hide_secrets(text: str) -> str:
    """Text without what looks like a password, a key or a token.

    >>> hide_secrets("postgresql://ann:pw@db/x?api_key=abc&n=1")
    'postgresql://***@db/x?api_key=***&n=1'
    """
    return SECRET.sub(r"\1***", USERINFO.sub("***@", text))
