"""One JSON line on standard error for everything that happens while serving.

A line names the method, the route, who asked, the status and the time it took. It never holds a
query string, a header, a body or a value of a database statement: that is where secrets are.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import StatementError
from starlette.types import Scope

logger = logging.getLogger("fieldkits.serve")
_MOST_TRACE = 8_000


class JsonLine(logging.Formatter):
    """A record as one line of JSON; its ``fields``, if it has any, beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Only ASCII is written, so that nothing in it can forge a line or move a terminal's cursor."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _trace(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


def set_up_journal() -> None:
    """Send the lines of this package and of the HTTP server to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine())
    for name, level in (("fieldkits.serve", logging.INFO), ("uvicorn", logging.WARNING)):
        target = logging.getLogger(name)
        target.handlers[:] = [handler]
        target.setLevel(level)
        target.propagate = False


def log(message: str, scope: Scope | None = None, *, error: BaseException | None = None, **fields: Any) -> None:
    """Write a line, with what identifies the request if there is one."""
    if scope is not None:
        route = getattr(scope.get("route"), "path", None)
        state = scope.get("state", {})
        fields = {
            "request_id": state.get("request_id", ""),
            "method": scope["method"],
            "path": scope["path"][:200],
            "route": route,
            "by": getattr(state.get("caller"), "name", None),
            **fields,
        }
    level = logging.ERROR if error is not None else logging.INFO
    logger.log(level, message, extra={"fields": fields}, exc_info=error)


def _trace(error: BaseException) -> str:
    """Where an error came from and what it says, and likewise its causes."""
    parts = []
    link: BaseException | None = error
    while link is not None:
        parts.append("".join(traceback.format_tb(link.__traceback__)) + _describe(link))
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\nbecause of\n".join(parts)[-_MOST_TRACE:]


def _describe(error: BaseException) -> str:
    """Type and message; of a database's error only the first line, since the others may quote values."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, StatementError):
        lines = str(error.orig).strip().splitlines() or [""]
        return f"{name}: {lines[0]} [{error.statement}]"
    return f"{name}: {str(error).partition(chr(10))[0]}"
