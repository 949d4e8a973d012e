"""Makes a kit's server: its routes behind the guard, the limits, the policy and the journal.

    Security       what browsers are to refuse
    └ Journal      number, time and line of every request; what nothing caught becomes a 500
      └ Guard      401 without a key
        └ Limits   413, 408, 429, 503
          └ routes /health/live /health/ready /metrics /openapi.json /static, and the kit's

A kit brings a ``Site``; what it serves, and to whom, is up to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client.registry import Collector
from sqlalchemy import Engine, Table
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response

from core.config import ServeConfig
from core.serve.auth import Guard, check_scope, needs
from core.serve.headers import REPORTS, SecurityHeaders, take_reports
from core.serve.journal import Journal
from core.serve.limits import Limits
from core.serve.log import log
from core.serve.metrics import CONTENT_TYPE, Metrics
from core.serve.page import Pages
from core.serve.problem import answer_error
from core.serve.signin import PATH as SIGN_IN
from core.serve.signin import Link, SignIn

LIVE, READY = "/health/live", "/health/ready"
READY_SECONDS = 5.0
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Site:
    """What a kit brings.

    Attributes:
        name: The kit.
        version: Of what it serves, for the API's description.
        engine: Its database.
        keys: The table of its API keys.
        settings: Address and limits.
        pages: Its templates and texts.
        routers: Its routes.
        lifespan: What runs beside the server, from its start to its end.
        checks: By name what must work for it to be ready; each raises if it does not.
        streams: Paths whose answer goes on for as long as someone watches.
        open_paths: Paths that need no key, because they look themselves at who asks.
        link: The way in before there is a key.
        gauges: What it counts, read when it is asked for.
    """

    name: str
    version: str
    engine: Engine
    keys: Table
    settings: ServeConfig
    pages: Pages
    routers: Sequence[APIRouter]
    lifespan: Lifespan
    checks: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    streams: frozenset[str] = frozenset()
    open_paths: frozenset[str] = frozenset()
    link: Link | None = None
    gauges: Sequence[Collector] = ()


def create_app(site: Site) -> FastAPI:
    """Put a kit's server together."""

    def show(request: Request, status: int, detail: str) -> Response:
        request_id = request.scope["state"]["request_id"]
        return site.pages.render(request, "error.html", status, code=status, detail=detail, request_id=request_id)

    def answer(request: Request, error: Exception) -> Response:
        return answer_error(request, error, show)

    async def answer_expected(request: Request, error: Exception) -> Response:
        return answer(request, error)

    metrics = Metrics()
    for collector in site.gauges:
        metrics.add(collector)
    sign_in = SignIn(site.engine, site.keys, site.name, site.settings, site.pages, site.link)
    app = FastAPI(
        title=site.pages.title[0],
        version=site.version,
        docs_url=None,  # the usual viewers load scripts from elsewhere
        redoc_url=None,
        dependencies=[Depends(check_scope), Depends(HTTPBearer(auto_error=False))],
        lifespan=site.lifespan,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Journal, metrics=metrics, answer=answer),
            Middleware(
                Guard,
                find=sign_in.find,
                cookie=sign_in.cookie,
                refuse=sign_in.refuse,
                open_paths=frozenset({LIVE, READY, SIGN_IN}) | site.open_paths,
            ),
            Middleware(
                Limits,
                settings=site.settings,
                metrics=metrics,
                streams=site.streams,
                free=frozenset({LIVE, READY}),
            ),
        ],
    )
    for expected in (HTTPException, RequestValidationError):  # all others reach the journal
        app.add_exception_handler(expected, answer_expected)
    app.state.sign_in = sign_in
    app.include_router(_own_routes(site, metrics))
    app.include_router(sign_in.router)
    for router in site.routers:
        app.include_router(router)
    return app


def _own_routes(site: Site, metrics: Metrics) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    readiness = _Readiness(site.checks)

    @router.get(LIVE)
    async def live() -> Response:
        return JSONResponse({"status": "alive"})

    @router.get(READY)
    async def ready() -> Response:
        found = await readiness.look()
        is_ready = all(state == "ok" for state in found.values())
        status = {"status": "ready" if is_ready else "not ready", "checks": found}
        return JSONResponse(status, 200 if is_ready else 503)

    @router.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.render(), headers={"content-type": CONTENT_TYPE})

    @router.get("/static/{name}")
    async def static(request: Request, name: str) -> Response:
        return site.pages.respond(request, name)

    @router.post(REPORTS)
    @needs("read")
    async def reports(request: Request) -> Response:
        return take_reports(request, await request.body(), metrics)

    return router


class _Readiness:
    """Looks at most once a second, however often it is asked: the question is open to everyone."""

    def __init__(self, checks: Mapping[str, Callable[[], object]]) -> None:
        self._checks = checks
        self._looking = asyncio.Lock()
        self._found: dict[str, str] = {}
        self._until = 0.0

    async def look(self) -> dict[str, str]:
        """By name of the check ``ok``, ``failed`` or ``too slow``."""
        async with self._looking:
            if time.monotonic() >= self._until:
                self._found = {name: await _check(check) for name, check in self._checks.items()}
                self._until = time.monotonic() + 1.0
            return self._found


async def _check(check: Callable[[], object]) -> str:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await to_thread.run_sync(check, abandon_on_cancel=True)
    except TimeoutError:
        return "too slow"
    except Exception as error:
        log("not ready", error=error)
        return "failed"
    return "ok"
