"""A trained model, from its folder into memory and back.

What is asked (tasks), how logits are read (calibration) and what scores texts (classifier)
belong together: that is a ``Model``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from safetensors.torch import load_file

from core.config import KitConfig, Rung, load_config
from core.data.example import Example, Task, Text
from core.errors import ConfigError, KitError, ModelError
from core.model.backbone import load_encoder, load_tokenizer, resolve_backbone
from core.model.bundle import SETTINGS, read_document, verify_bundle, write_document
from core.model.heads import TextClassifier
from core.model.linear import LinearClassifier
from core.predict.blend import BlendClassifier
from core.predict.decide import Calibration, Classifier, Floats, probabilities
from core.predict.engine import EncoderClassifier

SPLITS = ("train", "validation", "test")
Mark = Annotated[int, Field(ge=0, lt=2**64)]


class Settings(BaseModel):
    """``bundle.json``: what kind of model lies in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kit: str
    rung: Rung
    kind: Literal["encoder", "tfidf", "blend"]
    max_tokens: int = Field(ge=1)
    fieldkits: str


class Confusion(BaseModel):
    """How often each label was taken for each, on the held-out rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    labels: tuple[str, ...]
    counts: tuple[tuple[NonNegativeInt, ...], ...]  # labels x labels, rows are the truth

    @model_validator(mode="after")
    def _is_square(self) -> Confusion:
        if {len(self.counts), *map(len, self.counts)} != {len(self.labels)}:
            raise ValueError("the confusion matrix does not fit its labels")
        return self


class Facts(BaseModel):
    """``facts`` in ``metrics.json``: of the rows that a model was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    confusion: dict[str, Confusion]  # of each single-label task; empty without held-out rows
    paired_rows: NonNegativeInt  # training rows whose text came with a pair


Schema = TypeVar("Schema", bound=KitConfig)


@dataclass(frozen=True)
class Model:
    """A model ready to score.

    Attributes:
        classifier: Scores texts.
        calibration: Per task how logits are read.
        settings: What kind of model it is.
        config: The configuration it was trained with.
        version: Tells it from every other model.
        folder: Where it came from; None when it was just trained.
        seen: Per split the fingerprints of its rows, ``(rows,)`` uint64.
        priors: Per task ``(labels,)`` frequencies in the training rows.
    """

    classifier: Classifier
    calibration: Mapping[str, Calibration]
    settings: Settings
    config: KitConfig
    version: str = ""
    folder: Path | None = None
    seen: Mapping[str, NDArray[np.uint64]] = field(default_factory=dict)
    priors: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is asked of a text."""
        return self.classifier.tasks

    def probabilities(self, texts: Sequence[Text]) -> dict[str, Floats]:
        """Calibrated probabilities of each task, ``(rows, labels)``, in the order of ``texts``."""
        return self._calibrate(self.classifier.logits(texts))

    def read(self, texts: Sequence[Text]) -> tuple[dict[str, Floats], NDArray[np.float32] | None]:
        """Probabilities, and the texts' states ``(rows, hidden)`` out of the same pass; None without an encoder."""
        logits, states = self.classifier.read(texts)
        return self._calibrate(logits), states

    def _calibrate(self, logits: Sequence[NDArray[np.float32]]) -> dict[str, Floats]:
        return {t.name: probabilities(t, z, self.calibration[t.name]) for t, z in zip(self.tasks, logits, strict=True)}


def load_model(folder: Path, schema: type[Schema], kit: str, **overrides: Any) -> Model:
    """Verify a bundle and load its model.

    Args:
        folder: The model folder.
        schema: The kit's configuration class.
        kit: The kit that asks; a model of another kit is refused.
        overrides: ``batch_size`` or ``precision`` instead of the configured ones; ``recent_texts`` of an encoder.

    Raises:
        ModelError: The bundle is damaged, hostile, or of another kit.
    """
    manifest = verify_bundle(folder)
    settings = _parse(TypeAdapter(Settings), folder, SETTINGS)
    if settings.kit != kit:
        raise ModelError("a model of another kit", where=str(folder), got=settings.kit, expected=kit)
    tasks = _parse(TypeAdapter(tuple[Task, ...]), folder, "labels.json")
    calibration = _parse(TypeAdapter(dict[str, Calibration]), folder, "calibration.json")
    rows = _parse(TypeAdapter(dict[str, list[Mark]]), folder, "rows.json")
    priors = _parse(TypeAdapter(dict[str, list[FiniteFloat]]), folder, "metrics.json", "priors")
    _check_calibration(tasks, calibration, folder)
    if {task.name: len(set(task.labels)) for task in tasks} != {name: len(values) for name, values in priors.items()}:
        raise ModelError("label frequencies do not fit the labels", where=str(folder / "metrics.json"))
    try:
        config = load_config(schema, file=folder / "config.toml")
    except (ConfigError, RecursionError) as error:
        raise ModelError(f"its configuration is refused: {error}", where=str(folder)) from error
    options = {"batch_size": config.predict.batch_size, "precision": config.predict.precision} | overrides
    loaders: dict[str, Callable[[], Classifier]] = {
        "tfidf": lambda: LinearClassifier.load(folder / "model", tasks),
        "encoder": lambda: EncoderClassifier.load(folder / "model", tasks, max_tokens=settings.max_tokens, **options),
        "blend": lambda: BlendClassifier.load(folder / "model", tasks, max_tokens=settings.max_tokens, **options),
    }
    classifier = loaders[settings.kind]()
    _check_scores(classifier, folder)
    return Model(
        classifier,
        calibration,
        settings,
        config,
        manifest.version,
        folder,
        {name: np.asarray(rows.get(name, []), dtype=np.uint64) for name in SPLITS},
        {name: np.asarray(values, dtype=np.float64) for name, values in priors.items()},
    )


