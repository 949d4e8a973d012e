"""``predict``: what customers want, from Python or from files of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.console import progress, say, show_table
from core.data.example import Example, Text
from core.data.load import report_rejected, stream_records
from core.data.row import Rejected
from core.data.table import write_rows
from core.errors import ConfigError, DataError
from core.predict.load import Model, load_model
from core.predict.match import EncoderMatcher
from core.predict.parallel import do_both
from core.predict.zeroshot import DescribedLabels, read_descriptions
from kits.support.config import SupportConfig, read_config
from kits.support.data import COLUMNS, make_example
from kits.support.reading import OUT_OF_SCOPE, Decision, Understanding, detect_language
from kits.support.scope.judge import Judged
from kits.support.scope.part import cut_parts, second_wish
from kits.support.scope.policy import Policy
from kits.support.scope.scope import Scope, load_scope
from kits.support.train import KIT

WINDOW_ROWS = 4096
SHOWN_ROWS = 20
RECENT_TEXTS = 4096  # their states are kept: a conversation asks more than once about the same words
FEW_TEXTS = 64  # are read by both encoders side by side; of more, each has batches enough for all threads
_READ = tuple(column for column in COLUMNS if column.name == "text")


class Reader:
    """A trained model that reads what customers say.

    >>> Reader.load("model").read(["my card never came"])[0].intents[0]     # doctest: +SKIP
    ('card_not_arrived', 0.93)
    """

    def __init__(self, model: Model, scope: Scope) -> None:
        if not isinstance(model.config, SupportConfig):
            raise TypeError("a model of another kit")
        self.model, self.config, self.scope = model, model.config, scope
        self.policy = Policy.of(model.config.policy)
        (self._task,) = model.tasks
        self._inside = np.array([label != OUT_OF_SCOPE for label in self._task.labels])

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> Reader:
        """Load a model folder, after checking every byte of it.

        Args:
            folder: As ``train`` wrote it.
            options: ``batch_size`` or ``precision`` other than configured; ``recent_texts`` other than usual.

        Raises:
            ModelError: The folder is damaged, hostile, or of another kit.
        """
        options = {"recent_texts": RECENT_TEXTS} | options
        model = load_model(Path(folder), SupportConfig, KIT, **options)
        return cls(model, load_scope(model, **options))

    @property
    def version(self) -> str:
        """Tells this model from every other."""
        return self.model.version

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that the model knows."""
        return tuple(label for label in self._task.labels if label != OUT_OF_SCOPE)

    @property
    def dimension(self) -> int:
        """Of the vectors that ``embed`` makes."""
        return self.scope.matcher.dimension

    @property
    def is_semantic(self) -> bool:
        """Whether near vectors mean the same; else they only share words."""
        return self.scope.matcher.kind == "encoder"

    def read(self, texts: Sequence[str], *, may_ask_two: bool = True) -> list[Understanding]:
        """What each text asks for, in the order of ``texts``.

        Args:
            texts: What customers wrote.
            may_ask_two: Whether a text may ask for two things at once; else its parts are not looked at.

        Raises:
            DataError: A text is no string.
        """
        check_texts(texts)
        if not texts:
            return []
        is_cut = may_ask_two and self.scope.facts.both_from <= 1
        parts = [cut_parts(text) if is_cut else [] for text in texts]
        everything = [(text, None) for text in (*texts, *(part for cut in parts for part in cut))]
        chances, near = self._ask_witnesses(everything, texts)
        judged = self.scope.facts.judge.judge(self._task.labels, chances[: len(texts)], near)
        found, start = [], len(texts)
        for row, (text, cut) in enumerate(zip(texts, parts, strict=True)):
            of_parts = chances[start : start + len(cut)]
            start += len(cut)
            found.append(self._understand(text, row, chances[row], of_parts, judged))
        return found

    def _ask_witnesses(
        self, everything: Sequence[Text], texts: Sequence[str]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The classifier's probabilities of everything, and how near the texts lie to each intent's utterances."""

        def classify() -> NDArray[np.float64]:
            return self.model.probabilities(everything)[self._task.name]

        def compare() -> NDArray[np.float32]:
            return self.scope.compare(texts)

        # With an encoder for both, the second finds the states that the first has left.
        if self.scope.facts.is_shared or len(texts) > FEW_TEXTS:
            return classify(), compare()
        return do_both(classify, compare)

    def warm(self) -> Iterator[int]:
        """Get ready for batches of any size, step by step; yields how many tokens of no meaning were read."""
        if isinstance(self.scope.matcher, EncoderMatcher):
            yield from self.scope.matcher.encoder.warm()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, ``(texts, dimension)`` float32: what means the same lies near.

        Raises:
            DataError: A text is no string.
        """
        check_texts(texts)
        return self.scope.matcher.embed(texts)

    def decide(self, understanding: Understanding) -> Decision:
        """``answer``, ``clarify`` or ``hand_over``: what costs least by the stated costs."""
        return self.policy.decide(understanding)

    def _understand(
        self, text: str, row: int, chances: NDArray[np.float64], parts: NDArray[np.float64], judged: Judged
    ) -> Understanding:
        """The likeliest intents share what is left beside out-of-scope; those asked for may be two."""
        outside = float(judged.outside[row])
        inside = chances * self._inside
        inside = inside / max(float(inside.sum()), 1e-12) * (1.0 - outside)
        order = [int(i) for i in np.argsort(-inside, kind="stable") if self._inside[i]]
        labels = self._task.labels
        wish = second_wish(parts * self._inside) if len(parts) else None
        both = wish is not None and wish[2] >= self.scope.facts.both_from
        asked = (labels[wish[0]], labels[wish[1]]) if both and wish is not None else (labels[order[0]],)
        return Understanding(
            text,
            tuple((labels[i], float(inside[i])) for i in order),
            asked,
            float(judged.first[row]),
            float(judged.either[row]),
            outside,
            detect_language(text),
        )


def check_texts(texts: Sequence[str]) -> None:
    """Refuse what is no sequence of strings.

    Raises:
        DataError: Names the first that is none.
    """
    if isinstance(texts, str):
        raise DataError("one text where a list of texts belongs", where="texts", got=texts, fix="give [text]")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError("not a text", where=f"texts[{position}]", got=text, expected="a string")


@dataclass
class _Tally:
    """What passed through a run of predict.

    Attributes:
        most_shown: How many rows are kept to be shown; None: all.
        rows: How many were read.
        rejected: Those that could not be.
        shown: The first rows.
    """

    most_shown: int | None
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)


