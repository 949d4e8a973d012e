"""Options of the command line become a configuration; what is given anew takes the place of what was."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import KitConfig
from core.errors import ConfigError
from core.options import parse_pairs, read_options

PRESETS = {"en": {"seed": 3}, "zh": {"train": {"analyzer": "char"}}}


def test_options_are_put_over_the_file_and_settings_over_both(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('seed = 1\n[train]\nbudget = "1m"\n[data]\nsources = ["file.csv"]\n', encoding="utf-8")
    config = read_options(
        KitConfig,
        PRESETS,
        {"config": file, "seed": 2, "budget": "2m", "set": ["train.budget=3m"], "preset": "zh", "data": None},
    )
    assert (config.seed, config.train.budget, config.train.analyzer) == (2, "3m", "char")
    assert config.data.sources == ("file.csv",)


def test_rows_that_are_given_take_the_place_of_those_of_the_base() -> None:
    first = read_options(KitConfig, PRESETS, {"data": ["a.csv"], "map": ["text=Head"], "label": ["up=good"]})
    again = read_options(KitConfig, PRESETS, {"base": first, "data": ["b.csv"], "map": ["text=Body"]})
    assert again.data.sources == ("b.csv",)
    assert again.data.map == {"text": "Body"}
    assert again.data.label == {"up": "good"}
    assert read_options(KitConfig, PRESETS, {"base": first}) == first


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--preset: no such preset.*fr.*en or zh"):
        read_options(KitConfig, PRESETS, {"preset": "fr"})


def test_pairs_are_split_at_the_first_equals_sign() -> None:
    assert parse_pairs(["title=Head = line", "a="], "--map") == {"title": "Head = line", "a": ""}
    assert parse_pairs(None, "--map") == {}


@pytest.mark.parametrize("item", ["title", "=Headline", " =x"])
def test_what_is_no_pair_is_refused(item: str) -> None:
    with pytest.raises(ConfigError, match="--map: not a pair"):
        parse_pairs([item], "--map")