def load_baselines(model: Model) -> dict[str, tuple[Classifier, dict[str, Calibration]]]:
    """The models that were passed over, kept in the bundle to be measured beside it.

    The probe is there only where its backbone is: the bundle holds its heads alone.
    """
    folder = model.folder
    if folder is None:
        return {}
    calibrations = _parse(TypeAdapter(dict[str, dict[str, Calibration]]), folder, "metrics.json", "baselines")
    found: dict[str, Classifier] = {}
    for calibration in calibrations.values():
        _check_calibration(model.tasks, calibration, folder, "metrics.json")
    if isinstance(model.classifier, BlendClassifier):
        found["tfidf"] = model.classifier.linear
        if model.settings.rung == "blend":
            found["probe"] = model.classifier.encoder
    elif model.settings.rung in calibrations:
        found[model.settings.rung] = model.classifier
    if (folder / "tfidf").is_dir():
        found["tfidf"] = LinearClassifier.load(folder / "tfidf", model.tasks)
    if (folder / "probe").is_dir():
        probe = _load_probe(model, folder / "probe")
        found |= {} if probe is None else {"probe": probe}
    return {
        name: (found[name], calibrations[name]) for name in ("tfidf", "probe") if name in found and name in calibrations
    }


def load_facts(folder: Path) -> Facts:
    """What a bundle says of the rows it was made from.

    Raises:
        ModelError: That is not what ``train`` writes.
    """
    facts: Facts = _parse(TypeAdapter(Facts), folder, "metrics.json", "facts")
    return facts


def _load_probe(model: Model, folder: Path) -> Classifier | None:
    try:
        backbone = resolve_backbone(model.config.model.backbone)
        probe = TextClassifier(load_encoder(backbone), model.tasks)
        probe.heads.load_state_dict(load_file(folder / "heads.safetensors"))
    except (KitError, OSError, RuntimeError):
        return None
    return EncoderClassifier(probe, load_tokenizer(backbone), max_tokens=model.settings.max_tokens)


def fingerprint_rows(examples: Iterable[Example]) -> NDArray[np.uint64]:
    """``(rows,)`` uint64: a one-way mark of each text with its pair, blind to case and spacing."""
    marks = []
    for example in examples:
        text = "\0".join(" ".join(part.casefold().split()) for part in (example.text, example.pair or ""))
        marks.append(int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big"))
    return np.asarray(marks, dtype=np.uint64)


def write_model_files(folder: Path, model: Model, config_text: str) -> None:
    """Write the files of a model that ``load_model`` needs, except ``metrics.json``."""
    classifier: Any = model.classifier
    classifier.save(folder / "model")
    write_document(folder, SETTINGS, model.settings.model_dump())
    write_document(folder, "labels.json", TypeAdapter(tuple[Task, ...]).dump_python(model.tasks, mode="json"))
    calibration = TypeAdapter(dict[str, Calibration]).dump_python(dict(model.calibration), mode="json")
    write_document(folder, "calibration.json", calibration)
    write_document(folder, "rows.json", {name: [int(n) for n in marks] for name, marks in model.seen.items()})
    (folder / "config.toml").write_text(config_text, encoding="utf-8")


def _parse(adapter: TypeAdapter[Any], folder: Path, name: str, key: str | None = None) -> Any:
    document = read_document(folder, name)
    try:
        return adapter.validate_python(document if key is None else document[key])
    except (ValidationError, KeyError, TypeError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise ModelError(f"not what fieldkits writes: {first}", where=str(folder / name)) from error


def _check_scores(classifier: Classifier, folder: Path) -> None:
    """Refuse a model that cannot score, before anything is asked of it."""
    try:
        is_usable = all(np.isfinite(logits).all() for logits in classifier.logits([("a", "b")]))
    except Exception as error:  # what a model that was tampered with raises is not foreseeable
        raise ModelError("the model does not compute", where=str(folder), got=str(error)) from error
    if not is_usable:
        raise ModelError("the model holds numbers that are none", where=str(folder))


def _check_calibration(
    tasks: Sequence[Task], calibration: Mapping[str, Calibration], folder: Path, name: str = "calibration.json"
) -> None:
    for task in tasks:
        read = calibration.get(task.name)
        fits = read is not None and 0 < read.temperature < math.inf
        if fits and read is not None and task.kind == "multi":
            cuts = read.thresholds or ()
            fits = len(cuts) == len(task.labels) and all(0 <= cut <= 1 for cut in cuts)
        if not fits:
            raise ModelError(f"no usable calibration of {task.name}", where=str(folder / name))
