"""What ``backtest`` and ``tune`` begin with: a model, its settings, history through the pipeline, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from core.errors import DataError
from kits.sentiment.backtest.measure import Span
from kits.sentiment.backtest.replay import History, read_items, replay
from kits.sentiment.backtest.truth import Event, read_events
from kits.sentiment.config import SentimentConfig
from kits.sentiment.monitor.reader import ModelReader
from kits.sentiment.monitor.start import read_settings
from kits.sentiment.monitor.watch import read_watch
from kits.sentiment.reading import ErrorRates, Reader
from kits.sentiment.surge.grid import Grid, make_grid


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """History, replayed.

    Attributes:
        settings: That it was replayed with.
        errors: Of the model.
        version: Of the model.
        grid: How time is divided.
        history: What the detector saw and said.
        span: From when on there was history enough, to the end.
        events: What happened.
    """

    settings: SentimentConfig
    errors: ErrorRates
    version: str
    grid: Grid
    history: History
    span: Span
    events: list[Event]


def prepare(
    model: Path,
    data: list[str],
    *,
    map: list[str] | None,
    truth: Path | None,
    config: Path | None,
    set: list[str] | None,
    seed: int | None,
) -> Rehearsal:
    """Load a model and replay history with it.

    Raises:
        ConfigError: A setting is wrong.
        DataError: The data or the truth cannot be read, or the history is too short.
        ModelError: The model cannot be loaded.
    """
    settings = read_settings(model, None, None, data=data, map=map, config=config, set=set, seed=seed)
    events = [] if truth is None else read_events(truth)
    make_grid(settings.surge, settings.alert)  # what is wrong with it is said before anything is read
    items = read_items(settings.data)
    reader = ModelReader.load(model, read_watch(settings.surge.watch))
    return rehearse(reader, replay(items, reader, settings), settings, events)


def rehearse(reader: Reader, history: History, settings: SentimentConfig, events: list[Event]) -> Rehearsal:
    """History with what is asked of it.

    Raises:
        DataError: It is too short for a baseline.
    """
    grid = make_grid(settings.surge, settings.alert)
    window = timedelta(seconds=grid.seconds)
    start = min(seen.event_at for seen in history.observations) + grid.warm_up * window
    end = history.observations[-1].clock
    if start >= end:
        raise DataError(
            "too short a history",
            where="--data",
            got=f"{(end - start) / timedelta(days=1) + grid.warm_up * window / timedelta(days=1):.1f} days",
            expected=f"more than {grid.warm_up * window / timedelta(days=1):.1f} days, as no alert comes before",
        )
    return Rehearsal(settings, reader.errors, reader.version, grid, history, Span(start, end, window), events)
