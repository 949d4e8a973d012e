"""Arrays kept on disk under the hash of everything they depend on, so work is done once.

A damaged, full or unwritable cache costs time, never correctness. Arrays only: no pickle.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.console import logger

LIMIT_BYTES = 2 * 1024**3
_DIGEST_BYTES = 32
Arrays = Mapping[str, NDArray[Any]]


def cached_arrays(kind: str, digest: str, compute: Callable[[], Arrays]) -> Arrays:
    """Read the arrays of a digest, or compute and keep them.

    Args:
        kind: Sub-folder: what the arrays are.
        digest: Hash of everything that ``compute`` depends on.
        compute: Makes the arrays, by name.
    """
    file = cache_folder() / kind / f"{digest}.npz"
    try:
        raw = memoryview(file.read_bytes())
        if raw[:_DIGEST_BYTES] == hashlib.sha256(raw[_DIGEST_BYTES:]).digest():
            with np.load(io.BytesIO(raw[_DIGEST_BYTES:]), allow_pickle=False) as stored:
                return dict(stored)
    except OSError:
        pass
    arrays = compute()
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    partial = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with partial.open("wb") as stream:
            stream.write(hashlib.sha256(content.getbuffer()).digest())
            stream.write(content.getbuffer())
        partial.replace(file)
        _drop_oldest(file.parent)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        logger.debug("cache not written: %s", error)
    return arrays


def cache_folder() -> Path:
    """``$FIELDKITS_CACHE``, else ``fieldkits`` in the user's cache folder."""
    chosen = os.environ.get("FIELDKITS_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "fieldkits"


def _drop_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime, reverse=True)
    total = 0
    for file in files:
        total += file.stat().st_size
        if total > LIMIT_BYTES:
            file.unlink(missing_ok=True)
