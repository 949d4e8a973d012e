"""Settings: what is written is read back, what is wrong is named, later parts win."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.config import KitConfig, Section, describe_config, dump_config, load_config, parse_duration
from core.errors import ConfigError

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = TEXTS.filter(lambda text: text.strip() and text.lower() != "none")
PAIRS = st.dictionaries(TEXTS, TEXTS, max_size=4)
FRACTIONS = st.floats(0.0, 0.49, exclude_min=True)
SECTIONS = {
    "data": st.fixed_dictionaries(
        {},
        optional={
            "sources": st.lists(TEXTS, max_size=3),
            "map": PAIRS,
            "label": PAIRS,
            "separator": st.none() | WORDS,
            "redact": st.booleans(),
            "split": st.sampled_from(["auto", "stratified", "group", "time"]),
            "validation_fraction": FRACTIONS,
        },
    ),
    "model": st.fixed_dictionaries(
        {},
        optional={"backbone": TEXTS, "lora_targets": st.lists(WORDS, min_size=1, max_size=3), "dropout": FRACTIONS},
    ),
    "train": st.fixed_dictionaries(
        {},
        optional={
            "budget": st.none() | st.sampled_from(["90s", "1.5h"]),
            "lr": st.floats(1e-12, 10),
            "clip_norm": st.none() | st.floats(1e-6, 1e6),
            "task_weights": st.dictionaries(TEXTS, st.floats(-1e9, 1e9), max_size=3),
            "patience": st.none() | st.integers(1, 10**9),
            "tracker": st.sampled_from(["none", "mlflow"]),
            "rungs": st.lists(st.sampled_from(["tfidf", "probe", "tuned"]), min_size=1, max_size=3),
        },
    ),
}


@st.composite
def configurations(draw: st.DrawFn) -> KitConfig:
    values: dict[str, Any] = {name: draw(section) for name, section in SECTIONS.items()}
    return KitConfig.model_validate(values | {"seed": draw(st.integers(0, 2**31 - 1))})


@given(config=configurations())
def test_dumped_configuration_loads_to_an_equal_one(
    config: KitConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "dumped.toml"
    file.write_text(dump_config(config), encoding="utf-8", newline="")
    assert load_config(KitConfig, file=file) == config


@given(config=configurations())
def test_json_file_holds_the_same_as_toml(config: KitConfig, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "dumped.json"
    file.write_text(config.model_dump_json(), encoding="utf-8")
    assert load_config(KitConfig, file=file) == config


def test_dump_shows_every_setting() -> None:
    shown = dump_config(KitConfig())
    assert all(f"{name.rpartition('.')[2]} = " in shown for name, _, _ in describe_config(KitConfig))


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("train.lr=0.001", 0.001),
        ("train.epochs=7", 7),
        ("train.clip_norm=none", None),
        ("train.clip_norm=null", None),
        ("train.tracker=none", "none"),
        ("train.budget=90s", "90s"),
        ("train.rungs=tfidf", ("tfidf",)),
        ("train.rungs=tfidf, tuned", ("tfidf", "tuned")),
        ('train.rungs=["tfidf","probe"]', ("tfidf", "probe")),
        ("data.separator=,", ","),
        ("data.redact=true", True),
        ("data.map.title=Headline", {"title": "Headline"}),
        ('data.label={"up": "positive"}', {"up": "positive"}),
        ("model.backbone=a=b", "a=b"),
        (" train.lr =0.5", 0.5),
    ],
)
def test_set_takes_json_or_plain_words(item: str, value: object) -> None:
    section, _, name = item.partition("=")[0].strip().partition(".")
    assert getattr(getattr(load_config(KitConfig, settings=[item]), section), name.partition(".")[0]) == value


def test_later_parts_win(tmp_path: Path) -> None:
    file = tmp_path / "news.toml"
    file.write_text("seed = 2\n[train]\nepochs = 2\nbatch_size = 2\nlr = 0.002\n")
    config = load_config(
        KitConfig,
        file=file,
        preset={"seed": 1, "train": {"epochs": 1, "batch_size": 1, "lr": 0.001, "patience": 1}},
        overrides={"train": {"batch_size": 3, "lr": 0.003}},
        settings=["train.lr=0.004"],
    )
    assert config.seed == 2
    assert (config.train.patience, config.train.epochs, config.train.batch_size, config.train.lr) == (1, 2, 3, 0.004)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "news.json"
    file.write_text(json.dumps({"seed": -1, "train": {"lr": "fast", "epoch": 3}, "modle": {}}))
    with pytest.raises(ConfigError) as caught:
        load_config(KitConfig, file=file, settings=["nonsense", "data.split=odd", "train.budget=soon"])
    message = str(caught.value)
    assert message.startswith("7 settings are wrong: ")
    for part in (
        "seed: got -1",
        "train.lr: got 'fast'",
        "train.epoch: no such setting, did you mean train.epochs?",
        "modle: no such setting",
        "--set: got 'nonsense', expected section.key=value",
        "data.split: got 'odd'",
        "train.budget: got 'soon'",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("train.epoch", "train.epochs"),
        ("lr", "train.lr"),
        ("predict.epochs", "train.epochs"),
        ("model.lora_rnk", "model.lora_rank"),
    ],
)
def test_unknown_setting_is_answered_with_the_one_meant(unknown: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean {meant}"):
        load_config(KitConfig, settings=[f"{unknown}=1"])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: 1", "unknown configuration format"),
        ("a.toml", "[train", "not valid TOML"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[1]", "not a table of sections"),
        ("a.toml", "train = 5", "train: got 5"),
        ("a.toml", "[train]\nlr = nan", "train.lr"),
    ],
)
def test_unusable_file_is_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_config(KitConfig, file=tmp_path / name)


def test_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        load_config(KitConfig, file=tmp_path / "none.toml")
    (tmp_path / "a.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(KitConfig, file=tmp_path / "a.toml")


def test_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert load_config(KitConfig, file=tmp_path / "a.toml").seed == 3


def test_configuration_cannot_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        KitConfig().seed = 1  # type: ignore[misc]


def test_settings_of_a_kit_of_ones_own_stand_beside_the_common_ones() -> None:
    class OwnSection(Section):
        size: int = 3

    class OwnConfig(KitConfig):
        own: OwnSection = OwnSection()

    assert load_config(OwnConfig, settings=["own.size=4", "seed=5"]) == OwnConfig(seed=5, own=OwnSection(size=4))
    assert ("own.size", "3", "") in describe_config(OwnConfig)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("2d", 172800), ("1e2s", 100)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "infh", "nans", "5 days", "5w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        parse_duration(text)
