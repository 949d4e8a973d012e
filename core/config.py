"""Settings: a TOML or JSON file, then ``--set section.key=value``, checked all at once.

Every setting has a title, a type and a default; unknown names are refused. What a run used
is written back by ``dump_config`` as TOML that gives the same run again.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from core.errors import ConfigError, shorten

Tuning = Literal["full", "lora", "head"]
Rung = Literal["tfidf", "probe", "blend", "contrast", "self_trained", "tuned", "tuned_blend"]


class Section(BaseModel):
    """A group of settings that cannot change once it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _read_text(cls, value: Any, info: ValidationInfo) -> Any:
        """Take ``none`` for None, which TOML lacks, and ``a,b`` for a list."""
        kind = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, str) and value.lower() == "none" and NoneType in get_args(kind):
            return None
        if isinstance(value, str) and get_origin(kind) is tuple:
            return [part.strip() for part in value.split(",")]
        return value


class DataConfig(Section):
    """Where the rows come from and how they are read and divided."""

    sources: tuple[str, ...] = Field((), title="Files, folders or SQL URLs that hold the rows")
    map: dict[str, str] = Field({}, title="Our column name = the name it has in the data")
    label: dict[str, str] = Field({}, title="A label in the data = our word for it (empty: not known)")
    separator: str | None = Field(None, title="What stands between several labels of one cell", min_length=1)
    redact: bool = Field(False, title="Replace e-mail, phone, card, IBAN and Chinese ID numbers on reading")
    split: Literal["auto", "stratified", "group", "time"] = Field("auto", title="How rows are divided")
    validation_fraction: float = Field(0.1, title="Share of the rows that choose the model", gt=0, lt=0.5)
    test_fraction: float = Field(0.2, title="Share of the rows held out for the report", ge=0, lt=0.8)
    min_label_rows: int = Field(3, title="A label with fewer training rows is left out", ge=1)


class ModelConfig(Section):
    """The encoder and what of it is trained."""

    backbone: str = Field("packaged", title="packaged, a folder, or a hub id that is in the local cache")
    tuning: Tuning = Field("full", title="Train all weights, LoRA adapters, or the heads alone")
    freeze_embeddings: bool = Field(True, title="Leave the token embeddings as they are")
    max_tokens: int = Field(128, title="Longer texts are cut here", ge=8, le=8192)
    dropout: float = Field(0.1, title="Dropout inside the encoder while training", ge=0, lt=1)
    lora_rank: int = Field(16, title="Rank of the LoRA matrices", ge=1, le=512)
    lora_alpha: float = Field(32.0, title="LoRA scaling numerator", gt=0)
    lora_targets: tuple[str, ...] = Field(
        ("query", "key", "value", "dense"), title="Names of the linear layers that get LoRA", min_length=1
    )