def run(
    *,
    model: Path | None = None,
    data: list[str] | None = None,
    map: list[str] | None = None,
    out: str | Path | None = None,
    text: list[str] | None = None,
    intents: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any] | None:
    """The verb: read ``--text`` or ``--data`` with ``--model``, or by ``--intents`` alone.

    Raises:
        ConfigError: The options do not go together.
        DataError: No row could be read.
    """
    if (model is None) == (intents is None):
        raise ConfigError("give one of --model and --intents", where="predict", fix="--intents works without a model")
    if bool(text) == bool(data):
        raise ConfigError("give either --text or --data", where="predict")
    if as_json and str(out) == "-":
        raise ConfigError("--json and --out - both want standard output", where="predict", fix="write to a file")
    reader = None if model is None else Reader.load(model)
    base = None if reader is None else reader.config
    settings = read_config(base=base, config=config, set=set, seed=seed, data=data, map=map)
    tally = _Tally(None if as_json and out is None else SHOWN_ROWS)
    inputs = (({"text": t}, Example(t)) for t in text) if text else _stream(settings, tally)
    if reader is not None:
        rows = _read_rows(reader, Policy.of(settings.policy), inputs)
    elif intents is not None:
        rows = _similar_rows(DescribedLabels(read_descriptions(intents), settings), inputs)
    counted = _count(rows, tally)
    if out is None:
        for _ in counted:
            pass
        if not as_json:
            _show(tally)
    else:
        write_rows(str(out), counted)
    report_rejected(tally.rejected, tally.rows + len(tally.rejected))
    if data and tally.rows == 0:
        first, count = tally.rejected[0], len(tally.rejected)
        raise DataError(f"no row could be read: {count} were rejected: {first.reason}", where=first.place)
    rejected = [{"place": r.place, "reason": r.reason} for r in tally.rejected]
    result = {"out": str(out)} if out is not None else {"predictions": tally.shown}
    return {"rows": tally.rows, "rejected": rejected} | result


def _stream(config: SupportConfig, tally: _Tally) -> Iterator[tuple[dict[str, Any], Example]]:
    """The usable rows of all sources with their own columns; the others go to the tally."""
    settings = config.data.model_copy(update={"map": {k: v for k, v in config.data.map.items() if k == "text"}})
    for source in settings.sources:
        for record, row in stream_records(source, _READ, settings):
            made = record if isinstance(record, Rejected) else make_example(record, row.place, source)
            if isinstance(made, Rejected) or isinstance(row, Rejected):
                tally.rejected.append(made if isinstance(made, Rejected) else Rejected(row.place, "not readable"))
            else:
                yield row.values, made


def _read_rows(
    reader: Reader, policy: Policy, inputs: Iterator[tuple[dict[str, Any], Example]]
) -> Iterator[dict[str, Any]]:
    while window := list(islice(inputs, WINDOW_ROWS)):
        understood = reader.read([example.text for _, example in window])
        for (values, _), read in zip(window, understood, strict=True):
            yield values | {
                "predicted_intent": ";".join(read.asked),
                "confidence": round(read.confidence, 4),
                "out_of_scope": round(read.out_of_scope, 4),
                "decision": policy.decide(read),
                "second_intent": read.intents[1][0] if len(read.intents) > 1 else None,
                "language": read.language,
                "model_version": reader.version,
            }


def _similar_rows(
    labels: DescribedLabels, inputs: Iterator[tuple[dict[str, Any], Example]]
) -> Iterator[dict[str, Any]]:
    """The nearest intent; marked as uncalibrated in every row."""
    say("No trained model: intents by similarity to their descriptions. The scores are uncalibrated.")
    while window := list(islice(inputs, WINDOW_ROWS)):
        for (values, _), row in zip(window, labels.similarities([e.text for _, e in window]), strict=True):
            nearest = int(row.argmax())
            found = {"predicted_intent": labels.labels[nearest], "similarity": round(float(row[nearest]), 4)}
            yield values | found | {"calibrated": False}


def _count(rows: Iterator[dict[str, Any]], tally: _Tally) -> Iterator[dict[str, Any]]:
    with progress("Reading") as tick:
        for row in rows:
            tally.rows += 1
            if tally.most_shown is None or len(tally.shown) < tally.most_shown:
                tally.shown.append(row)
            tick()
            yield row


def _show(tally: _Tally) -> None:
    names = ("predicted_intent", "confidence", "similarity", "decision")
    shown = [name for name in names if tally.shown and name in tally.shown[0]]
    cells = [(next(iter(row.values())), *(row[name] for name in shown)) for row in tally.shown]
    if cells:
        show_table(f"First {len(cells)} of {tally.rows} rows", ("text", *shown), cells)
