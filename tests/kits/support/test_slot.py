"""What customers say for slots, however they say it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from core.errors import DataError
from kits.support.dialogue.slot import find_slots, read_slots
from tests.kits.support.fake import SAMPLE

SLOTS = read_slots(SAMPLE / "slots.toml")
TODAY = date(2026, 10, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I lost my card ending 4417", {"card_last_four": "4417"}),
        ("it ends with 3358", {"card_last_four": "3358"}),
        ("the last four digits are 0912", {"card_last_four": "0912"}),
        ("卡号后四位是8820", {"card_last_four": "8820"}),
        ("card 4000 1234 5678 9010", {"card_last_four": "9010"}),
        ("the account ending in 7001", {"account_ending": "7001"}),
        ("IBAN DE89 3704 0044 0532 0130 00", {"account_ending": "3000"}),
        ("on 3 September I ordered it", {"date": "3 September"}),
        ("it was charged 2026-09-12", {"date": "2026-09-12"}),
        ("yesterday", {"date": "4 October"}),
        ("三天前", {"date": "10月2日"}),
        ("a fee of €1,234.50", {"amount": "€1,234.50"}),
        ("6欧元", {"amount": "6欧元"}),
        ("please trace mk-20418873", {"reference_number": "mk-20418873"}),
        ("send it to south korea", {"country": "South Korea"}),
        ("汇到中国", {"country": "中国"}),
        ("to the US", {"country": "United States"}),
        ("my name is Mara Lind", {"name": "Mara Lind"}),
    ],
)
def test_words_fill_their_slot(text: str, expected: dict[str, str]) -> None:
    found = {name: one.value for name, one in find_slots(SLOTS, text, TODAY).items()}
    assert expected.items() <= found.items()


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("send us the form", "country"),
        ("it is 2041", "card_last_four"),
        ("MK-20418873", "card_last_four"),
        ("I have 3 cards", "amount"),
        ("the account ending 7001", "card_last_four"),
    ],
)
def test_words_that_mean_something_else_fill_nothing(text: str, slot: str) -> None:
    assert slot not in find_slots(SLOTS, text, TODAY)


@pytest.mark.parametrize(
    ("text", "slot", "value"), [("4417", "card_last_four", "4417"), ("about 60", "amount", "60"), ("Jo", "name", "Jo")]
)
def test_what_was_asked_for_may_be_said_in_short(text: str, slot: str, value: str) -> None:
    assert slot not in find_slots(SLOTS, text, TODAY)
    assert find_slots(SLOTS, text, TODAY, asked=slot)[slot].value == value


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "slots.toml"
    file.write_text('[a]\nkind = "pattern"\npattern = "("\nask = "?"\n[b]\nkind = "colour"\n[c]\nkind = "date"\n')
    with pytest.raises(DataError) as caught:
        read_slots(file)
    for words in ("[a]: pattern is no regular expression", "[b]: kind 'colour'", "[c]: no question"):
        assert words in str(caught.value)