class TrainConfig(Section):
    """How long and how the weights are changed."""

    rungs: tuple[Rung, ...] = Field(
        ("tfidf", "probe", "blend", "tuned", "tuned_blend"), title="Models to try, cheapest first", min_length=1
    )
    budget: str | None = Field(None, title="Time allowed for training: 90s, 5m, 1h (none: no limit)")
    analyzer: Literal["word", "char", "word+char"] = Field("word+char", title="n-grams of the TF-IDF rung")
    epochs: int | None = Field(None, title="Passes over the rows (none: 3 to 6 for each task, by its rows)", ge=1)
    batch_size: int = Field(32, title="Rows in one forward pass", ge=1)
    accumulation_steps: int = Field(1, title="Batches summed into one update", ge=1)
    optimizer: Literal["adamw", "sgd"] = Field("adamw", title="Update rule")
    lr: float = Field(2e-4, title="Highest learning rate", gt=0, le=10)
    weight_decay: float = Field(0.01, title="Decoupled weight decay (norms and biases exempt)", ge=0)
    warmup_fraction: float = Field(0.1, title="Share of the updates in which the rate rises", ge=0, lt=1)
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", title="How the rate falls")
    average_epochs: float | None = Field(
        0.3, title="Half-life, in epochs, of the running mean of the weights that is kept (none: the weights)", gt=0
    )
    clip_norm: float | None = Field(1.0, title="Largest gradient norm (none: not clipped)", gt=0)
    loss: Literal["cross_entropy", "focal"] = Field("cross_entropy", title="Loss (multi-label: per label)")
    focal_gamma: float = Field(2.0, title="Focusing exponent of the focal loss", ge=0)
    class_weights: Literal["none", "balanced"] = Field("none", title="Weight labels by their rarity")
    label_smoothing: float = Field(0.0, title="Share of the target spread over all labels", ge=0, lt=1)
    task_weights: dict[str, float] = Field({}, title="Weight of each task's loss (1 where not named)")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", title="Number format of the matrix work")
    evaluate_every_steps: int | None = Field(None, title="Validate every so many updates (none: each epoch)", ge=1)
    save_every_steps: int | None = Field(None, title="Checkpoint every so many updates (none: each epoch)", ge=1)
    patience: int | None = Field(None, title="Stop after so many validations without a better one", ge=1)
    tracker: Literal["none", "tensorboard", "wandb", "mlflow"] = Field("none", title="Where curves are logged")

    @field_validator("budget")
    @classmethod
    def _budget_is_a_time(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value


class CausalConfig(Section):
    """How a causal language model is tuned to write as examples do; its course and number format are of ``train``."""

    tuning: Literal["lora", "full"] = Field("lora", title="Train LoRA adapters, or all weights")
    lora_rank: int = Field(16, title="Rank of the LoRA matrices", ge=1, le=512)
    lora_alpha: float = Field(32.0, title="LoRA scaling numerator", gt=0)
    lora_dropout: float = Field(0.05, title="Dropout before the LoRA matrices", ge=0, lt=1)
    lora_targets: tuple[str, ...] = Field(
        ("all-linear",), title="Names of the linear layers that get LoRA (all-linear: all)", min_length=1
    )
    lr: float = Field(2e-4, title="Highest learning rate; a tenth suits all weights", gt=0, le=10)
    epochs: int = Field(3, title="Passes over the examples", ge=1)
    batch_size: int = Field(1, title="Examples in one forward pass; memory grows with it", ge=1)
    accumulation_steps: int = Field(16, title="Batches summed into one update", ge=1)
    max_tokens: int = Field(1536, title="Longer examples are left out", ge=64)


class EvaluateConfig(Section):
    """How results are judged."""

    bootstrap_samples: int = Field(1000, title="Resamples behind each interval", ge=50)
    learning_curve: bool = Field(False, title="Also train on growing shares of the rows")


class PredictConfig(Section):
    """How texts are scored."""

    batch_size: int = Field(128, title="Texts in one forward pass", ge=1)
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", title="Number format of the matrix work")


class StoreConfig(Section):
    """Where a running application keeps what it must not lose."""

    url: str = Field("sqlite:///fieldkits.db", title="Database: sqlite:///FILE or postgresql+psycopg://…")
    retention_days: int = Field(400, title="What is older is deleted", ge=1)


class DeliverConfig(Section):
    """How long something is tried to be delivered elsewhere, and where that may be."""

    max_attempts: int = Field(12, title="A message is given up after so many attempts", ge=1)
    first_retry_seconds: float = Field(5.0, title="Pause after the first failure; doubles, with jitter", gt=0)
    max_retry_seconds: float = Field(3600.0, title="Longest pause between two attempts", gt=0)
    send_seconds: float = Field(15.0, title="A delivery that takes longer counts as failed", gt=0)
    allow_private: bool = Field(False, title="Send webhooks also to private and local addresses")


class ServeConfig(Section):
    """How it is reached over HTTP, and by how many at once."""

    host: str = Field("127.0.0.1", title="Address to listen on; any other than this machine's own needs API keys")
    port: int = Field(8000, title="Port", ge=0, le=65535)
    max_body_bytes: int = Field(4_000_000, title="Larger requests are refused", ge=1024)
    max_seconds: float = Field(30.0, title="A request that takes longer is given up", gt=0)
    max_concurrent: int = Field(16, title="Requests worked on at the same time", ge=1)
    max_waiting: int = Field(64, title="Requests that may wait; more are answered with 429", ge=0)
    max_streams: int = Field(64, title="Pages updated live at the same time", ge=1)
    session_hours: float = Field(12.0, title="How long a person stays signed in to the page", gt=0)


class ProcessServeConfig(ServeConfig):
    """The same for a kit whose processes follow the database, so that several may answer."""

    processes: int = Field(1, title="Processes that answer; each loads the model and may use a core", ge=1, le=64)


class KitConfig(Section):
    """What every kit's configuration has; a kit adds its own sections beside these."""

    seed: int = Field(0, title="Every random choice follows from it", ge=0, lt=2**31)
    data: DataConfig = Field(DataConfig(), title="Rows")
    model: ModelConfig = Field(ModelConfig(), title="Encoder")
    train: TrainConfig = Field(TrainConfig(), title="Training")
    evaluate: EvaluateConfig = Field(EvaluateConfig(), title="Evaluation")
    predict: PredictConfig = Field(PredictConfig(), title="Prediction")


Config = TypeVar("Config", bound=KitConfig)
_SECONDS_PER_UNIT = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``5m``, ``1.5h`` or ``2d``.

    >>> parse_duration("5m")
    300.0
    """
    number, unit = text[:-1], text[-1:]
    try:
        seconds = float(number) * _SECONDS_PER_UNIT[unit]
    except (KeyError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError("expected a time such as 90s, 5m, 1h or 1d")
    return seconds


def load_config(
    schema: type[Config],
    *,
    file: Path | None = None,
    settings: Iterable[str] = (),
    preset: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Put a configuration together; later parts win.

    Args:
        schema: The kit's configuration class.
        file: TOML or JSON, by its ending.
        settings: ``section.key=value`` items; the value is JSON where it parses, else text.
        preset: Values a preset starts from, below the file.
        overrides: Values that come from options of their own (``--seed``), above the file.

    Raises:
        ConfigError: Names every wrong setting at once.
    """
    merged = _merge({}, preset or {})
    if file is not None:
        merged = _merge(merged, _read_file(file))
    merged = _merge(merged, overrides or {})
    faults: list[str] = []
    for item in settings:
        key, found, value = item.partition("=")
        if not found or not key.strip():
            faults.append(f"--set: got {shorten(item)}, expected section.key=value")
            continue
        merged = _merge(merged, _nest(key.strip().split("."), _parse_value(value)))
    try:
        config = schema.model_validate(merged)
    except ValidationError as error:
        faults.extend(_explain(schema, fault) for fault in error.errors())
    if faults:
        one = len(faults) == 1
        raise ConfigError(f"{'a setting is' if one else f'{len(faults)} settings are'} wrong: " + "; ".join(faults))
    return config


def look_up(value: str, where: str) -> str:
    """A secret, or that in the environment variable which ``env:NAME`` names.

    Raises:
        ConfigError: The variable is not set. The message holds no secret.
    """
    if not value.startswith("env:"):
        return value
    found = os.environ.get(value.removeprefix("env:"))
    if not found:
        raise ConfigError("the environment variable is not set", where=where, got=value)
    return found


def dump_config(config: KitConfig) -> str:
    """The configuration, every setting of it, as TOML that ``load_config`` reads back to an equal one."""
    values = config.model_dump(mode="json")
    lines = [f"{key} = {_toml(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for section, settings in values.items():
        if isinstance(settings, dict):
            lines += ["", f"[{section}]"]
            lines += [f"{_toml_key(key)} = {_toml(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


def describe_config(schema: type[KitConfig]) -> list[tuple[str, str, str]]:
    """Every setting as ``(section.key, default, title)``, in order."""
    rows = []
    for name, field in schema.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            for key, inner in annotation.model_fields.items():
                rows.append((f"{name}.{key}", _toml(getattr(field.default, key)), inner.title or ""))
        else:
            rows.append((name, _toml(field.default), field.title or ""))
    return rows


def _read_file(file: Path) -> dict[str, Any]:
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if file.suffix not in readers:
        raise ConfigError("unknown configuration format", where=str(file), expected="a .toml or .json file")
    try:
        values = readers[file.suffix](file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError("cannot read the configuration", where=str(file), got=error.strerror) from error
    except ValueError as error:  # a TOML, JSON or UTF-8 fault; each says its line
        raise ConfigError(f"not valid {file.suffix[1:].upper()}: {error}", where=str(file)) from error
    if not isinstance(values, dict):
        raise ConfigError("not a table of sections", where=str(file), got=values)
    return values


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _nest(path: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _explain(schema: type[BaseModel], fault: Any) -> str:
    path = [str(part) for part in fault["loc"]]
    where = ".".join(path)
    if fault["type"] == "extra_forbidden":
        names = [name for name, _, _ in describe_config(schema)]  # type: ignore[arg-type]
        same = [name for name in names if name.split(".")[-1] == path[-1]]
        near = same or difflib.get_close_matches(where, names, n=1, cutoff=0.5)
        return f"{where}: no such setting" + (f", did you mean {near[0]}?" if near else "")
    # Of a whole section only its place is said: it may hold a secret beside what is wrong or missing.
    got = "" if isinstance(fault["input"], Mapping | BaseModel) else f"got {shorten(fault['input'])}, "
    return f"{where}: {got}{fault['msg'].replace('Input should be', 'expected')}"


def _toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml_key(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, BaseModel):
        return value.__class__.__name__
    return json.dumps("none" if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")
