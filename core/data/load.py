"""From ``--data`` sources to examples: read, rename, convert, and report what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.config import DataConfig
from core.console import progress, say
from core.data.columns import Column, convert_row, resolve_columns
from core.data.example import Example, Kind, Task, count_labels, label_names
from core.data.privacy import redact
from core.data.row import Rejected, Row
from core.data.table import hide_password, stream_rows
from core.errors import DataError

Record = dict[str, Any]
MakeExample = Callable[[Record, str, str], Example | Rejected]
SHOWN_PLACES = 3
_HEAD_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything that was read.

    Attributes:
        examples: What can be used.
        rejected: What cannot, with place and reason.
        sources: The sources as given, without passwords.
        columns: Per source our column names and theirs.
    """

    examples: list[Example]
    rejected: list[Rejected]
    sources: tuple[str, ...]
    columns: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A task before its labels are known from data.

    Attributes:
        name: The label column.
        kind: ``single`` or ``multi``.
        order: Labels that come first, in this order.
    """

    name: str
    kind: Kind
    order: tuple[str, ...] = ()


def load_corpus(config: DataConfig, columns: Sequence[Column], make: MakeExample) -> Corpus:
    """Read all sources into examples.

    Args:
        config: Sources, column map, label map and redaction.
        columns: The columns that the kit knows.
        make: Turns one converted record, its place and its source into an example.

    Raises:
        DataError: A source cannot be read, or no row of all can be used.
    """
    if not config.sources:
        raise DataError("no data given", where="--data", fix="name a file, a folder or a SQL URL")
    examples: list[Example] = []
    rejected: list[Rejected] = []
    resolved: dict[str, dict[str, str]] = {}
    with progress("Reading") as tick:
        for source in config.sources:
            name = hide_password(source)
            for record, row in stream_records(source, columns, config, resolved):
                made = record if isinstance(record, Rejected) else make(record, row.place, name)
                (rejected if isinstance(made, Rejected) else examples).append(made)  # type: ignore[arg-type]
                tick()
    theirs = {column for found in resolved.values() for column in found.values()}
    absent = {o: t for o, t in config.map.items() if t not in theirs}
    if absent:
        pairs = ", ".join(f"{ours}={theirs}" for ours, theirs in absent.items())
        raise DataError("no source has such a column", where="--map", got=pairs, expected=_list_columns(resolved))
    report_rejected(rejected, len(examples) + len(rejected))
    if not examples:
        reason = f", such as {rejected[0].place}: {rejected[0].reason}" if rejected else ""
        raise DataError(f"no row can be used: {len(rejected)} were rejected{reason}", where=", ".join(resolved))
    return Corpus(examples, rejected, tuple(hide_password(s) for s in config.sources), resolved)


def stream_records(
    source: str,
    columns: Sequence[Column],
    config: DataConfig,
    resolved: dict[str, dict[str, str]] | None = None,
) -> Iterator[tuple[Record | Rejected, Row | Rejected]]:
    """The records of one source in our columns, each with the row it was, in constant memory.

    The columns are settled by the first rows: JSON rows need not all have every key.

    Args:
        source: A file, folder or SQL URL.
        columns: The columns that the kit knows.
        config: Column map, label map, separator and redaction.
        resolved: Filled with the source's name and its column names, if given.
    """
    head: list[Row | Rejected] = []
    names: dict[str, str] | None = None

    def settle() -> dict[str, str]:
        available = list(dict.fromkeys(key for row in head if isinstance(row, Row) for key in row.values))
        mapping = config.map
        if len(config.sources) > 1:  # a source may lack a column that another has: load_corpus looks at all
            mapping = {ours: theirs for ours, theirs in mapping.items() if theirs in available}
        found = resolve_columns(available, columns, mapping, where=hide_password(source)) if available else {}
        if resolved is not None:
            resolved[hide_password(source)] = found
        return found

    def convert(row: Row | Rejected, names: Mapping[str, str]) -> tuple[Record | Rejected, Row | Rejected]:
        if isinstance(row, Rejected):
            return row, row
        if config.redact:
            values = {key: redact(value) if isinstance(value, str) else value for key, value in row.values.items()}
            row = Row(values, row.place)
        return convert_row(row, names, columns, config.label, config.separator), row

    for row in stream_rows(source):
        if names is not None:
            yield convert(row, names)
            continue
        head.append(row)
        if len(head) == _HEAD_ROWS:
            names = settle()
            yield from (convert(kept, names) for kept in head)
    if names is None:
        names = settle()
        yield from (convert(kept, names) for kept in head)


def build_tasks(
    examples: Sequence[Example], specs: Sequence[TaskSpec], min_rows: int
) -> tuple[tuple[Task, ...], dict[str, dict[str, int]]]:
    """Settle what can be learned from the examples.

    Args:
        examples: The rows.
        specs: What the kit asks.
        min_rows: A label with fewer rows is left out.

    Returns:
        The tasks that have labels, and per task the labels that were left out with their rows.

    Raises:
        DataError: No task has labels, or a single-label task has fewer than two.
    """
    tasks, left_out = [], {}
    for spec in specs:
        counts = count_labels(examples, spec.name)
        if not counts:
            continue
        few = {label: rows for label, rows in sorted(counts.items()) if rows < min_rows}
        if few:
            left_out[spec.name] = few
        kept = [label for label in counts if label not in few]
        order = [label for label in spec.order if label in kept]
        labels = (*order, *sorted(set(kept) - set(order)))
        if len(labels) < (2 if spec.kind == "single" else 1):
            raise DataError(
                "too few different labels to learn from",
                where=spec.name,
                got=dict(counts.most_common(5)),
                expected=f"at least two labels with {min_rows} rows each",
            )
        tasks.append(Task(spec.name, spec.kind, labels))
    if not tasks:
        names = " or ".join(spec.name for spec in specs)
        raise DataError(
            f"no row has a label in {names}", where="--data", fix=f"name the column: --map {specs[0].name}=COLUMN"
        )
    return tuple(tasks), left_out


def _list_columns(resolved: Mapping[str, Mapping[str, str]]) -> str:
    return "; ".join(f"{', '.join(found.values())} in {source}" for source, found in resolved.items())


def report_rejected(rejected: Sequence[Rejected], total: int) -> None:
    """Say how many rows were left out, why, and where the first of each kind stand."""
    if not rejected:
        return
    say(f"{len(rejected)} of {total} rows cannot be used:")
    for reason, count in Counter(r.reason for r in rejected).most_common(10):
        places = [r.place for r in rejected if r.reason == reason][:SHOWN_PLACES]
        more = f" and {count - len(places)} more" if count > len(places) else ""
        say(f"  {reason} ({', '.join(places)}{more})")


def has_labels(example: Example, tasks: Sequence[Task | TaskSpec]) -> bool:
    """Whether an example carries a label of any of the tasks."""
    return any(label_names(example, task.name) is not None for task in tasks)
