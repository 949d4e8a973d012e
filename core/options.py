"""What the options of the command line say, as a kit's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from core.config import Config, KitConfig, load_config
from core.errors import ConfigError


class Given(TypedDict, total=False):
    """The options that say how a configuration is put together; what is absent or None was not given.

    Attributes:
        base: Start from this configuration, such as a trained model's; column map, label map and
            sources that are given replace its own.
        config: File of settings.
        set: ``section.key=value`` items.
        seed: Every random choice follows from it.
        preset: Name of the settings to start from.
        data: Sources of rows.
        items: Sources of what the rows are about, where a kit has such.
        map: ``ours=theirs`` items.
        label: ``theirs=ours`` items.
        budget: Time allowed for training.
    """

    base: KitConfig | None
    config: Path | None
    set: Sequence[str] | None
    seed: int | None
    preset: str | None
    data: Sequence[str] | None
    items: Sequence[str] | None
    map: Sequence[str] | None
    label: Sequence[str] | None
    budget: str | None


def read_options(schema: type[Config], presets: Mapping[str, Mapping[str, Any]], given: Given) -> Config:
    """Put a kit's configuration together; ``set`` wins over what has an option of its own, that over the file.

    Args:
        schema: The kit's configuration class.
        presets: By name the settings to start from.
        given: The options.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    preset, base = given.get("preset"), given.get("base")
    if preset is not None and preset not in presets:
        raise ConfigError("no such preset", where="--preset", got=preset, expected=" or ".join(presets))
    rows: dict[str, Any] = {}
    for key, sources in (("sources", given.get("data")), ("items", given.get("items"))):
        if sources:
            rows[key] = list(sources)
    for key, pairs in (("map", given.get("map")), ("label", given.get("label"))):
        if pairs:
            rows[key] = parse_pairs(pairs, f"--{key}")
    start: dict[str, Any] = dict(presets[preset]) if preset else {}
    if base is not None:
        start = base.model_dump()
        replaced = {*rows, "items"} if "sources" in rows else {*rows}  # other rows are about other items
        start["data"] = {key: value for key, value in start["data"].items() if key not in replaced}
    overrides: dict[str, Any] = {"data": rows} if rows else {}
    if (budget := given.get("budget")) is not None:
        overrides["train"] = {"budget": budget}
    if (seed := given.get("seed")) is not None:
        overrides["seed"] = seed
    return load_config(
        schema, file=given.get("config"), settings=given.get("set") or (), preset=start, overrides=overrides
    )


def parse_pairs(items: Sequence[str] | None, option: str) -> dict[str, str]:
    """Turn ``["a=b"]`` into ``{"a": "b"}``.

    Raises:
        ConfigError: An item has no ``=``.
    """
    pairs = {}
    for item in items or ():
        left, found, right = item.partition("=")
        if not found or not left.strip():
            raise ConfigError("not a pair", where=option, got=item, expected="left=right")
        pairs[left.strip()] = right.strip()
    return pairs
