"""Names each request, measures it, writes its line, and catches what nothing else caught."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.serve.log import log
from core.serve.metrics import Metrics

_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class Journal:
    """Around all that works on a request.

    Args:
        app: What works on it.
        metrics: Where it is counted.
        answer: Turns an error into its answer.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, answer: Callable[[Request, Exception], Response]) -> None:
        self.app, self.metrics, self.answer = app, metrics, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an error that comes back becomes a 500."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # no database keeps it
                raise HTTPException(400, "the address holds a NUL character")
            await self.app(scope, receive, note)
        except ClientDisconnect:
            status = status or 499  # nobody is there any more: nothing to send, and no fault
        except Exception as error:
            if status:
                log("the answer broke off", scope, error=error)
                raise ConnectionAbortedError("the answer broke off") from None
            await self.answer(Request(scope), error)(scope, receive, note)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.count_request(scope["method"], route, status, seconds)
            log("request", scope, status=status, ms=round(1000 * seconds, 1))


def _request_id(scope: Scope) -> str:
    """The caller's own, if it is a plain one, so that a request can be followed through several systems."""
    given: bytes = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
