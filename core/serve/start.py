"""Starts a kit's server: takes the address, says how to get in, and serves until it is told to stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import Engine, Table
from starlette.types import ASGIApp

from core.config import ServeConfig
from core.console import say
from core.errors import ConfigError
from core.serve.key import list_keys
from core.serve.listen import bind, check_address, is_loopback, run_server, show_url
from core.serve.log import set_up_journal
from core.serve.processes import inherit, run_processes
from core.serve.signin import PATH, Link
from core.store.database import reading

# From the way in before there is a key, if there is to be one, to the app and what ends its streams.
Build = Callable[[Link | None], tuple[ASGIApp, Callable[[], Awaitable[None]]]]


def serve(
    engine: Engine,
    keys: Table,
    settings: ServeConfig,
    build: Build,
    goes_on: Callable[[], bool] = lambda: True,
    processes: int = 1,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        engine: Of the database.
        keys: The table of API keys.
        settings: Address and limits.
        build: Makes the app once the address is taken, so that whatever is slow to load fails late.
        goes_on: Asked all the time; the server stops when it says no.
        processes: How many answer; each runs the same command and calls this again, and only there something is built.

    Raises:
        ConfigError: Others could reach the address, and there is no key; or there are to be several processes and
            there is none: the link that lets somebody in without one is known to one process only.
        ServeError: The address is taken, or not of this machine.
    """
    with reading(engine) as connection:
        has_keys = any(key.is_valid(datetime.now(UTC)) for key in list_keys(connection, keys))
    check_address(settings.host, has_keys)
    if (inheritance := inherit()) is not None:
        with closing(inheritance.listener) as listener:
            app, stop = build(None)
            set_up_journal()
            run_server(app, listener, settings, stop, lambda: goes_on() and inheritance.goes_on(), inheritance.shares)
        return
    if processes > 1:
        if not has_keys:
            fix = "make one first with the verb key"
            raise ConfigError("several processes need an API key", where="serve.processes", got=processes, fix=fix)
        engine.dispose()
        with closing(bind(settings)) as listener:
            announce(show_url(listener), None)
            run_processes(listener, processes)
        return
    with closing(bind(settings)) as listener:
        link = None if has_keys or not is_loopback(settings.host) else Link()
        app, stop = build(link)
        announce(show_url(listener), link)
        set_up_journal()
        run_server(app, listener, settings, stop, goes_on)


def announce(address: str, link: Link | None) -> None:
    """Say where it is and how to get in."""
    if link is None:
        say(f"Open {address} and sign in with an API key")
        return
    say("No API key has been made yet. This link signs you in, once, within 15 minutes:")
    say(f"{address}{PATH}?code={link.code}")
