"""Where training curves are logged: nowhere, TensorBoard, Weights & Biases or MLflow.

The trackers are optional packages (``pip install fieldkits[tensorboard]``) driven by Accelerate.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from core.config import KitConfig
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
        ConfigError: The tracker's package is not installed.
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
    accelerator.init_trackers("fieldkits", config=settings)
    try:
        yield lambda values, step: accelerator.log(dict(values), step=step)
    finally:
        accelerator.end_training()
