"""Lets in who shows a key or is signed in, and nobody else.

A program sends ``Authorization: Bearer KEY``. A person's browser sends the cookie of a sign-in by
itself, also when another site made it send the request; so with a cookie nothing may be changed
unless the browser says that the request came from one of our own pages.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import TypeVar
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.serve.key import KEY_PREFIX, SIGN_IN_PREFIX, Caller
from core.serve.problem import problem

SAFE = ("GET", "HEAD", "OPTIONS")
Find = Callable[[str], Awaitable[Caller | None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])


class Guard:
    """Answers 401 to whoever it does not know, on every path but the open ones.

    Args:
        app: What is guarded.
        find: Whose token it is, None if it is void.
        cookie: Name of the sign-in's cookie.
        refuse: The answer to who is not known.
        open_paths: For everyone.
    """

    def __init__(
        self,
        app: ASGIApp,
        find: Find,
        cookie: str,
        refuse: Callable[[Request], Response],
        open_paths: frozenset[str],
    ) -> None:
        self.app, self.find, self.cookie, self.refuse, self.open_paths = app, find, cookie, refuse, open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass with its caller in ``state``, or refuse it."""
        if scope["type"] == "lifespan" or scope["path"] in self.open_paths:
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # there are none here
            return
        headers = Headers(scope=scope)
        token = read_token(headers, self.cookie)
        caller = await self.find(token) if token else None
        if caller is None:
            await self.refuse(Request(scope))(scope, receive, send)
        elif caller.is_person and scope["method"] not in SAFE and is_foreign(headers):
            await problem(scope, 403, "the request did not come from a page of this server")(scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self.app(scope, receive, send)


def read_token(headers: Headers, cookie: str) -> str:
    """The key of the header, else the sign-in of the cookie, else nothing."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme:
        token = given.strip() if scheme.lower() == "bearer" else ""
        return token if token.startswith(KEY_PREFIX) else ""
    try:
        token = getattr(SimpleCookie(headers.get("cookie", "")).get(cookie), "value", "")
    except CookieError:
        return ""
    return token if token.startswith(SIGN_IN_PREFIX) else ""


def is_foreign(headers: Headers) -> bool:
    """Whether a changing request may have been made by a page of someone else.

    Browsers say where a request comes from, and no page can keep them from it or make them lie.

    >>> is_foreign(Headers({"host": "a:80", "origin": "http://evil"}))
    True
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc != headers.get("host", "")


def needs(scope: str) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint as one for another scope than its method says."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.needed_scope = scope  # type: ignore[attr-defined]
        return endpoint

    return mark


async def check_scope(connection: HTTPConnection) -> None:
    """Depended on by every route: reading needs ``read``, all else ``write``, if nothing else is marked.

    Raises:
        HTTPException: 403, the key is not for this.
    """
    caller = connection.scope.get("state", {}).get("caller")
    if caller is None:
        return  # an open path: the guard lets nobody else come here
    default = "read" if connection.scope["method"] in SAFE else "write"
    wanted = getattr(connection.scope.get("endpoint"), "needed_scope", default)
    if not caller.may(wanted):
        raise HTTPException(403, f"this needs a key with the scope {wanted}")


def caller_of(request: Request) -> Caller:
    """Who asks."""
    caller: Caller = request.scope["state"]["caller"]
    return caller
