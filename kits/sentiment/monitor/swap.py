"""Goes over to another model while the one before it goes on.

In the background it is loaded and reads the history; what is left is one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from core.console import logger, say
from core.errors import KitError
from core.store.database import is_transient
from kits.sentiment.config import SentimentConfig
from kits.sentiment.monitor.shadow import Shadow
from kits.sentiment.reading import Reader
from kits.sentiment.store.store import MonitorStore

LOOK_SECONDS = 2.0
MANIFEST = "manifest.json"  # every model folder has one, written last
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that is to become the active one.

    Attributes:
        folder: Where it lies.
        request: Number of the request that asked for it; None: it was found in the watched folder.
    """

    folder: Path
    request: int | None = None


class Swap:
    """Finds, loads and prepares other models, one at a time.

    Args:
        store: With the history and with requests.
        epoch: Of the writer.
        settings: Of stories and surges.
        load: Reads a model from a folder.
        folder: Watched: another model there is gone over to.
    """

    def __init__(
        self,
        store: MonitorStore,
        epoch: int,
        settings: SentimentConfig,
        load: Callable[[Path], Reader],
        folder: Path,
    ) -> None:
        self._store, self._epoch, self._settings, self._load, self._folder = store, epoch, settings, load, folder
        self._stop = Event()
        self._thread: Thread | None = None
        self._candidate = Candidate(folder)
        self._outcome: Shadow | str = ""
        self._seen = _fingerprint(folder)
        self._looked_at = time.monotonic()

    def stop(self) -> None:
        """Give up what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def begin(self, candidate: Candidate, clock: datetime, active: str, reader: Reader | None = None) -> None:
        """Prepare a model in the background.

        Args:
            candidate: Which.
            clock: The monitor's.
            active: Version of the active model.
            reader: The candidate, if it is loaded already.
        """
        self._candidate = candidate
        self._thread = Thread(target=self._prepare, args=(candidate, clock, active, reader), name="swap", daemon=True)
        self._thread.start()

    def step(self, clock: datetime, active: str, *, is_asked: bool) -> Shadow | None:
        """See to it that a model that was asked for, or was put into the folder, is prepared.

        Args:
            clock: The monitor's.
            active: Version of the active model.
            is_asked: Look now, not when it is time.

        Returns:
            One that is ready to take over; ``done`` is to be called when it has.
        """
        if self._thread is not None:
            if self._thread.is_alive():
                return None
            if isinstance(self._outcome, Shadow):
                self._thread = None
                return self._outcome
            self.done(self._outcome, clock)
            self._thread = None
        if is_asked or time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if (found := self._find()) is not None:
                self.begin(found, clock, active)
        return None

    @property
    def folder(self) -> Path:
        """Of the candidate."""
        return self._candidate.folder

    def done(self, answer: str, at: datetime) -> None:
        """Answer whoever asked for the candidate."""
        if self._candidate.request is not None:
            self._store.answer_request(self._candidate.request, answer, at)

    def _find(self) -> Candidate | None:
        if (request := self._store.next_request()) is not None:
            number, folder = request
            return Candidate(Path(folder), number)
        fingerprint = _fingerprint(self._folder)
        if fingerprint is not None and fingerprint != self._seen:
            self._seen = fingerprint
            return Candidate(self._folder)
        return None

    def _prepare(self, candidate: Candidate, clock: datetime, active: str, reader: Reader | None) -> None:
        """Load and read the history; whatever goes wrong, the active model goes on."""
        try:
            reader = reader or self._load(candidate.folder)
            if reader.version == active:
                self._outcome = f"{active} is active already"
                return
            say(f"Model {reader.version} reads the history; {active} goes on until that is done")
            shadow = Shadow(self._store, self._epoch, reader, self._settings, clock)
            while not self._stop.is_set() and self._read_on(shadow):
                pass
            self._outcome = shadow
        except Exception as error:
            self._outcome = str(error) if isinstance(error, KitError) else f"unexpected {type(error).__name__}: {error}"
            logger.debug("the model was not taken", exc_info=True)
            say(f"The model in {candidate.folder} was not taken: {self._outcome}")

    def _read_on(self, shadow: Shadow) -> bool:
        try:
            return shadow.read_on() > 0
        except Exception as error:
            if not is_transient(error):
                raise
            self._stop.wait(_RETRY_SECONDS)
            return True


def _fingerprint(folder: Path) -> tuple[int, int] | None:
    """What changes when another model is put in the folder's place; None while there is none."""
    try:
        manifest = (folder / MANIFEST).stat()
    except OSError:
        return None
    return manifest.st_ino, manifest.st_mtime_ns
