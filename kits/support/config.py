"""Settings of the support kit: core's, and the presets to start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from core.cli import parse_pairs
from core.config import KitConfig, Section, ServeConfig, StoreConfig, load_config
from core.errors import ConfigError

PRESETS: dict[str, dict[str, Any]] = {
    "en": {"preset": "en"},
    "zh": {"preset": "zh", "train": {"analyzer": "char"}},
}


class PolicyConfig(Section):
    """What mistakes cost, in one unit of your choice; a right answer costs nothing."""

    cost_wrong: float = Field(5.0, title="Cost of a wrong answer", gt=0)
    cost_handoff: float = Field(1.0, title="Cost of a hand-over to a person", ge=0)
    cost_clarify: float = Field(0.3, title="Cost of a clarifying question, beside what follows from it", ge=0)


class MatchConfig(Section):
    """The encoder that compares questions with passages and with each other."""

    tuning: Literal["auto", "frozen", "lora", "full"] = Field(
        "auto", title="How it is tuned on question-answer pairs (auto: what is best on validation)"
    )


class IndexConfig(Section):
    """Where passages are searched."""

    folder: Path = Field(Path("index"), title="Folder of the index")


class SupportConfig(KitConfig):
    """All settings of ``kits.support``."""

    preset: Literal["en", "zh"] = Field("en", title="What the defaults were made for, and the report's language")
    policy: PolicyConfig = Field(PolicyConfig(), title="Costs")
    match: MatchConfig = Field(MatchConfig(), title="Matching")
    index: IndexConfig = Field(IndexConfig(), title="Index")
    store: StoreConfig = Field(StoreConfig(url="sqlite:///support.db"), title="Database")
    serve: ServeConfig = Field(ServeConfig(), title="HTTP")


def read_config(
    *,
    base: KitConfig | None = None,
    config: Path | None = None,
    set: Sequence[str] | None = None,
    seed: int | None = None,
    preset: str | None = None,
    data: Sequence[str] | None = None,
    map: Sequence[str] | None = None,
    label: Sequence[str] | None = None,
    budget: str | None = None,
) -> SupportConfig:
    """Put the configuration together from the options of the command line.

    Args:
        base: Start from this configuration, such as a trained model's; column map, label map and
            sources that are given replace its own.
        config: File of settings.
        set: ``section.key=value`` items.
        seed: Every random choice follows from it.
        preset: ``en`` or ``zh``.
        data: Sources.
        map: ``ours=theirs`` items.
        label: ``theirs=ours`` items.
        budget: Time allowed for training.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    if preset is not None and preset not in PRESETS:
        raise ConfigError("no such preset", where="--preset", got=preset, expected=" or ".join(PRESETS))
    start: dict[str, Any] = PRESETS[preset] if preset else {}
    if base is not None:
        start = base.model_dump()
        replaced = {"map": map, "label": label, "sources": data}
        start["data"] |= {key: {} if key != "sources" else () for key, given in replaced.items() if given}
    rows: dict[str, Any] = {}
    if data:
        rows["sources"] = list(data)
    if map:
        rows["map"] = parse_pairs(map, "--map")
    if label:
        rows["label"] = parse_pairs(label, "--label")
    overrides: dict[str, Any] = {"data": rows} if rows else {}
    if budget is not None:
        overrides["train"] = {"budget": budget}
    if seed is not None:
        overrides["seed"] = seed
    return load_config(SupportConfig, file=config, settings=set or (), preset=start, overrides=overrides)
