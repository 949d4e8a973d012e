"""The next turn: a function of what is remembered, what was said, and what is known. It keeps nothing itself.

asked for a slot? ──filled──▶ go on with the topic ─┐
│ no, or they talk of something else           │
offered meanings? ──chosen──▶ that is the topic ────┤
│                                              ▼
the topic, alone or with the words before ──▶ cost of the step that follows from it
│
answer │ ask_slot │ close │ hand_over ◀── go ──┤── clarify, once
answer from the pages ◀── strong evidence ┴── hand_over

Where no text is approved, entries of the FAQ that are near enough are offered before a person takes over. What people
say to any company comes before all of it, if the model was not taught it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from kits.support.answer.audience import tell_audience
from kits.support.answer.compose import Composed
from kits.support.answer.evidence import Evidence, Match
from kits.support.answer.response import Audience
from kits.support.answer.terms import content_terms
from kits.support.dialogue import speak
from kits.support.dialogue.civility import find_civility, wants_person
from kits.support.dialogue.context import asks_who_answers, carries_on, choose_option, is_question
from kits.support.dialogue.cost import Step, choose_step
from kits.support.dialogue.reply import Option, Reply
from kits.support.dialogue.slot import Found, find_slots
from kits.support.dialogue.state import State
from kits.support.dialogue.topic import NO_TOPIC, Topic, leave_out, read_topic
from kits.support.dialogue.voice import Voice
from kits.support.reading import OUT_OF_SCOPE, Understanding

MOST_TRIES = 3  # a slot is asked for so often
SURE_SMALL_TALK = 0.6
SURE_CARRIED = 0.8  # words that say of themselves that they go on, as a witness for the topic
MOST_QUESTION_CHARACTERS = 400
LEAST_TERMS, SURE_OF_A_WORD = 2, 0.95
LIKELIEST = 2  # meanings of words that are unsure alone
Turn = tuple[State, Reply]


@dataclass(frozen=True)
class Heard:
    """What the customer wrote, and what was read in it.

    Attributes:
        text: Their words.
        now: The company's time.
        customer: ``private`` or ``business``, as the conversation began.
        alone: What the model reads in the words alone.
        look: Searches for the words, alone or joined, for an audience.
        has_before: Whether there are words that began the topic, with which these can be joined.
        joined: What the model reads in both together; None where that has not been read.
    """

    text: str
    now: datetime
    customer: Audience
    alone: Understanding
    look: Callable[[bool, Audience], Evidence]
    has_before: bool = False
    joined: Understanding | None = None


def take_turn(state: State, heard: Heard, voice: Voice) -> Turn | None:
    """Answer the customer's words.

    Args:
        state: What is remembered; too old things are already forgotten.
        heard: What was said.
        voice: What is known, in the customer's language.

    Returns:
        What is remembered from now on, and the reply. None where the words alone do not decide: the turn is
        to be taken again, with what the model reads in them and those before together.
    """
    found = find_slots(voice.slots, heard.text, heard.now.date(), state.asked)
    told = tell_audience(heard.text)
    is_carrying = bool(state.topic) and carries_on(heard.text)
    state = replace(state, language=voice.language, at=heard.now.isoformat())
    if told or not (is_carrying or state.asked or state.options):
        state = replace(state, audience=told or heard.customer)
    for rule in (_fill_asked, _choose_offered, _be_civil):
        done = rule(state, heard, voice, found)
        if done is not None:
            return done
    about = _find_topic(state, heard, voice, is_carrying, found)
    if about is None:
        return None
    topic, evidence = about
    if state.asked is not None:
        done = _stay_asked(state, heard, voice, topic, evidence)
        if done is not None:
            return done
    return _follow(state, heard, voice, topic, found, evidence)


def _fill_asked(state: State, heard: Heard, voice: Voice, found: dict[str, Found]) -> Turn | None:
    """The slot that was asked for is filled, so the topic goes on."""
    if state.asked not in found or _changes_topic(state, heard, voice):
        return None
    topic = Topic(state.topic, 1.0, 1.0, tuple((intent, 1.0) for intent in state.topic))
    state = replace(state, asked=None, tries=0)
    return _go(state.fill(found, heard.now, state.topic), topic, heard, voice)


def _choose_offered(state: State, heard: Heard, voice: Voice, found: dict[str, Found]) -> Turn | None:
    """One of the offered meanings is chosen by its number or its words."""
    entries = {meaning: entry for meaning in state.options if (entry := voice.find_entry(meaning))}
    offered = tuple(
        Option(one, entries[one].heading if one in entries else voice.title(one, state.audience, heard.now.date()))
        for one in state.options
    )
    chosen = choose_option(heard.text, offered)
    if chosen in entries:
        return _give(state, entries[chosen], voice)
    if chosen is None or chosen not in voice.responses:
        return None
    topic = Topic((chosen,), 1.0, 1.0, ((chosen, 1.0),), is_joined=True)
    return _go(replace(state, options=()).fill(found, heard.now, topic.intents), topic, heard, voice)


def _give(state: State, entry: Match, voice: Voice) -> Turn | None:
    """The entry of the FAQ that was chosen; None where it may not be given any more."""
    composed = voice.composer.give(entry)
    if composed is None:
        return None
    intent = composed.intent or OUT_OF_SCOPE
    state = replace(state, topic=(intent,), question=entry.heading)
    return speak.quote(state, composed, Topic((intent,), 1.0, 1.0, ((intent, 1.0),)), voice)


def _be_civil(state: State, heard: Heard, voice: Voice, found: dict[str, Found]) -> Turn | None:
    """A civility or the wish for a person, where the model was not taught it or no text is approved for it."""
    if wants_person(heard.text):
        is_taught = any(intent in voice.person_intents for intent, _ in heard.alone.intents)
        return None if is_taught else speak.hand_over(state, NO_TOPIC, "requested", voice)
    civility = find_civility(heard.text)
    if civility is None:
        return None
    topic = read_topic(heard.alone)
    is_approved = _is_sure(topic, voice) and all(intent in voice.responses for intent in topic.intents)
    return None if is_approved else speak.be_civil(state, civility, voice)


def _find_topic(
    state: State, heard: Heard, voice: Voice, is_carrying: bool, found: dict[str, Found]
) -> tuple[Topic, Evidence] | None:
    """What is talked about, and what was found for it; None where the words before are needed and not read yet."""
    evidence = heard.look(False, state.audience)
    served = [name for name, one in voice.responses.items() if one.required and set(one.required) <= set(found)]
    alone = read_topic(heard.alone, evidence, served=served)
    if asks_who_answers(heard.text):
        alone = leave_out(alone, voice.person_intents)
    if alone.intents[0] in voice.person_intents and _may_be_nothing(alone, voice):
        alone = Topic((OUT_OF_SCOPE,), alone.outside, alone.outside, alone.ranked)
    is_sure = _is_sure(alone, voice)
    says_enough = is_sure and _is_light(alone, voice) if is_carrying else is_sure or alone.is_outside
    if not heard.has_before or says_enough:
        return alone, evidence
    if heard.joined is None:
        return None
    together = heard.look(True, state.audience)
    joined = read_topic(heard.joined, together, is_joined=True)
    if is_carrying:
        chance = max(dict(joined.ranked).get(state.topic[0], 0.0), dict(alone.ranked).get(state.topic[0], 0.0))
        carried = 1.0 - (1.0 - chance) * (1.0 - SURE_CARRIED)
        if not is_sure or alone.confidence <= carried or set(alone.intents) & set(state.topic):
            either = max(carried, joined.either)
            return replace(joined, intents=state.topic, confidence=carried, either=either), together
    if not alone.is_outside and not is_sure and _is_sure(joined, voice) and _may_mean(alone, joined):
        return joined, together
    return alone, evidence


def _stay_asked(state: State, heard: Heard, voice: Voice, topic: Topic, evidence: Evidence) -> Turn | None:
    """What was asked for did not come: another topic, an aside, or a second try."""
    if _is_light(topic, voice) and topic.confidence >= SURE_SMALL_TALK:
        return _go(state, topic, heard, voice)
    if topic.intents[0] in voice.person_intents and topic.confidence >= SURE_SMALL_TALK:
        return None
    if _is_sure(topic, voice) and not set(topic.intents) & set(state.topic) and not topic.is_joined:
        return None
    composed = voice.compose(evidence, state.audience) if is_question(heard.text) else None
    if composed is not None and voice.is_strong(composed, evidence):
        return speak.quote(state, voice.reword(composed, evidence), topic, voice)
    pending = Topic(state.topic, 1.0, 1.0, ())
    if state.tries >= MOST_TRIES:
        return speak.hand_over(state, pending, "incomplete", voice)
    return speak.ask(state, pending, state.asked or "", voice, is_again=True)


def _follow(
    state: State, heard: Heard, voice: Voice, topic: Topic, found: dict[str, Found], evidence: Evidence
) -> Turn:
    """Take the step that costs least."""
    state = replace(state, asked=None, tries=0)
    sure = topic.intents if _is_sure(topic, voice) else ()
    is_further = evidence.question != heard.text  # it was looked for with the words before
    given = state.last.removeprefix(speak.QUOTED) if is_further else ""
    composed = voice.compose(evidence, state.audience, sure, given) if _may_quote(topic, voice) else None
    is_strong = composed is not None and voice.is_strong(composed, evidence)
    meanings = [intent for intent, _ in topic.ranked if intent in voice.responses]
    can_clarify = not state.options and len(meanings) > 1 and not topic.is_outside
    filled = state.fill(found, heard.now, topic.intents)
    step = _next_step(filled, topic, voice)
    if step is not None:
        choice = choose_step(step, topic.confidence, topic.either, voice.policy, can_clarify)
        if choice == "go" and _is_vague(heard, topic, voice):
            choice = "clarify" if can_clarify else "hand_over"
        if choice == "go" and not (step == "light" and is_strong and not sure and is_question(heard.text)):
            if composed is not None and is_strong and _says_more(composed, filled, topic, evidence, heard, voice):
                return speak.quote(_begin(filled, topic, heard), voice.reword(composed, evidence), topic, voice)
            return _go(filled, topic, heard, voice)
        if composed is not None and is_strong:
            return speak.quote(_begin(filled, topic, heard), voice.reword(composed, evidence), topic, voice)
        if choice == "clarify":
            return speak.clarify(_begin(filled, replace(topic, intents=()), heard), topic, voice, heard.now.date())
        return speak.hand_over(filled, topic, "unsure", voice)
    if composed is not None and is_strong:
        return speak.quote(_begin(filled, topic, heard), voice.reword(composed, evidence), topic, voice)
    near = voice.find_near(evidence, given) if not state.options else ()
    if near:
        return speak.offer(_begin(filled, replace(topic, intents=()), heard), near, topic, voice)
    if topic.is_outside and state.misses == 0:
        return speak.decline(state, topic, voice)
    return speak.hand_over(filled, topic, "unanswered", voice)


def _go(state: State, topic: Topic, heard: Heard, voice: Voice) -> Turn:
    """Ask for what is missing, else say the approved text and do what it says."""
    if not _is_light(topic, voice):
        state = _begin(state, topic, heard)
    slots = {name: one.value for name, one in state.slots_for(topic.intents, voice.slots).items()}
    for intent in topic.intents:
        missing = voice.responses[intent].missing(slots)
        if missing:
            return speak.ask(state, topic, missing[0], voice, is_again=False)
    return speak.respond(state, topic, voice)


def _begin(state: State, topic: Topic, heard: Heard) -> State:
    """The state with this topic; the question that began it stays with one that is carried on."""
    question = f"{state.question} {heard.text}".strip() if topic.is_joined and not state.last else heard.text
    if topic.is_joined and state.last:
        question = state.question
    return replace(state, topic=topic.intents, question=question[-MOST_QUESTION_CHARACTERS:])


def _next_step(state: State, topic: Topic, voice: Voice) -> Step | None:
    """The kind of move that the intents lead to; None where there is no approved text for them."""
    if not all(intent in voice.responses for intent in topic.intents):
        return None
    responses = [voice.responses[intent] for intent in topic.intents]
    slots = {name: one.value for name, one in state.slots_for(topic.intents, voice.slots).items()}
    if _is_light(topic, voice) or any(response.missing(slots) for response in responses):
        return "light"
    return "hand_over" if any(response.action == "hand_over" for response in responses) else "answer"


def _says_more(
    composed: Composed, state: State, topic: Topic, evidence: Evidence, heard: Heard, voice: Voice
) -> bool:
    """Whether the pages tell more of what was asked than the approved text, or that was said just now."""
    if _is_light(topic, voice) or any(voice.responses[i].action == "hand_over" for i in topic.intents):
        return False
    if state.last == speak.name_answer(topic.intents, state.audience):
        return True
    approved = "\n".join(voice.responses[intent].text(state.audience) for intent in topic.intents)
    # What the FAQ asks for the same intent is what the approved text was written for.
    asked = [match.heading for match in evidence.matches if match.kind == "faq" and match.intent in topic.intents]
    covered = evidence.covered_by("\n".join([approved, *asked]))
    is_specific = covered < voice.settings.least_cover and composed.covered - covered >= voice.settings.specific_margin
    if not is_question(heard.text) or not is_specific:
        return False
    nearness = voice.composer.nearness(approved, evidence) if voice.library.is_semantic else None
    if nearness is None or composed.nearness is None:  # words alone do not know what means the same
        return composed.intent in topic.intents
    return composed.nearness > nearness


def _may_quote(topic: Topic, voice: Voice) -> bool:
    return not _is_light(topic, voice) or topic.confidence < SURE_SMALL_TALK


def _changes_topic(state: State, heard: Heard, voice: Voice) -> bool:
    """Whether words that fill the slot by chance are about something else: longer, and read as surely."""
    top = heard.alone.intents[0][0] if heard.alone.intents else ""
    is_long = len(heard.text.split()) > 6 or len(heard.text) > 40
    return is_long and top not in state.topic and voice.policy.decide(heard.alone) == "answer"


def _may_be_nothing(topic: Topic, voice: Voice) -> bool:
    """Whether to decline costs less than to call a person whom perhaps nobody asked for: it names that way, too."""
    policy = voice.policy
    return (1.0 - topic.outside) * policy.cost_clarify < (1.0 - topic.confidence) * policy.cost_handoff


def _may_mean(alone: Topic, joined: Topic) -> bool:
    """Whether what the words mean with those before is likely without them, too: else they are about something new."""
    return joined.intents[0] in [intent for intent, _ in alone.ranked[:LIKELIEST]]


def _is_vague(heard: Heard, topic: Topic, voice: Voice) -> bool:
    """Whether the words name a thing and say nothing about it: "my card"."""
    is_short = len(content_terms(heard.text)) < LEAST_TERMS and not topic.is_joined
    return is_short and topic.confidence < SURE_OF_A_WORD and not _is_light(topic, voice)


def _is_sure(topic: Topic, voice: Voice) -> bool:
    """Whether an answer to the likeliest intent costs least."""
    costs = voice.policy.costs(topic.confidence, topic.either)
    return not topic.is_outside and min(costs, key=costs.__getitem__) == "answer"


def _is_light(topic: Topic, voice: Voice) -> bool:
    return all(intent in voice.small_talk for intent in topic.intents)
