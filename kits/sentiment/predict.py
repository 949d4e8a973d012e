"""``predict``: scores texts, from Python or from files of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from core.console import progress, say, show_table
from core.data.example import Example, Text
from core.data.load import report_rejected, stream_records
from core.data.row import Rejected
from core.data.table import write_rows
from core.errors import ConfigError, DataError
from core.predict.explain import Influence, explain_label, strongest
from core.predict.load import Model, load_model
from core.predict.zeroshot import DescribedLabels, read_descriptions
from kits.sentiment.config import SentimentConfig, read_config
from kits.sentiment.data import COLUMNS, make_example
from kits.sentiment.train import KIT

WINDOW_ROWS = 4096
SHOWN_TEXT_ROWS = 20
LIKE_THE_NEAREST = 0.05
Scored = tuple[str, dict[str, Any]]
_READ = tuple(column for column in COLUMNS if column.name in ("title", "body", "entity"))


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which words moved a prediction.

    Attributes:
        task: ``sentiment`` or ``topics``.
        label: Whose probability is explained.
        words: The effect of each word, in the order of the text.
    """

    task: str
    label: str
    words: tuple[Influence, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model reads in one text.

    Attributes:
        text: What was read.
        entity: Towards whom the sentiment is, or None.
        sentiment: The likeliest sentiment; None if the model does not judge it.
        sentiment_probabilities: Calibrated, per sentiment; they sum to one.
        topics: Those above their threshold, likeliest first.
        topic_probabilities: Calibrated, per topic.
        model_version: Which model said so.
    """

    text: str
    entity: str | None
    sentiment: str | None
    sentiment_probabilities: dict[str, float]
    topics: tuple[str, ...]
    topic_probabilities: dict[str, float]
    model_version: str


class Scorer:
    """A trained model that reads texts.

    >>> Scorer.load("model").score(["Profit rose"])[0].sentiment     # doctest: +SKIP
    'positive'
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, folder: str | Path, **options: Any) -> Scorer:
        """Load a model folder, after checking every byte of it.

        Args:
            folder: As ``train`` wrote it.
            options: ``batch_size`` or ``precision`` other than configured.

        Raises:
            ModelError: The folder is damaged, hostile, or of another kit.
        """
        return cls(load_model(Path(folder), SentimentConfig, KIT, **options))

    def score(self, texts: Sequence[str], entities: Sequence[str | None] | None = None) -> list[Opinion]:
        """Read texts.

        Args:
            texts: Headlines, reports or comments.
            entities: For each text the company to judge by, or None for the text as a whole.

        Returns:
            One opinion for each text, in their order.

        Raises:
            DataError: There are not as many entities as texts, or a text is no string.
        """
        pairs = _pairs(texts, entities)
        if not pairs:
            return []
        chances = self.model.probabilities(pairs)
        cuts = {task.name: self.model.calibration[task.name].thresholds for task in self.model.tasks}
        labels = {task.name: task.labels for task in self.model.tasks}
        opinions = []
        for row, (text, entity) in enumerate(pairs):
            named = {name: dict(zip(labels[name], chances[name][row].tolist(), strict=True)) for name in labels}
            sentiment, topics = named.get("sentiment", {}), named.get("topics", {})
            held = [t for t, cut in zip(topics, cuts.get("topics") or (), strict=True) if topics[t] >= cut]
            opinions.append(
                Opinion(
                    text,
                    entity,
                    max(sentiment, key=sentiment.__getitem__) if sentiment else None,
                    sentiment,
                    tuple(sorted(held, key=lambda t: -topics[t])),
                    topics,
                    self.model.version,
                )
            )
        return opinions

    def explain(self, text: str, entity: str | None = None) -> list[Explanation]:
        """Which words moved the sentiment and each topic that was found."""
        opinion = self.score([text], [entity])[0]
        asked = [("sentiment", opinion.sentiment)] if opinion.sentiment else []
        asked += [("topics", topic) for topic in opinion.topics]
        return [
            Explanation(task, label, tuple(explain_label(self.model, (text, entity), task, label)))
            for task, label in asked
        ]


@dataclass
class _Tally:
    """What passed through a run of predict.

    Attributes:
        most_shown: How many rows are kept to be shown; None: all.
        rows: How many were scored.
        rejected: Those that could not be.
        shown: The text and the result of the first rows.
    """

    most_shown: int | None
    rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    shown: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def run(
    *,
    model: Path | None = None,
    data: list[str] | None = None,
    map: list[str] | None = None,
    out: str | Path | None = None,
    text: list[str] | None = None,
    entity: str | None = None,
    topics: Path | None = None,
    explain: bool = False,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any] | None:
    """The verb: score ``--text`` or ``--data`` with ``--model``, or by ``--topics`` alone.

    Raises:
        ConfigError: The options do not go together.
    """
    if (model is None) == (topics is None):
        raise ConfigError("give one of --model and --topics", where="predict", fix="--topics works without a model")
    if bool(text) == bool(data):
        raise ConfigError("give either --text or --data", where="predict")
    if as_json and str(out) == "-":
        raise ConfigError("--json and --out - both want standard output", where="predict", fix="write to a file")
    scorer = None if model is None else Scorer.load(model)
    base = None if scorer is None else scorer.model.config
    settings = read_config(base=base, config=config, set=set, seed=seed, data=data, map=map)
    if explain and scorer is None:
        raise ConfigError("only a trained model can explain", where="--explain")
    tally = _Tally(None if as_json and out is None else SHOWN_TEXT_ROWS)
    inputs = _texts(text, entity) if text else _stream(settings, tally)
    if scorer is not None:
        rows = _opinion_rows(scorer, inputs, explain)
    elif topics is not None:
        rows = _similarity_rows(DescribedLabels(read_descriptions(topics), settings), inputs)
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
        raise DataError(f"no row could be scored: {count} were rejected: {first.reason}", where=first.place)
    rejected = [{"place": r.place, "reason": r.reason} for r in tally.rejected]
    result = {"out": str(out)} if out is not None else {"predictions": [row for _, row in tally.shown]}
    return {"rows": tally.rows, "rejected": rejected} | result


