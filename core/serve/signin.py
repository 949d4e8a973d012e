"""Signing in to the page: with an API key, or by the link that serve prints on its own machine.

The page for signing in is what everyone without a key gets, so it brings its style in itself:
the hash of that style is in the policy, and nothing else on the server is open.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from sqlalchemy import Engine, Table
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from core.config import ServeConfig
from core.serve.auth import is_foreign, read_token
from core.serve.key import KEY_PREFIX, LOCAL, Caller, close_sign_in, find_caller, open_sign_in
from core.serve.page import Pages
from core.serve.problem import problem, wants_page
from core.store.database import reading, transaction

PATH = "/sign-in"
LINK_SECONDS = 900.0
MOST_FIELDS = 50
KNOWN_SECONDS, MOST_KNOWN = 1.0, 1_000


class Link:
    """The way in for whoever started the server, before there is any key: works once, for a quarter of an hour."""

    def __init__(self) -> None:
        self.code = secrets.token_urlsafe(32)
        self._until = time.monotonic() + LINK_SECONDS
        self._is_used = False

    def use(self, code: str) -> bool:
        """Whether the code is right, for the first time and in time."""
        is_right = hmac.compare_digest(code.encode(), self.code.encode())
        if not is_right or self._is_used or time.monotonic() > self._until:
            return False
        self._is_used = True
        return True


class SignIn:
    """Who is known, and the routes by which one becomes known.

    Args:
        engine: Of the database.
        table: Of the keys.
        name: Of the kit.
        settings: How long a sign-in lasts.
        pages: Renders the form.
        link: The way in before there is a key; None: there is none.
    """

    def __init__(
        self, engine: Engine, table: Table, name: str, settings: ServeConfig, pages: Pages, link: Link | None
    ) -> None:
        self._engine, self._table, self._settings, self._pages, self._link = engine, table, settings, pages, link
        self._name = name
        self._known: dict[bytes, tuple[Caller | None, float]] = {}
        self._asked: dict[bytes, asyncio.Task[Caller | None]] = {}
        # Cookies know no ports: two servers on one machine must not sign each other's people out.
        self.cookie = f"{name}_{settings.port}"
        self._style = pages.read("tokens.css") + pages.read("signin.css")
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route(PATH, self._by_link, methods=["GET"])
        self.router.add_api_route(PATH, self._by_key, methods=["POST"])
        self.router.add_api_route("/sign-out", self._leave, methods=["POST"])

    async def find(self, token: str) -> Caller | None:
        """Whose key or sign-in a token is; one that is made void elsewhere may hold for a second more."""
        digest = _digest(token)
        caller, until = self._known.get(digest, (None, 0.0))
        if time.monotonic() < until:
            return caller
        if digest not in self._asked:  # the requests of a busy program are one question to the database, not many
            self._asked[digest] = asyncio.create_task(self._ask(token, digest))
        return await asyncio.shield(self._asked[digest])  # who leaves does not take the answer from the others

    async def is_known(self, request: Request) -> bool:
        """Whether who made a request may still make it: an answer that goes on asks again and again."""
        return await self.find(read_token(request.headers, self.cookie)) is not None

    def refuse(self, request: Request, why: str = "") -> Response:
        """The 401: the form for a person, a problem for a program."""
        challenge = {"www-authenticate": "Bearer"}
        if not wants_page(request.scope):
            return problem(request.scope, 401, "an API key is needed: Authorization: Bearer KEY", headers=challenge)
        # A link in a mail or a chat is another site's: the browser keeps the strict cookie back. Loading
        # the page once more, from itself, is not.
        is_link_from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET"
        again = request.url.path if request.method == "GET" and request.url.path != PATH else "/"
        response = self._pages.render(
            request, "signin.html", 401, style=self._style, why=why, next=again, kit=self._name,
            refresh=is_link_from_elsewhere,
        )  # fmt: skip
        response.headers.update({"content-security-policy": self._policy, **challenge})
        return response

    async def _ask(self, token: str, digest: bytes) -> Caller | None:
        try:
            caller = await run_in_threadpool(self._find, token)
        finally:
            del self._asked[digest]
        if caller is not None:  # tokens that strangers make up are not kept
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[digest] = caller, time.monotonic() + KNOWN_SECONDS
        return caller

    async def _by_link(self, request: Request, code: str = "") -> Response:
        if self._link is None or not self._link.use(code):
            return self.refuse(request, "link_used" if code else "")
        return await self._enter(request, LOCAL, "/")

    async def _by_key(self, request: Request) -> Response:
        if is_foreign(request.headers):
            raise HTTPException(403, "the form was not sent from a page of this server")
        fields = await read_form(request)
        key = fields.get("key", "").strip()
        caller = await self.find(key) if key.startswith(KEY_PREFIX) else None
        if caller is None:
            return self.refuse(request, "wrong_key")
        return await self._enter(request, caller, safe_path(fields.get("next", "/")))

    async def _enter(self, request: Request, caller: Caller, path: str) -> Response:
        token = await run_in_threadpool(self._open, caller)
        response = RedirectResponse(path, 303)
        response.set_cookie(
            self.cookie,
            token,
            max_age=round(3600 * self._settings.session_hours),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def _leave(self, request: Request) -> Response:
        await run_in_threadpool(self._close, request.cookies.get(self.cookie, ""))
        response = RedirectResponse(PATH, 303)
        response.delete_cookie(self.cookie, httponly=True, samesite="strict")
        return response

    def _find(self, token: str) -> Caller | None:
        with reading(self._engine) as connection:
            return find_caller(connection, self._table, token, datetime.now(UTC))

    def _open(self, caller: Caller) -> str:
        with transaction(self._engine) as connection:
            return open_sign_in(connection, self._table, caller, datetime.now(UTC), self._settings.session_hours)

    def _close(self, token: str) -> None:
        with transaction(self._engine) as connection:
            close_sign_in(connection, self._table, token)
        self._known.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form that a page has sent; of one given twice, the last.

    Raises:
        HTTPException: 400, it is no form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind != "application/x-www-form-urlencoded":
            raise ValueError(kind)
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "expected the fields of a form") from None
    return {name: values[-1] for name, values in fields.items()}


def safe_path(path: str) -> str:
    """A path of this server, and never another server's address.

    >>> safe_path("/alerts/7"), safe_path("//evil.example"), safe_path("https://evil.example")
    ('/alerts/7', '/', '/')
    """
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"
