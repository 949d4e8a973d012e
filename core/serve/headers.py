"""What every answer tells the browser to refuse, and the counting of what browsers refused.

The policy allows scripts, styles, pictures and connections of this server only, nothing inline:
a text that slipped into a page as markup could still not run, nor send anything anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.serve.log import log
from core.serve.metrics import Metrics

REPORTS = "/csp-reports"
# report-uri, not report-to: browsers send it at once, with the cookie of the person who is signed in, and without TLS.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    f"report-uri {REPORTS}"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_DIRECTIVE = re.compile(r"(default|script|style|img|connect|font|frame|form|base|manifest|object|worker|media)(-\w+)*")


class SecurityHeaders:
    """Adds the policy to every answer that does not bring one of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guard(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", POLICY)
                headers.setdefault("cache-control", "no-store")
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guard)


def take_reports(request: Request, body: bytes, metrics: Metrics) -> Response:
    """Count and log what a browser reports; whatever else is sent is ignored.

    Args:
        request: The request.
        body: Its body.
        metrics: Where reports are counted.
    """
    for report in _reports(body):
        name = str(report.get("effective-directive") or report.get("violated-directive") or "").split(" ")[0]
        match = _DIRECTIVE.fullmatch(name)
        directive = match.group(1) if match else "other"
        metrics.count_violation(directive)
        log("csp violation", request.scope, directive=directive, blocked=str(report.get("blocked-uri", ""))[:200])
    return Response(status_code=204)


def _reports(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    report = value.get("csp-report") if isinstance(value, dict) else None
    if isinstance(report, dict):
        yield report
