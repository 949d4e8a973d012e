"""Answers what channels brought that wait for no answer: taken in first, acknowledged, and answered from here.

What waits is in the database, so a server that is stopped answers it after its next start. Two
servers may both begin to answer a message; it is kept once, as its name is in its conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from core.errors import StoreError
from core.serve.batcher import Batcher, Overloaded
from core.serve.log import log
from core.store.database import is_transient
from kits.support.assistant.talk import Message
from kits.support.dialogue.reply import Reply
from kits.support.store.channel import Taken, drop_taken, list_taken
from kits.support.store.store import Store

MOST_TOGETHER = 16
LOOK_SECONDS = 5.0  # another process may have taken something in, and died
PAUSE_SECONDS = 1.0


class Inbox:
    """Works through the inbox of some channels.

    Args:
        store: Where it is.
        batcher: Answers.
        channels: Their names; with none there is nothing to do.
    """

    def __init__(self, store: Store, batcher: Batcher[Message, Reply], channels: Sequence[str]) -> None:
        self._store, self._batcher, self._channels = store, batcher, list(channels)
        self._filled = asyncio.Event()

    def wake(self) -> None:
        """Something was taken in."""
        self._filled.set()

    async def run(self) -> None:
        """Answer, until cancelled."""
        while self._channels:
            self._filled.clear()  # before looking: what is taken in from now on is not overlooked
            try:
                if await self._look():
                    continue
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._filled.wait()
            except TimeoutError:
                continue
            except Exception as error:
                log("the inbox waits", error=error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self) -> bool:
        """Answer the oldest messages; whether there were any."""
        store = self._store
        taken = await run_in_threadpool(list_taken, store.engine, store.tenant, self._channels, MOST_TOGETHER)
        # One of a conversation at a time: the second may be about the answer to the first.
        first = {one.incoming.conversation: one for one in reversed(taken)}
        done = await asyncio.gather(*(self._answer(one) for one in first.values()), return_exceptions=True)
        for failure in done:
            if failure is not None:
                raise failure
        return bool(taken)

    async def _answer(self, taken: Taken) -> None:
        """Answer one message; those that are asked for together are answered in one batch."""
        store, brought = self._store, taken.incoming
        message = Message(
            brought.conversation, brought.text, brought.user, channel=brought.channel, id=brought.message
        )
        notice = None
        try:
            await self._batcher.submit([message])
        except Overloaded as error:
            await asyncio.sleep(error.retry_seconds)
            return
        except Exception as error:
            if isinstance(error, StoreError) or is_transient(error):
                raise
            log("a message of a channel cannot be answered", error=error)
            notice = "failed"
        await run_in_threadpool(drop_taken, store.engine, store.tenant, [taken], notice)
