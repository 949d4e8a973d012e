"""Which files make up an index: one small file that is replaced when everything it names is on the disk.

It must be, byte for byte, what this module writes; so damage anywhere in it is found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import StoreError
from core.index.durable import COPY_AGAIN, Facts, replace_file

FORMAT = 1
MANIFEST = "manifest.json"
LIMIT_BYTES = 64 * 1024**2
_SEGMENT_NAME = re.compile(r"segment-\d{8}-\d+")
_FILE_NAME = re.compile(r"[a-z]+(-[a-z0-9]+)?\.(npy|json|jsonl|faiss)")
_TOMBSTONES_NAME = re.compile(r"tombstones-\d{8}-\d+\.npy")


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment on the disk.

    Attributes:
        name: Of its folder.
        files: What each file in it must be.
        tombstones: Name of the file that says which rows hold no more; None where all do.
        tombstones_facts: What that file must be.
    """

    name: str
    files: Mapping[str, Facts]
    tombstones: str | None = None
    tombstones_facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One generation of an index.

    Attributes:
        generation: Counts up with every switch.
        dimension: Of the vectors; 0 for none.
        encoder: The caller's name for what made the vectors.
        segments: In the order of their age.
    """

    generation: int
    dimension: int
    encoder: str
    segments: tuple[SegmentEntry, ...] = ()

    @property
    def journal(self) -> str:
        """Name of the file with the changes since."""
        return f"journal-{self.generation:08d}"

    def names(self) -> set[str]:
        """All files and folders that belong to it."""
        tombstones = {entry.tombstones for entry in self.segments if entry.tombstones}
        return {MANIFEST, self.journal, *(entry.name for entry in self.segments), *tombstones}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Switch to a generation."""
    replace_file(folder / MANIFEST, _encode(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read the generation that stands.

    Raises:
        StoreError: There is none, it is damaged, or another version wrote it.
    """
    file = folder / MANIFEST
    if not file.is_file() or file.is_symlink():
        raise StoreError("no index: it has no manifest.json", where=str(folder), fix="index your documents first")
    try:
        with file.open("rb") as stream:
            raw = stream.read(LIMIT_BYTES)
        manifest = _decode(json.loads(raw), str(file))
        intact = raw == _encode(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError("the manifest is damaged", where=str(file), got=str(error), fix=COPY_AGAIN) from error
    if not intact:
        raise StoreError("the manifest is damaged", where=str(file), fix=COPY_AGAIN)
    return manifest


def _encode(manifest: Manifest) -> bytes:
    segments = []
    for entry in manifest.segments:
        files = {name: facts.to_json() for name, facts in entry.files.items()}
        struck = entry.tombstones_facts.to_json() if entry.tombstones_facts else None
        segments.append({"name": entry.name, "files": files, "tombstones": entry.tombstones, "struck": struck})
    content = {
        "generation": manifest.generation,
        "dimension": manifest.dimension,
        "encoder": manifest.encoder,
        "segments": segments,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    document = {"format": FORMAT, "sha256": digest, **content}
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _decode(document: dict[str, Any], where: str) -> Manifest:
    if document["format"] != FORMAT:
        raise StoreError("written by another version of fieldkits", where=where, got=document["format"])
    return Manifest(
        int(document["generation"]),
        int(document["dimension"]),
        document["encoder"],
        tuple(_decode_segment(entry) for entry in document["segments"]),
    )


def _decode_segment(entry: dict[str, Any]) -> SegmentEntry:
    tombstones = entry["tombstones"]
    named = [(_SEGMENT_NAME, entry["name"]), *((_FILE_NAME, name) for name in entry["files"])]
    if tombstones is not None:
        named.append((_TOMBSTONES_NAME, tombstones))
    for pattern, name in named:
        if not pattern.fullmatch(name):
            raise ValueError(f"no name of a file of an index: {name}")
    files = {name: Facts(**facts) for name, facts in entry["files"].items()}
    return SegmentEntry(entry["name"], files, tombstones, Facts(**entry["struck"]) if entry["struck"] else None)
