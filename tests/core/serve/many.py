"""The small server in several processes: ``python -m tests.core.serve.many FOLDER PROCESSES [fail] [old]``.

``/pid`` says which process answers, ``FOLDER/parent`` where. With ``fail`` none can start; with ``old``
they count as having served for long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI

import core.serve.processes
import core.serve.start
from core.config import ServeConfig
from core.errors import KitError
from core.serve.signin import Link
from core.serve.start import serve
from tests.core.serve.site import keys, make_app, open_tables


def main() -> None:
    """Serve until told to stop."""
    folder, processes = Path(sys.argv[1]), int(sys.argv[2])
    if "old" in sys.argv:
        core.serve.processes.YOUNG_SECONDS = 0.0

    def build(link: Link | None) -> tuple[FastAPI, Callable[[], Awaitable[None]]]:
        if "fail" in sys.argv:
            raise SystemExit(3)
        app, _, _ = make_app(folder)

        @app.get("/pid")
        def pid() -> int:
            return os.getpid()

        @app.get("/threads")
        def threads() -> str:
            return os.environ["OMP_NUM_THREADS"]

        return app, app.state.pulse.stop

    def say(text: str) -> None:
        (folder / "parent").write_text(text, encoding="utf-8")

    core.serve.start.say = say  # type: ignore[attr-defined]
    try:
        serve(open_tables(folder), keys, ServeConfig(port=0), build, processes=processes)
    except KitError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    main()
