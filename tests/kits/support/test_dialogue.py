"""The conversation: what is asked, remembered, carried on, handed over, and begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import DataError
from kits.support.assistant.talk import Assistant, Message
from kits.support.dialogue.civility import find_civility, wants_person
from kits.support.dialogue.context import carries_on, choose_option, is_question
from kits.support.dialogue.reply import Option, Reply
from kits.support.dialogue.state import Kept, State
from kits.support.reading import Understanding

NOW = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)


def talk(assistant: Assistant, *texts: str, customer: str = "private", name: str = "c1") -> list[Reply]:
    """Say one text after the other, a minute apart."""
    return [
        assistant.reply(name, text, customer=customer, at=NOW + timedelta(minutes=n))  # type: ignore[arg-type]
        for n, text in enumerate(texts)
    ]


def test_missing_slot_is_asked_for_and_then_the_approved_text_comes_with_its_source(assistant: Assistant) -> None:
    asked, answered = talk(assistant, "I lost my card", "it ends in 8820")
    assert (asked.action, asked.asks, asked.cited) == ("ask_slot", "card_last_four", [])
    assert answered.action == "answer"
    assert "8820" in answered.text
    assert answered.cited == ["knowledge/lost-and-stolen-cards.html"]


def test_slot_that_does_not_come_is_asked_for_again_and_in_the_end_a_person_helps(assistant: Assistant) -> None:
    replies = talk(assistant, "I lost my card", "hm", "the blue one", "no idea")
    assert [reply.action for reply in replies] == ["ask_slot", "ask_slot", "ask_slot", "hand_over"]
    assert replies[-1].reason == "incomplete"


def test_customer_may_turn_to_something_else_instead_of_answering(assistant: Assistant) -> None:
    _, other = talk(assistant, "I need to cancel a transfer", "forget that. How do I close my account?")
    assert (other.action, other.intents) == ("answer", ("account_close",))


def test_small_talk_leaves_the_question_open(assistant: Assistant) -> None:
    _, thanks, answered = talk(assistant, "I lost my card", "thank you", "4417")
    assert thanks.intents == ("thanks",)
    assert "4417" in answered.text


def test_follow_up_keeps_the_topic_and_changes_the_audience(assistant: Assistant) -> None:
    first, second = talk(assistant, "What is the limit for card payments?", "and for business accounts?")
    assert "€5,000" in first.text
    assert second.intents == ("card_limit",)
    assert "€15,000" in second.text


def test_words_before_are_read_only_where_the_words_alone_do_not_decide(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = assistant.voices["en"].reader
    seen: list[str] = []
    read = reader.read

    def note(texts: Sequence[str], *, may_ask_two: bool = True) -> list[Understanding]:
        seen.extend(texts)
        return read(texts, may_ask_two=may_ask_two)

    monkeypatch.setattr(reader, "read", note)
    said = ("What is the limit for card payments?", "I lost my card ending 4417", "and for business accounts?")
    talk(assistant, *said)
    assert seen == [*said, f"{said[1]} {said[2]}"]
    seen.clear()
    said = ("I lost my card ending 4417", "tell me a joke")
    talk(assistant, *said, name="c2")
    assert seen == list(said), "what is served nowhere is so after any words"


def test_unsure_words_about_something_new_are_not_taken_for_what_was_asked_before(assistant: Assistant) -> None:
    first, second = talk(assistant, "How do I close my account?", "grey paper everywhere around")
    assert first.intents == ("account_close",)
    assert second.action in ("clarify", "hand_over"), "the words alone do not allow for closing an account"


def test_next_topic_is_for_the_customer_s_own_audience_again(assistant: Assistant) -> None:
    *_, last = talk(
        assistant, "What is the limit for card payments?", "and for business accounts?", "I lost my card ending 4417"
    )
    assert "€6" in last.text


def test_unclear_words_are_asked_back_once_with_two_meanings(assistant: Assistant) -> None:
    asked, chosen = talk(assistant, "my card", "1")
    assert asked.action == "clarify"
    assert len(asked.options) == 2
    assert all(option.label in asked.text for option in asked.options)
    assert chosen.intents == (asked.options[0].intent,)
    unclear, still = talk(assistant, "my card", "that card", name="c2")
    assert (unclear.action, still.action, still.reason) == ("clarify", "hand_over", "unsure")


def test_what_is_not_served_is_declined_and_then_a_person_helps(assistant: Assistant) -> None:
    declined, given_up = talk(assistant, "tell me a joke", "tell me a joke about penguins")
    assert (declined.action, declined.intents, declined.cited) == ("answer", ("oos",), [])
    assert (given_up.action, given_up.reason) == ("hand_over", "unanswered")


def test_assistant_is_silent_while_a_person_owns_the_conversation_and_starts_clean(assistant: Assistant) -> None:
    (asked,) = talk(assistant, "I lost my card ending 4417, I want to speak to a real person")
    assert (asked.action, asked.reason) == ("hand_over", "requested")
    (silent,) = talk(assistant, "hello?")
    assert silent.action is None
    assistant.say_as("c1", "helga", "Hello, this is Helga")
    assistant.resolve("c1", "helga")
    (anew,) = talk(assistant, "I lost my card")
    assert anew.asks == "card_last_four", "what was said before is forgotten"
    speakers = [turn["speaker"] for turn in assistant.store.transcript("c1")]
    assert speakers == ["customer", "assistant", "customer", "agent", "event", "customer", "assistant"]


def test_rule_hands_over_at_once_but_asks_for_what_the_rule_needs(assistant: Assistant) -> None:
    (fraud,) = talk(assistant, "I think I was hacked")
    assert (fraud.action, fraud.reason) == ("hand_over", "policy")
    replies = talk(assistant, "you charged me a fee", "6 euros", "12 August", name="c2")
    assert [reply.asks for reply in replies] == ["amount", "date", None]
    words = {name: found.words for name, found in replies[-1].slots.items()}
    assert words == {"amount": "6 euros", "date": "12 August"}


def test_new_question_is_answered_by_the_pages_with_a_source_for_every_sentence(assistant: Assistant) -> None:
    (reply,) = talk(assistant, 'Does the name check stop a transfer when the answer is "No match"?')
    assert reply.action == "answer"
    assert reply.cited == ["knowledge/transfers.md"]
    assert reply.parts
    assert all(part.citation == 0 for part in reply.parts)


def unapproved(assistant: Assistant) -> Assistant:
    """The assistant of who has an FAQ, and no approved texts."""
    english = assistant.voices["en"]
    spoken = replace(english, voice=replace(english.voice, responses={}, person_intents=frozenset()))
    return Assistant({"en": spoken}, assistant.store, assistant.settings)


def test_where_no_text_is_approved_the_two_nearest_entries_are_offered_and_the_chosen_one_is_given(
    assistant: Assistant,
) -> None:
    bare = unapproved(assistant)
    asked, chosen = talk(bare, "my card was stolen", "2")
    assert (asked.action, asked.cited, len(asked.options)) == ("clarify", [], 2)
    entries = [bare.voices["en"].voice.find_entry(option.intent) for option in asked.options]
    assert [entry.heading for entry in entries if entry] == [option.label for option in asked.options]
    assert (chosen.action, chosen.cited) == ("answer", [asked.options[1].intent])
    assert entries[1] is not None
    assert chosen.text == " ".join(entries[1].text.split())
    _, again = talk(bare, "my card was stolen", "the stolen card", name="c2")
    assert (again.action, again.reason) == ("hand_over", "unanswered")
    *_, gone = talk(bare, "my card was stolen", name="c3"), remove(bare, asked.options[0].intent, "c3")
    assert gone.action == "hand_over", "an entry that is deleted meanwhile is not given"


def remove(assistant: Assistant, entry: str, name: str) -> Reply:
    """Delete an entry, then choose the first meaning."""
    follower = assistant.voices["en"].follower
    follower.shelf.change([], by="test", deleted=[entry])
    assistant.follow()
    return assistant.reply(name, "1", at=NOW + timedelta(minutes=3))


def test_one_approved_text_is_no_choice_of_meanings(assistant: Assistant) -> None:
    english = assistant.voices["en"]
    only = {"card_lost": english.voice.responses["card_lost"]}
    spoken = replace(english, voice=replace(english.voice, responses=only))
    (reply,) = talk(Assistant({"en": spoken}, assistant.store, assistant.settings), "my card")
    assert (reply.action, reply.reason) == ("hand_over", "unsure")


def test_nothing_like_the_question_is_offered_to_who_asks_something_else(assistant: Assistant) -> None:
    (declined,) = talk(unapproved(assistant), "tell me a joke")
    assert (declined.action, declined.options) == ("answer", ())


def test_civilities_and_the_wish_for_a_person_need_no_training(assistant: Assistant) -> None:
    bare = unapproved(assistant)
    hello, thanks, person = talk(bare, "Hello!", "Great, thank you so much.", "could I talk to someone, please?")
    assert [reply.text for reply in (hello, thanks)] == ["Hello! What can I do for you?", "You are welcome."]
    assert (person.action, person.reason) == ("hand_over", "requested")
    (bye,) = talk(bare, "thanks, bye", name="c2")
    assert bye.action == "close"
    (own,) = talk(assistant, "hello", name="c3")
    assert own.intents == ("greeting",), "an approved text comes first"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi there", "greeting"), ("good morning, everyone", None), ("OK thanks", "thanks"), ("谢谢，再见", "goodbye"),
        ("hello, I lost my card", None), ("thank you for nothing", None), ("在吗？", "greeting"),
        ("no, thanks", "thanks"), ("OK", None), ("...", None), ("", None),
    ],
)  # fmt: skip
def test_civility_says_nothing_else(text: str, expected: str | None) -> None:
    assert find_civility(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can I speak to someone", True), ("put me through to a real person", True), ("Agent please", True),
        ("I want to talk with one of your colleagues", True), ("我要找真人", True), ("人工", True),
        ("how do I send money to someone", False), ("transfer 50 to a person abroad", False), ("人工费是多少", False),
        ("am I talking to a human?", False), ("is my travel agent covered", False), ("are you a real person?", False),
    ],
)  # fmt: skip
def test_wish_for_a_person_is_told_from_talk_about_people(text: str, expected: bool) -> None:
    assert wants_person(text) is expected


def test_entry_is_used_only_while_it_holds(assistant: Assistant) -> None:
    question = "Up to which amount can I pay contactless?"
    (now,) = talk(assistant, question)
    later = assistant.reply("c2", question, at=datetime(2028, 3, 1, tzinfo=UTC))
    assert "€50" in now.text
    assert "€80" in later.text


def test_old_slots_and_topics_are_forgotten() -> None:
    kept = Kept("4417", "4417", NOW.isoformat(), ("card_lost",))
    state = State("en", "private", ("card_lost",), "I lost it", NOW.isoformat(), asked="date", slots={"card": kept})
    assert State.from_json(state.to_json()) == state
    soon = state.forget_old(NOW + timedelta(minutes=10), 60, 30)
    later = state.forget_old(NOW + timedelta(minutes=45), 60, 30)
    assert (soon.asked, later.asked, later.topic) == ("date", None, ())
    assert later.slots == state.slots
    assert state.forget_old(NOW + timedelta(minutes=61), 60, 30).slots == {}


def test_messages_of_many_conversations_are_answered_as_if_each_had_come_alone(assistant: Assistant) -> None:
    texts = ["I lost my card", "good morning", "I think I was hacked", "What is the limit for card payments?"]
    alone = [assistant.reply(f"a{n}", text, at=NOW).to_json() | {"turn": 0} for n, text in enumerate(texts)]
    messages = [Message(f"b{n}", text, at=NOW) for n, text in enumerate(texts)]
    together = [reply.to_json() | {"turn": 0} for reply in assistant.reply_many(messages)]
    assert together == alone


def test_two_messages_of_one_conversation_are_answered_in_their_order(assistant: Assistant) -> None:
    first, second = assistant.reply_many([Message("c1", "I lost my card", at=NOW), Message("c1", "4417", at=NOW)])
    assert (first.action, second.action) == ("ask_slot", "answer")


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "x" * 2_001])
def test_what_is_no_message_is_refused_and_nothing_is_kept(assistant: Assistant, text: str) -> None:
    with pytest.raises(DataError):
        assistant.reply("c1", text)
    assert assistant.store.count()["conversations"] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [("and how long does it take?", True), ("那公司账户呢？", True), ("is it free?", True), ("I lost my card", False)],
)
def test_words_say_whether_they_carry_on(text: str, expected: bool) -> None:
    assert carries_on(text) is expected


def test_option_is_chosen_by_number_or_label() -> None:
    options = [Option("a", "Block a card?"), Option("b", "Order a card?")]
    assert [choose_option(text, options) for text in ("2", "the first one", "order a card?", "第二个", "maybe")] == [
        "b", "a", "b", "b", None,
    ]  # fmt: skip
    assert is_question("能不能退款")
