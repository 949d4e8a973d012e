"""The assistant to embed: ``reply`` to one message, or to many at once, each kept in the database with its answer.

messages ──▶ what is remembered ──▶ read and embedded together ──▶ next turn of each ──▶ one transaction
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from kits.support.answer.evidence import Evidence
from kits.support.answer.response import AUDIENCES, Audience
from kits.support.assistant.voices import Spoken, open_assistant_store, open_voices, read_settings
from kits.support.config import SupportConfig
from kits.support.dialogue.machine import Heard, take_turn
from kits.support.dialogue.reply import Reply
from kits.support.dialogue.state import State
from kits.support.reading import Understanding, detect_language
from kits.support.store.desk import reply_as, resolve, take_over
from kits.support.store.store import Conversation, Exchange, Store

MOST_ATTEMPTS = 5
LIMIT_NAME = 64
Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Message:
    """What a customer wrote.

    Attributes:
        conversation: Its name; a new one begins a conversation.
        text: Their words.
        user: Whose the conversation is; looked at when it begins.
        customer: ``private`` or ``business``; looked at when it begins.
        channel: Where it takes place; looked at when it begins.
        at: When; None: now.
        id: The sender's own name of it; what comes again under it is not answered again. None: it has none.
    """

    conversation: str
    text: str
    user: str = ""
    customer: Audience = "private"
    channel: str = "api"
    at: datetime | None = None
    id: str | None = None


class Assistant:
    """Answers customers.

    >>> assistant = Assistant.load("assistant")                             # doctest: +SKIP
    >>> assistant.reply("c1", "I lost my card ending 4417").action          # doctest: +SKIP
    'answer'
    """

    def __init__(self, voices: Mapping[str, Spoken], store: Store, settings: SupportConfig) -> None:
        self.voices, self.store, self.settings = voices, store, settings
        self._zone = ZoneInfo(settings.dialogue.timezone)

    @classmethod
    def load(cls, folder: str | Path, *, may_write: bool = True, **options: Any) -> Assistant:
        """Open an assistant's folder.

        Args:
            folder: As the verb ``index`` made it.
            may_write: Whether to bring the index up to date first.
            options: Settings, as ``read_config`` takes them.

        Raises:
            KitError: Something in the folder is missing or damaged.
        """
        settings = read_settings(Path(folder), **options)
        return cls.open(Path(folder), open_assistant_store(Path(folder), settings), settings, may_write=may_write)

    @classmethod
    def open(cls, folder: Path, store: Store, settings: SupportConfig, *, may_write: bool = True) -> Assistant:
        """As ``load``, with settings that are read and a database that is open.

        Raises:
            KitError: Something in the folder is missing or damaged.
        """
        assistant = cls(open_voices(folder, store, settings, may_write), store, settings)
        if may_write:
            for spoken in assistant.voices.values():
                spoken.follower.catch_up()
        return assistant

    def follow(self) -> int:
        """Bring the indexes up to date with the database; returns how many documents that concerned."""
        return sum(spoken.follower.follow() for spoken in self.voices.values())

    def warm(self) -> Iterator[int]:
        """Get the encoders ready, and read what may be quoted, so that the first to ask need not wait for it.

        Yields:
            How much of it is done, after a little at a time: whoever steps on may stop.
        """
        for spoken in self.voices.values():
            yield from spoken.reader.warm()
            yield from spoken.voice.warm()

    def reply(
        self,
        conversation: str,
        text: str,
        *,
        user: str = "",
        customer: Audience = "private",
        channel: str = "api",
        at: datetime | None = None,
    ) -> Reply:
        """Answer one message.

        Raises:
            DataError: The message is empty or too long, or the name of the conversation is none.
            StoreError: The database does not answer.
        """
        return self.reply_many([Message(conversation, text, user, customer, channel, at)])[0]

    def reply_many(self, messages: Sequence[Message]) -> list[Reply]:
        """Answer messages, those of different conversations together.

        A message whose ``id`` its conversation has already gets a silent reply.

        Raises:
            DataError: A message is empty or too long, or the name of a conversation is none.
        """
        for message in messages:
            self.check(message)
        replies: list[Reply | None] = [None] * len(messages)
        waiting = list(range(len(messages)))
        attempts = 0
        while waiting:
            first = {messages[number].conversation: number for number in reversed(waiting)}
            now = sorted(first.values())
            for number, reply in zip(now, self._answer([messages[number] for number in now]), strict=True):
                replies[number] = reply  # None where another process was faster: once more, with what it wrote
            done = [number for number in now if replies[number] is not None]
            attempts = 0 if done else attempts + 1
            if attempts > MOST_ATTEMPTS:
                raise DataError("the conversation is changed all the time", where=messages[now[0]].conversation)
            waiting = [number for number in waiting if number not in set(done)]
        return [reply for reply in replies if reply is not None]

    def take_over(self, conversation: str, agent: str) -> None:
        """Let a person own a conversation; the assistant is silent in it."""
        take_over(self.store, conversation, agent, datetime.now(UTC))

    def say_as(self, conversation: str, agent: str, text: str, at: datetime | None = None) -> int:
        """Say something to the customer as a person."""
        return reply_as(self.store, conversation, agent, text, at or datetime.now(UTC))

    def resolve(self, conversation: str, agent: str, at: datetime | None = None) -> None:
        """Give a conversation back; the assistant starts clean."""
        resolve(self.store, conversation, agent, at or datetime.now(UTC))

    def check(self, message: Message) -> None:
        """Refuse what is no message.

        Raises:
            DataError: Says what is wrong with it.
        """
        limit = self.settings.dialogue.max_characters
        if not message.text.strip() or "\0" in message.text:
            raise DataError("an empty message", where="text", expected="what the customer wrote")
        if len(message.text) > limit:
            got = f"{len(message.text)} characters"
            raise DataError("too long a message", where="text", got=got, expected=f"at most {limit}")
        if not 0 < len(message.conversation) <= LIMIT_NAME or not message.conversation.isprintable():
            raise DataError("no name of a conversation", where="conversation", expected=f"1 to {LIMIT_NAME} characters")
        if message.customer not in AUDIENCES:
            raise DataError("no such customer", where="customer", got=message.customer, expected=" or ".join(AUDIENCES))

    def _answer(self, messages: Sequence[Message]) -> list[Reply | None]:
        """One turn in each of several conversations."""
        known = self.store.read([message.conversation for message in messages])
        found = [known.get(message.conversation) or _begin(message) for message in messages]
        times = [message.at or datetime.now(self._zone) for message in messages]
        exchanges: list[Exchange | None] = [None] * len(messages)
        heard: dict[str, list[int]] = {}
        for number, (message, conversation) in enumerate(zip(messages, found, strict=True)):
            if conversation.owner == "person":
                state = conversation.state or self._fresh(message, conversation)
                exchanges[number] = Exchange(
                    conversation, message.text, times[number], state, Reply(None, language=state.language)
                )
            else:
                heard.setdefault(self._language(message.text, conversation), []).append(number)
        for language, numbers in heard.items():
            own = [(messages[number], found[number], times[number]) for number in numbers]
            for number, exchange in zip(numbers, self._turns(self.voices[language], own), strict=True):
                exchanges[number] = exchange
        done = [
            replace(exchange, message=message.id)
            for exchange, message in zip(exchanges, messages, strict=True)
            if exchange is not None
        ]
        kept = self.store.record(done)
        return [
            _settle(exchange.reply, turn) if is_kept else None
            for exchange, (turn, is_kept) in zip(done, kept, strict=True)
        ]

    def _turns(
        self, spoken: Spoken, asked: Sequence[tuple[Message, Conversation, datetime]]
    ) -> list[Exchange]:
        """Read everything that was said at once, then take each turn; once more where the words alone do not decide."""
        dialogue = self.settings.dialogue
        states = [
            (conversation.state or self._fresh(message, conversation)).forget_old(
                now, dialogue.slot_minutes, dialogue.topic_minutes
            )
            for message, conversation, now in asked
        ]
        reads = spoken.reader.read([message.text for message, _, _ in asked])
        vectors = _embed(spoken, [message.text for message, _, _ in asked])
        heard = [
            _hear(message, conversation, now, state.question, read, spoken, vector)
            for (message, conversation, now), state, read, vector in zip(asked, states, reads, vectors, strict=True)
        ]
        turns = [take_turn(state, one, spoken.voice) for state, one in zip(states, heard, strict=True)]
        open_ones = [number for number, turn in enumerate(turns) if turn is None]
        both = [_join(states[number].question, heard[number].text) for number in open_ones]
        joined = spoken.reader.read(both, may_ask_two=False)  # what was asked before has been answered
        for number, read in zip(open_ones, joined, strict=True):
            turns[number] = take_turn(states[number], replace(heard[number], joined=read), spoken.voice)
        return [
            Exchange(conversation, message.text, now, *turn)
            for (message, conversation, now), turn in zip(asked, turns, strict=True)
            if turn is not None
        ]

    def _language(self, text: str, conversation: Conversation) -> str:
        """The customer's, if it is spoken here; of words that are of none, the one before."""
        before = conversation.state.language if conversation.state else None
        has_words = any(letter.isalpha() for letter in text.replace("MK-", ""))
        language = detect_language(text) if has_words or before is None else before
        return language if language in self.voices else next(iter(self.voices))

    def _fresh(self, message: Message, conversation: Conversation) -> State:
        customer: Audience = "business" if conversation.customer == "business" else "private"
        return State("zh" if self._language(message.text, conversation) == "zh" else "en", customer)


