"""What goes on beside the requests: shown lists are written down, other processes followed, models changed.

A list is answered at once and written down within a second; a server that is killed in between
loses that it was shown, never an event. Lists that the database does not take wait, up to a limit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.errors import KitError
from core.serve.log import log
from kits.recommender.live.living import Living
from kits.recommender.model.recommender import Recommender
from kits.recommender.store.store import Shown

WRITE_SECONDS = 0.25
FOLLOW_SECONDS = 1.0
CLEAN_SECONDS = 3600.0
MOST_WAITING, LISTS_PER_WRITE = 20_000, 500
REBUILD_ITEMS = 20_000


class Keeper:
    """A thread beside the server.

    Args:
        living: What is kept in step.
        retention_days: Older events and lists are deleted.
        load: Reads a model folder.
    """

    def __init__(
        self, living: Living, retention_days: int, load: Callable[[Path], Recommender] = Recommender.load
    ) -> None:
        self._living, self._retention, self._load = living, timedelta(days=retention_days), load
        self._waiting: deque[Shown] = deque()
        self._stopping, self._writing = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._cleaned, self._built = -float("inf"), 0

    @property
    def waiting(self) -> int:
        """Lists that are not yet written down."""
        return len(self._waiting)

    def keep(self, shown: Shown) -> None:
        """Write a list down, soon; while the database is away, only so many wait."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(shown)

    def forget(self, user_id: str) -> None:
        """Write down no list of a user that waits; in the middle of a write, wait for it."""
        with self._writing:
            for shown in [one for one in self._waiting if one.user_id == user_id]:
                self._waiting.remove(shown)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write down what waits, and end."""
        self._stopping.set()
        self._thread.join(30)

    def step(self) -> None:
        """Do what is due."""
        while self._waiting:
            with self._writing:
                batch = [self._waiting[at] for at in range(min(LISTS_PER_WRITE, len(self._waiting)))]
                self._living.store.put_lists(batch)
                for _ in batch:  # after the commit: what was not kept is still there
                    self._waiting.popleft()
        self._living.follow()
        self.change_model()
        if time.monotonic() - self._cleaned >= CLEAN_SECONDS:
            self._clean()

    def change_model(self) -> None:
        """Go over to the model that was asked for, if one was; one that cannot serve changes nothing."""
        wanted = self._living.store.wanted_model()
        if wanted is None:
            return
        number, folder = wanted
        try:
            recommender = self._load(Path(folder))
            self._living.replace(recommender)
        except KitError as error:
            self._living.store.refuse_model(number, str(error))
            log("the model cannot serve", error=error)
        else:
            self._living.store.activate_model(folder, recommender.version, datetime.now(UTC), number)

    def _clean(self) -> None:
        before = datetime.now(UTC) - self._retention
        while not self._stopping.is_set() and self._living.store.delete_old(before):
            pass
        self._cleaned = time.monotonic()
        items = self._living.changed_items
        if items - self._built >= REBUILD_ITEMS:
            self._living.rebuild()
            self._built = items

    def _run(self) -> None:
        followed, was_well = 0.0, True
        while not self._stopping.wait(WRITE_SECONDS):
            if not self._waiting and time.monotonic() - followed < FOLLOW_SECONDS:
                continue
            try:
                self.step()
                followed, was_well = time.monotonic(), True
            except Exception as error:  # the database is away: say so once, and try again
                if was_well:
                    log("cannot keep step with the store", error=error)
                was_well = False
        try:
            self.step()
        except Exception as error:
            log("could not write down what was shown", error=error)
