"""What a run shows: progress and messages on standard error, results on standard output.

Not a terminal: no bars, only messages. ``--json``: exactly one JSON object on standard output.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as BarTask
from rich.table import Table
from rich.text import Text

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)
logger = logging.getLogger("fieldkits")
SHOW_AFTER_SECONDS = 2.0


class Tick(Protocol):
    """Reports that ``amount`` more units are done."""

    def __call__(self, amount: int = 1, /) -> None:
        """Count them."""


class _RateColumn(ProgressColumn):
    def render(self, task: BarTask) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s", style="dim")


class _MessageHandler(logging.Handler):
    """Prints each message as one line, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        stderr.print(self.format(record), markup=False, soft_wrap=True)


def set_up_logging(debug: bool = False) -> None:
    """Send the project's messages to standard error, and keep libraries quiet unless debugging."""
    logger.handlers[:] = [_MessageHandler()]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False
    if not debug:  # their bars, which they show even where there is no terminal
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    for name in ("transformers", "huggingface_hub", "datasets", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.WARNING if debug else logging.ERROR)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Tick]:
    """Show a bar with rate and time left for work that lasts over two seconds.

    Yields:
        A function to call with the number of units just done.
    """
    if not stderr.is_terminal:
        yield lambda amount=1, /: None
        return
    title_column = TextColumn("{task.description}")
    columns = (title_column, BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=stderr, transient=True)
    task = bar.add_task(title, total=total)
    begun = time.monotonic()

    def tick(amount: int = 1, /) -> None:
        bar.update(task, advance=amount)
        if not bar.live.is_started and time.monotonic() - begun > SHOW_AFTER_SECONDS:
            bar.start()

    try:
        yield tick
    finally:
        bar.stop()


def is_main_process() -> bool:
    """False in all but the first of processes that train together: only the first speaks and writes."""
    return os.environ.get("RANK", "0") == "0"


def say(message: str) -> None:
    """Tell the user something, on standard error."""
    if is_main_process():
        logger.info(message)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on standard output; columns after the first are right-aligned."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    if is_main_process():
        stdout.print(table)


def emit_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object on standard output."""
    if is_main_process():
        print(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str))
