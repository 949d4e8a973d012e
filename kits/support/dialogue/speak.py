"""The moves of the machine as replies: what is said, what is cited, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from kits.support.answer.compose import Citation, Composed, Part
from kits.support.answer.evidence import Match
from kits.support.dialogue.civility import Civility
from kits.support.dialogue.reply import Action, Option, Reason, Reply
from kits.support.dialogue.state import State
from kits.support.dialogue.topic import NO_TOPIC, Topic
from kits.support.dialogue.voice import Voice
from kits.support.dialogue.wording import say

Turn = tuple[State, Reply]
QUOTED = "quote:"  # before the source of the last answer


def respond(state: State, topic: Topic, voice: Voice) -> Turn:
    """Say the approved texts of the topic, and do what they say."""
    slots = state.slots_for(topic.intents, voice.slots)
    values = {name: one.value for name, one in slots.items()}
    parts: list[Part] = []
    citations: list[Citation] = []
    actions: list[Action] = []
    for intent in topic.intents:
        response = voice.responses[intent]
        text, source = response.fill(state.audience, values), response.source(state.audience)
        if source:
            citations.append(Citation(source, voice.heading(source), ""))
        parts.append(Part(text, len(citations) - 1 if source else None))
        actions.append(response.action)
    is_light = all(intent in voice.small_talk for intent in topic.intents)
    if not is_light:
        state = replace(state, last=name_answer(topic.intents, state.audience), options=(), misses=0)
    action: Action = "hand_over" if "hand_over" in actions else "close" if set(actions) == {"close"} else "answer"
    reason: Reason | None = None
    if action == "hand_over":
        reason = "requested" if set(topic.intents) & voice.person_intents else "policy"
    return state, _reply(voice, topic, action, parts, citations=tuple(citations), slots=slots, reason=reason)


def quote(state: State, composed: Composed, topic: Topic, voice: Voice) -> Turn:
    """Say what the pages say."""
    intents = (composed.intent,) if composed.intent and not topic.is_outside and _is_near(composed, topic) else ()
    named = replace(topic, intents=intents or _inside(topic))
    state = replace(state, last=f"{QUOTED}{composed.citations[0].source}", options=(), misses=0)
    slots = state.slots_for(topic.intents, voice.slots)
    return state, _reply(voice, named, "answer", composed.parts, citations=composed.citations, slots=slots)


def ask(state: State, topic: Topic, slot: str, voice: Voice, is_again: bool) -> Turn:
    """Ask for a slot."""
    question = voice.slots[slot].question(voice.language)
    text = (say("again", voice.language) if is_again else "") + question
    state = replace(state, asked=slot, tries=state.tries + 1, options=(), misses=0)
    slots = state.slots_for(topic.intents, voice.slots)
    return state, _reply(voice, topic, "ask_slot", [Part(text)], asks=slot, slots=slots)


def clarify(state: State, topic: Topic, voice: Voice, today: date) -> Turn:
    """Offer the two likeliest meanings."""
    intents = [intent for intent, _ in topic.ranked if intent in voice.responses][:2]
    return _ask_which(state, [Option(one, voice.title(one, state.audience, today)) for one in intents], topic, voice)


def offer(state: State, entries: Sequence[Match], topic: Topic, voice: Voice) -> Turn:
    """Offer entries of the FAQ that may be meant."""
    named = replace(topic, intents=_inside(topic))
    return _ask_which(state, [Option(entry.id, entry.heading) for entry in entries], named, voice)


def decline(state: State, topic: Topic, voice: Voice) -> Turn:
    """Say that this is nothing that is served here."""
    state = replace(state, misses=state.misses + 1, options=())
    return state, _reply(voice, topic, "answer", [Part(say("out_of_scope", voice.language))])


def be_civil(state: State, civility: Civility, voice: Voice) -> Turn:
    """Return a civility; what was talked about stays."""
    action: Action = "close" if civility == "goodbye" else "answer"
    return state, _reply(voice, NO_TOPIC, action, [Part(say(civility, voice.language))])


def hand_over(state: State, topic: Topic, reason: Reason, voice: Voice) -> Turn:
    """Pass the customer on to a person."""
    slots = state.slots_for(topic.intents, voice.slots)
    text = say(f"hand_over_{reason}", voice.language)
    state = replace(state, options=(), asked=None)
    return state, _reply(voice, topic, "hand_over", [Part(text)], slots=slots, reason=reason)


def name_answer(intents: tuple[str, ...], audience: str) -> str:
    """What an approved answer is remembered by, so that it is not given to two questions running."""
    return f"{';'.join(intents)}:{audience}"


def _ask_which(state: State, options: Sequence[Option], topic: Topic, voice: Voice) -> Turn:
    lines = "\n".join(f"{number}. {option.label}" for number, option in enumerate(options, start=1))
    offered = tuple(option.intent for option in options)
    state = replace(state, options=offered, misses=state.misses + 1, last="")
    part = Part(f"{say('clarify', voice.language)}\n{lines}")
    return state, _reply(voice, topic, "clarify", [part], options=tuple(options))


def _reply(voice: Voice, topic: Topic, action: Action, parts: Any, **more: Any) -> Reply:
    confidence = round(topic.confidence, 4)
    return Reply(action, tuple(parts), intents=topic.intents, confidence=confidence, language=voice.language, **more)


def _inside(topic: Topic) -> tuple[str, ...]:
    """What was read; nothing where the model knows no intent for what the company's own words answer all the same."""
    return () if topic.is_outside else topic.intents


def _is_near(composed: Composed, topic: Topic) -> bool:
    """Whether the entry's intent is one that was read, too."""
    return dict(topic.ranked).get(composed.intent, 0.0) >= topic.confidence or topic.confidence < 0.5