def _settle(reply: Reply, turn: int | None) -> Reply:
    """The reply as it was kept; silent where none was, because the message had been answered before."""
    return replace(reply, turn=turn) if turn is not None else Reply(None, language=reply.language)


def _begin(message: Message) -> Conversation:
    return Conversation(
        message.conversation, message.user, message.channel, message.customer, "assistant", None, 0, datetime.now(UTC)
    )


def _embed(spoken: Spoken, texts: Sequence[str]) -> Sequence[Vector | None]:
    """The vector of each text ``(dimension,)`` float32; None where words alone decide."""
    embed = spoken.voice.library.embed
    return [None] * len(texts) if embed is None else list(embed(texts))


def _join(question: str, text: str) -> str:
    return f"{question} {text}"


def _hear(
    message: Message,
    conversation: Conversation,
    now: datetime,
    question: str,
    alone: Understanding,
    spoken: Spoken,
    vector: Vector | None,
) -> Heard:
    """What was heard; a turn that is taken twice looks up the same evidence once."""
    library = spoken.voice.library

    @cache
    def look(is_joined: bool, audience: Audience) -> Evidence:
        if not is_joined:
            return library.look(message.text, vector, audience, now.date())
        joined = _join(question, message.text)
        return library.look(joined, _embed(spoken, [joined])[0], audience, now.date())

    return Heard(
        text=message.text,
        now=now,
        customer="business" if conversation.customer == "business" else "private",
        alone=alone,
        look=look,
        has_before=bool(question),
    )
