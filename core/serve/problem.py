"""Every error as an answer: ``application/problem+json`` for programs, a short page for people.

Source: RFC 9457, Problem Details for HTTP APIs. Beyond it, ``request_id`` names the lines in the
log, and ``errors`` lists the faults of a request that has several.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from core.errors import ConfigError, DataError, KitError, StoreError
from core.serve.log import log
from core.store.database import is_transient

Page = Callable[[Request, int, str], Response]
MOST_ERRORS = 100
AWAY_SECONDS = 5
UNFORESEEN = "something went wrong here; the log says more under the request's id"


def problem(
    scope: Scope,
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that says what is wrong.

    Args:
        scope: Of the request.
        status: HTTP status.
        detail: One sentence for whoever made the request.
        errors: Single faults, each with ``where`` and ``what``.
        headers: Further headers.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": scope.get("state", {}).get("request_id", ""),
    }
    if errors:
        body["errors"] = list(errors[:MOST_ERRORS])
    text = json.dumps(body, ensure_ascii=True, default=str)
    return Response(text, status, {"cache-control": "no-store", **(headers or {})}, "application/problem+json")


def busy(scope: Scope, detail: str, seconds: float, status: int = 429) -> Response:
    """The answer that asks to come again later."""
    return problem(scope, status, detail, headers={"retry-after": str(max(1, math.ceil(seconds)))})


def wants_page(scope: Scope) -> bool:
    """Whether a browser shows the answer to a person."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return scope["method"] in ("GET", "HEAD", "POST") and b"text/html" in accept


def answer_error(request: Request, error: Exception, page: Page) -> Response:
    """Turn an error that was raised while a request was worked on into its answer.

    Args:
        request: The request.
        error: What was raised.
        page: Makes the page that a person is shown.
    """
    status, detail, errors, headers = _explain(error)
    if status >= 500:
        log("error", request.scope, error=error)
    if wants_page(request.scope):
        response = page(request, status, detail)
        response.headers.update(headers)
        return response
    return problem(request.scope, status, detail, errors=errors, headers=headers)


def _explain(error: Exception) -> tuple[int, str, list[dict[str, str]], dict[str, str]]:
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), [], dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        faults = [
            {"where": ".".join(map(str, fault["loc"])), "what": str(fault["msg"])} for fault in error.errors()
        ]
        return 422, "the request is not what this address expects", faults, {}
    if isinstance(error, ConfigError | DataError):
        return 422, str(error), [], {}
    if isinstance(error, StoreError) or is_transient(error):
        return 503, "the database does not answer", [], {"retry-after": str(AWAY_SECONDS)}
    if isinstance(error, KitError):
        return 500, str(error), [], {}
    return 500, UNFORESEEN, [], {}
