"""How the assistant does: what customers want, how much of it is answered, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from kits.support.answer.terms import content_terms, resemble
from kits.support.store.schema import conversations, feedback, handovers, turns

LEAST_LIKENESS = 0.5
MOST_UNANSWERED = 2_000
SHOWN_TEXTS = 5
UNSURE = ("unsure", "unanswered", "incomplete")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Questions that were not answered and are alike.

    Attributes:
        texts: Some of them, the one that is most like the others first.
        count: How many there are.
    """

    texts: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a span of time.

    Attributes:
        conversations: How many had a turn.
        customer_turns: How many messages were answered by the assistant.
        actions: Replies by what they did.
        intents: Replies by what was read, the most frequent first.
        answered: Share of replies that gave an answer.
        handed_over: Share of conversations that a person took over.
        reasons: Why they did.
        up: Replies that people found good.
        down: Replies that they did not.
        unanswered: What the assistant could not answer, the largest clusters first.
        days: For each day its date, conversations and hand-overs.
    """

    conversations: int
    customer_turns: int
    actions: dict[str, int]
    intents: list[tuple[str, int]]
    answered: float | None
    handed_over: float | None
    reasons: dict[str, int]
    up: int
    down: int
    unanswered: list[Cluster]


def read_figures(connection: Connection, tenant: str, since: datetime) -> Figures:
    """The figures of a tenant since a time; rehearsed conversations do not count."""
    real = select(conversations.c.id).where(conversations.c.tenant == tenant, conversations.c.channel != "test")
    mine = (turns.c.tenant == tenant) & (turns.c.at >= since) & turns.c.conversation.in_(real)
    replies = mine & (turns.c.speaker == "assistant")
    actions = {row.action: row.n for row in connection.execute(
        select(turns.c.action, func.count().label("n")).where(replies).group_by(turns.c.action)
    )}  # fmt: skip
    counted = connection.execute(
        select(turns.c.intent, func.count().label("n")).where(replies).group_by(turns.c.intent)
    )
    intents: Counter[str] = Counter()
    for row in counted:
        intents.update(dict.fromkeys(filter(None, (row.intent or "").split(";")), row.n))
    talks = connection.execute(select(func.count(turns.c.conversation.distinct())).where(mine)).scalar_one()
    over = (handovers.c.tenant == tenant) & (handovers.c.at >= since) & handovers.c.conversation.in_(real)
    reasons = {row.reason: row.n for row in connection.execute(
        select(handovers.c.reason, func.count().label("n")).where(over).group_by(handovers.c.reason)
    )}  # fmt: skip
    handed = connection.execute(select(func.count(handovers.c.conversation.distinct())).where(over)).scalar_one()
    verdicts = {row.verdict: row.n for row in connection.execute(
        select(feedback.c.verdict, func.count().label("n"))
        .where(feedback.c.tenant == tenant, feedback.c.at >= since)
        .group_by(feedback.c.verdict)
    )}  # fmt: skip
    total = sum(actions.values())
    return Figures(
        conversations=talks,
        customer_turns=total,
        actions=actions,
        intents=intents.most_common(),
        answered=actions.get("answer", 0) / total if total else None,
        handed_over=min(1.0, handed / talks) if talks else None,
        reasons=reasons,
        up=verdicts.get("up", 0),
        down=verdicts.get("down", 0),
        unanswered=cluster_texts(read_unanswered(connection, tenant, since)),
    )


def read_unanswered(connection: Connection, tenant: str, since: datetime) -> list[str]:
    """What customers wrote before the assistant gave up, or before a reply that people found bad; newest first."""
    said = turns.alias("said")
    before = (
        select(func.max(said.c.number))
        .where(
            said.c.tenant == tenant,
            said.c.conversation == turns.c.conversation,
            said.c.speaker == "customer",
            said.c.number < turns.c.number,
        )
        .scalar_subquery()
    )
    given_up = turns.c.reason.in_(UNSURE) | (feedback.c.verdict == "down") | (turns.c.intent == "oos")
    real = select(conversations.c.id).where(conversations.c.tenant == tenant, conversations.c.channel != "test")
    numbers = (
        select(before)
        .select_from(turns.outerjoin(feedback, feedback.c.turn == turns.c.number))
        .where(turns.c.tenant == tenant, turns.c.at >= since, turns.c.speaker == "assistant", given_up)
        .where(turns.c.conversation.in_(real))
        .order_by(turns.c.number.desc())
        .limit(MOST_UNANSWERED)
    )
    rows = connection.execute(select(turns.c.text).where(turns.c.number.in_(numbers)).order_by(turns.c.number.desc()))
    return [row.text for row in rows]


def cluster_texts(texts: Sequence[str], least: float = LEAST_LIKENESS) -> list[Cluster]:
    """Texts that share most of their words, the largest clusters first.

    Each text joins the cluster whose first text it is most like, or begins one.

    >>> cluster_texts(["Do you sell gold?", "do you sell gold coins", "Is there a branch in Rome?"])[0].count
    2
    """
    heads: list[tuple[str, frozenset[str], list[str]]] = []
    for text in texts:
        terms = content_terms(text)
        best = max(heads, key=lambda head: resemble(terms, head[1], {}), default=None)
        if best is not None and terms and resemble(terms, best[1], {}) >= least:
            best[2].append(text)
        else:
            heads.append((text, terms, [text]))
    heads.sort(key=lambda head: -len(head[2]))
    return [Cluster(tuple(dict.fromkeys(members))[:SHOWN_TEXTS], len(members)) for _, _, members in heads]
