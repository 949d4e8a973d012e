"""Parquet files and Hugging Face datasets on disk, read in batches of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.delimited import check_names
from core.data.row import Record, Rejected, Row
from core.errors import DataError

if TYPE_CHECKING:
    import pyarrow

BATCH_ROWS = 1_000


def stream_parquet(path: Path) -> Iterator[Record]:
    """The rows of a Parquet file, numbered from 1.

    Raises:
        DataError: The file is cut off or damaged, or two columns have the same name.
    """
    import pyarrow
    from pyarrow import parquet

    where, position = str(path), 0
    try:
        with parquet.ParquetFile(path) as file:
            check_names(list(file.schema_arrow.names), where)
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield from _stream_batch(batch, where, position)
                position += batch.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        place = f"{where}:row {position + 1}" if position else where
        reason = str(error).splitlines()[0][:120]
        raise DataError(
            f"cannot be read as Parquet ({reason})", where=place, fix="the file may be cut off: copy it again"
        ) from None


def is_hub_folder(folder: Path) -> bool:
    """Whether a folder was written by ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``."""
    single = (folder / "dataset_info.json").is_file() and (folder / "state.json").is_file()
    return single or (folder / "dataset_dict.json").is_file()


def stream_hub_folder(folder: Path) -> Iterator[Record]:
    """The rows of a Hugging Face dataset on disk, split by split; class numbers become names.

    Raises:
        DataError: The folder is damaged.
    """
    listing = folder / "dataset_dict.json"
    if not listing.is_file():
        yield from _stream_hub_split(folder)
        return
    try:
        splits = json.loads(listing.read_text("utf-8"))["splits"]
        names = [name for name in splits if isinstance(name, str) and Path(name).name == name]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError("does not list the splits", where=str(listing), fix="save it again") from None
    for name in names:
        yield from _stream_hub_split(folder / name)


def _stream_hub_split(folder: Path) -> Iterator[Record]:
    import datasets

    try:
        dataset = datasets.load_from_disk(str(folder))
        features: dict[str, Any] = dict(dataset.features)
        batches = dataset.with_format("arrow").iter(batch_size=BATCH_ROWS)
        position = 0
        for table in batches:
            for batch in table.to_batches():
                for record in _stream_batch(batch, str(folder), position):
                    yield _name_classes(record, features)
                position += batch.num_rows
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise DataError(f"cannot be read as a dataset ({reason})", where=str(folder)) from None


def _name_classes(record: Record, features: dict[str, Any]) -> Record:
    """A row whose ClassLabel numbers are replaced by the names they stand for."""
    if isinstance(record, Rejected):
        return record
    values = dict(record.values)
    for column, feature in features.items():
        names, number = getattr(feature, "names", None), values.get(column)
        if isinstance(names, list) and isinstance(number, int):
            values[column] = names[number] if 0 <= number < len(names) else None
    return Row(values, record.place)


def _stream_batch(batch: pyarrow.RecordBatch, where: str, position: int) -> Iterator[Record]:
    """The rows of one batch; when a value cannot be had, only its own row is rejected."""
    try:
        rows: list[dict[str, object]] = batch.to_pylist()
    except (ValueError, OverflowError):
        for offset in range(batch.num_rows):
            yield _convert_one(batch.slice(offset, 1), f"{where}:row {position + offset + 1}")
        return
    for offset, values in enumerate(rows, start=1):
        yield Row(values, f"{where}:row {position + offset}")


def _convert_one(batch: pyarrow.RecordBatch, place: str) -> Record:
    try:
        return Row(batch.to_pylist()[0], place)
    except (ValueError, OverflowError) as error:
        return Rejected(place, f"a value cannot be read: {str(error)[:120]}")
