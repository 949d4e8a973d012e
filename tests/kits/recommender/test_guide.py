"""The guide says what there is, and no more."""

from __future__ import annotations

from pathlib import Path

import kits.recommender as package
from core.config import describe_config
from kits.recommender.config import RecommenderConfig
from kits.recommender.data import EVENT_COLUMNS, ITEM_COLUMNS
from kits.recommender.event import EVENT_WEIGHTS

GUIDE = Path(package.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_settings_are_those_that_exist() -> None:
    rows = [f"| `{name}` | `{default}` | {title} |" for name, default, title in describe_config(RecommenderConfig)]
    expected = "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])
    found = GUIDE.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]
    assert found == expected, f"paste this between the marks in kits/recommender/README.md:\n{expected}"


def test_columns_have_the_names_that_are_recognised() -> None:
    for column in (*ITEM_COLUMNS, *EVENT_COLUMNS):
        (row, *_) = [line for line in GUIDE.splitlines() if line.startswith(f"| `{column.name}` |")]
        if "as above" not in row:
            assert all(f"`{alias}`" in row for alias in column.aliases), column.name


def test_events_and_public_names_are_all_named() -> None:
    assert all(f"`{kind}`" in GUIDE for kind in EVENT_WEIGHTS)
    names = GUIDE.partition("| name | is |")[2].partition("\n\n")[0]
    assert all(f"`{name}`" in names for name in package.__all__)
