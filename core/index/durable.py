"""Files that are whole when they have their name: written, synced, and only then renamed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import StoreError

COPY_AGAIN = "copy the whole folder again, or index anew"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file must be: its size and its sha256."""

    bytes: int
    sha256: str

    def to_json(self) -> dict[str, int | str]:
        """As it stands in a manifest."""
        return asdict(self)


def measure_file(file: Path) -> Facts:
    """Size and sha256 of a file."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Facts(stream.tell(), digest)


def verify_file(file: Path, stated: Facts) -> None:
    """Compare a file with what was noted when it was written.

    Raises:
        StoreError: It is a link, or has changed.
        FileNotFoundError: It is not there.
    """
    if file.is_symlink():
        raise StoreError("an index never holds links; it was not followed", where=str(file))
    if file.stat().st_size != stated.bytes or measure_file(file) != stated:
        raise StoreError("a file has changed since the index was written", where=str(file), fix=COPY_AGAIN)


def replace_file(file: Path, content: bytes) -> None:
    """Give a file a new content, so that a crash at any moment leaves the old one or the new one."""
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content)
    sync_path(partial)
    os.replace(partial, file)
    sync_path(file.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder and the files directly in it to the disk."""
    for file in folder.iterdir():
        sync_path(file)
    sync_path(folder)


def sync_path(path: Path) -> None:
    """Bring one file, or the names in one folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