def _pairs(texts: Sequence[str], entities: Sequence[str | None] | None) -> list[Text]:
    if isinstance(texts, str):
        raise DataError("one text where a list of texts belongs", where="texts", got=texts, fix="give [text]")
    if entities is not None and len(entities) != len(texts):
        raise DataError("not as many entities as texts", where="entities", got=len(entities), expected=str(len(texts)))
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError("not a text", where=f"texts[{position}]", got=text, expected="a string")
    return list(zip(texts, entities or [None] * len(texts), strict=True))


def _texts(texts: list[str], entity: str | None) -> Iterator[tuple[dict[str, Any], Example]]:
    for text in texts:
        yield {"title": text} | ({"entity": entity} if entity else {}), Example(text, entity)


def _stream(config: SentimentConfig, tally: _Tally) -> Iterator[tuple[dict[str, Any], Example]]:
    """The usable rows of all sources with their own columns; the others go to the tally."""
    read = {column.name for column in _READ}
    settings = config.data.model_copy(update={"map": {k: v for k, v in config.data.map.items() if k in read}})
    for source in settings.sources:
        for record, row in stream_records(source, _READ, settings):
            made = record if isinstance(record, Rejected) else make_example(record, row.place, source)
            if isinstance(made, Rejected) or isinstance(row, Rejected):
                tally.rejected.append(made if isinstance(made, Rejected) else Rejected(row.place, "not readable"))
            else:
                yield row.values, made


def _opinion_rows(
    scorer: Scorer, inputs: Iterator[tuple[dict[str, Any], Example]], explain_each: bool
) -> Iterator[Scored]:
    while window := list(islice(inputs, WINDOW_ROWS)):
        examples = [example for _, example in window]
        opinions = scorer.score([e.text for e in examples], [e.pair for e in examples])
        for (values, _), opinion in zip(window, opinions, strict=True):
            yield opinion.text, values | _opinion_row(scorer, opinion, explain_each)


def _opinion_row(scorer: Scorer, opinion: Opinion, explain_each: bool) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if opinion.sentiment is not None:
        row["predicted_sentiment"] = opinion.sentiment
        row |= {f"probability_{k}": round(v, 4) for k, v in opinion.sentiment_probabilities.items()}
    if opinion.topic_probabilities:
        row["predicted_topics"] = list(opinion.topics)
        row["topic_probabilities"] = [round(opinion.topic_probabilities[topic], 4) for topic in opinion.topics]
    if explain_each:
        row["because"] = [
            f"{e.label}: " + ", ".join(f"{w.word} {w.effect:+.2f}" for w in strongest(list(e.words)))
            for e in scorer.explain(opinion.text, opinion.entity)
        ]
    return row | {"model_version": opinion.model_version}


def _similarity_rows(
    labels: DescribedLabels, inputs: Iterator[tuple[dict[str, Any], Example]]
) -> Iterator[Scored]:
    """The nearest topic and those about as near; marked as uncalibrated in every row."""
    say("No trained model: topics by similarity to their descriptions. The scores are uncalibrated.")
    while window := list(islice(inputs, WINDOW_ROWS)):
        similarities = labels.similarities([example.text for _, example in window])
        for (values, example), row in zip(window, similarities, strict=True):
            near = [i for i in (-row).argsort() if row[i] >= row.max() - LIKE_THE_NEAREST]
            yield example.text, values | {
                "predicted_topics": [labels.labels[i] for i in near],
                "topic_similarities": [round(float(row[i]), 4) for i in near],
                "calibrated": False,
            }


def _count(rows: Iterator[Scored], tally: _Tally) -> Iterator[dict[str, Any]]:
    with progress("Predicting") as tick:
        for text, row in rows:
            tally.rows += 1
            if tally.most_shown is None or len(tally.shown) < tally.most_shown:
                tally.shown.append((text, row))
            tick()
            yield row


def _show(tally: _Tally) -> None:
    cells = [_shown_cells(text, row) for text, row in tally.shown]
    if cells:
        show_table(f"First {len(cells)} of {tally.rows} rows", list(cells[0]), [list(row.values()) for row in cells])


def _shown_cells(text: str, row: dict[str, Any]) -> dict[str, str]:
    """What a person wants to see of a result."""
    cells = {"text": text}
    if "predicted_sentiment" in row:
        sentiment = row["predicted_sentiment"]
        cells["sentiment"] = f"{sentiment} {row[f'probability_{sentiment}']:.2f}"
    if "predicted_topics" in row:
        title = "topics" if "topic_probabilities" in row else "topics (uncalibrated)"
        scores = row.get("topic_probabilities") or row.get("topic_similarities") or []
        cells[title] = "\n".join(f"{t} {s:.2f}" for t, s in zip(row["predicted_topics"], scores, strict=True))
    if "because" in row:
        cells["because"] = "\n".join(row["because"])
    return cells
