"""Where training curves are logged: nowhere, TensorBoard, Weights & Biases or MLflow.

The trackers are optional packages (``pip install fieldkits[tensorboard]``) driven by Accelerate.
One that fails on the way is told once and then left alone: no training is lost for its curves.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout

from core.config import KitConfig
from core.console import say
from core.errors import ConfigError
from core.train.loop import make_accelerator

Log = Callable[[Mapping[str, float], int], None]
FOLDER = "runs"


@contextmanager
def open_tracker(config: KitConfig) -> Iterator[Log]:
    """Open the configured tracker.

    Yields:
        A function that logs named values of an update.

    Raises:
        ConfigError: The tracker's package is not installed, or it cannot be opened.
    """
    name = config.train.tracker
    if name == "none":
        yield lambda values, step: None
        return
    if importlib.util.find_spec(name) is None:
        raise ConfigError(
            "the tracker is not installed", where="train.tracker", got=name, fix=f"pip install 'fieldkits[{name}]'"
        )
    accelerator = make_accelerator(config.train.precision, log_with=name, project_dir=FOLDER)
    settings = {f"train.{k}": v for k, v in config.train.model_dump().items() if isinstance(v, int | float | str)}
    try:
        with redirect_stdout(sys.stderr):  # MLflow prints links; standard output is for results
            accelerator.init_trackers("fieldkits", config=settings)
    except Exception as error:  # what a tracker without server, key or disk raises differs from one to the other
        reason = " ".join(str(error).split())
        raise ConfigError(f"the tracker cannot be opened: {reason}", where="train.tracker", got=name) from error
    is_lost = False

    def attempt(action: Callable[[], None]) -> None:
        nonlocal is_lost
        if is_lost:
            return
        try:
            with redirect_stdout(sys.stderr):
                action()
        except Exception as error:
            is_lost = True
            say(f"{name} failed and gets no more of this run: {error}")

    try:
        yield lambda values, step: attempt(lambda: accelerator.log(dict(values), step=step))
    finally:
        for tracker in accelerator.trackers:  # not end_training(), which would part the processes
            attempt(tracker.finish)
