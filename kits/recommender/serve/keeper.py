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

WRITE_SECONDS = 0.1  # oftener, each write costs the more; more at once would hold a list up for longer
FOLLOW_SECONDS = 1.0
FOLLOW_SIBLINGS_SECONDS = 0.05  # an event that another process took in is to be in the next list, too
CLEAN_SECONDS = 3600.0
MOST_WAITING, LISTS_PER_WRITE = 20_000, 500
REBUILD_ITEMS = 20_000


class Keeper:
    """A thread beside the server.

    Args:
        living: What is kept in step.
        retention_days: Older events and lists are deleted.
        load: Reads a model folder.
        is_one_of_many: Other processes answer on the same address.
    """

    def __init__(
        self,
        living: Living,
        retention_days: int,
        load: Callable[[Path], Recommender] = Recommender.load,
        *,
        is_one_of_many: bool = False,
    ) -> None:
        self._living, self._retention, self._load = living, timedelta(days=retention_days), load
        self._is_one_of_many = is_one_of_many
        self._serving: int | None = None
        self._waiting: deque[Shown] = deque()
        self._stopping, self._writing = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._rebuilding = threading.Thread()
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
        serving = self._living.store.serving()
        self._serving = None if serving is None else serving[0]
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
                self._living.put_lists(batch)
                for _ in batch:  # after the commit: what was not kept is still there
                    self._waiting.popleft()
        self._living.follow()
        self.change_model()
        if time.monotonic() - self._cleaned >= CLEAN_SECONDS:
            self._clean()

    def change_model(self) -> None:
        """Go over to the model that was asked for, or that another process has gone over to.

        One that cannot serve changes nothing.
        """
        wanted = self._living.store.wanted_model()
        chosen = wanted or self._living.store.serving()
        if chosen is None or chosen[0] == self._serving:
            return
        number, folder = chosen
        try:
            recommender = self._load(Path(folder))
            self._living.replace(recommender)
        except KitError as error:
            log("the model cannot serve", error=error)
            if wanted is not None:
                self._living.store.refuse_model(number, str(error))
                return
        else:
            if wanted is not None:
                self._living.store.activate_model(folder, recommender.version, datetime.now(UTC), number)
        self._serving = number

    def _clean(self) -> None:
        before = datetime.now(UTC) - self._retention
        while not self._stopping.is_set() and self._living.store.delete_old(before):
            pass
        self._cleaned = time.monotonic()
        items = self._living.changed_items
        if items - self._built >= REBUILD_ITEMS and not self._rebuilding.is_alive():
            self._built = items  # a rebuild takes seconds to minutes, in which this thread has other things to do
            self._rebuilding = threading.Thread(target=self._rebuild, name="rebuild", daemon=True)
            self._rebuilding.start()

    def _rebuild(self) -> None:
        try:
            self._living.rebuild()
        except Exception as error:  # then new items go on being compared one by one
            log("the index of the items could not be rebuilt", error=error)

    def _run(self) -> None:
        stepped, was_well = 0.0, True
        while not self._stopping.wait(FOLLOW_SIBLINGS_SECONDS if self._is_one_of_many else WRITE_SECONDS):
            due = WRITE_SECONDS if self._waiting else FOLLOW_SECONDS
            try:
                if time.monotonic() - stepped >= due:
                    self.step()
                    stepped = time.monotonic()
                elif self._is_one_of_many:
                    self._living.follow()
                was_well = True
            except Exception as error:  # the database is away: say so once, and try again
                if was_well:
                    log("cannot keep step with the store", error=error)
                was_well = False
        try:
            self.step()
        except Exception as error:
            log("could not write down what was shown", error=error)
