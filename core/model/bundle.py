"""The model folder: plain files, every byte of them accounted for by a manifest.

A bundle holds no pickle and no code. It is written aside and renamed into place. Reading it
first checks that the folder holds exactly the files that a bundle may hold, that none is a link,
and that each has the size and sha256 that the manifest states; the manifest itself must be, byte
for byte, what this module writes. So damage anywhere is found, and nothing unexpected is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigError, ModelError
from core.model.backbone import file_sha256

FORMAT = 1
MANIFEST = "manifest.json"
SETTINGS = "bundle.json"
_SMALL_FILE_BYTES = 64 * 1024**2
_LINEAR_FILES = ("vocabulary.json", "weights.safetensors")
_RECOMMENDER_FILES = (
    "items.jsonl",
    "vectors.safetensors",
    "towers.safetensors",
    "ranker.txt",
    "newcomers.txt",
    "counters.safetensors",
    "users.json",
    "users.safetensors",
)
_LATENT_FILES = ("latent.json", "latent.safetensors")
_ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json", "heads.safetensors")
FILES = frozenset(
    [
        MANIFEST,
        SETTINGS,
        "labels.json",
        "calibration.json",
        "config.toml",
        "metrics.json",
        "rows.json",
        "report.html",
        "README.md",
        "probe/heads.safetensors",
        *_RECOMMENDER_FILES,
        *(f"model/{name}" for name in (*_ENCODER_FILES, *_LINEAR_FILES)),
        *(f"tfidf/{name}" for name in (*_LINEAR_FILES, *_LATENT_FILES)),
        *(f"match/{name}" for name in (*_ENCODER_FILES, *_LATENT_FILES, "overlap.json")),
        "scope/scope.json",
        "scope/neighbours.safetensors",
    ]
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a checked bundle states about itself.

    Attributes:
        version: First 12 digits of the sha256 over all files: tells one model from another.
        files: Relative name to ``{"sha256": ..., "bytes": ...}``.
    """

    version: str
    files: dict[str, dict[str, Any]]


@contextmanager
def new_bundle(folder: Path) -> Iterator[Path]:
    """Write a bundle so that it appears complete, or not at all.

    Yields:
        A folder aside to write the files into. When the block ends without an error the manifest
        is added and the folder takes the place of ``folder``, replacing an older bundle there.

    Raises:
        ConfigError: ``folder`` exists and is something other than a bundle.
    """
    check_target(folder)
    with replace_folder(folder) as partial:
        yield partial
        _seal(partial)


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """Write a folder so that it appears complete, or not at all.

    Yields:
        A folder aside to write the files into. When the block ends without an error it takes the place of ``folder``
        and of all that was there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, old = folder.with_name(f".{folder.name}.partial"), _set_aside(folder)
    _put_back(old, folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        _put_back(old, folder)
        shutil.rmtree(partial, ignore_errors=True)


def check_target(folder: Path) -> None:
    """Refuse to write a bundle where something else stands.

    Raises:
        ConfigError: ``folder`` is a file, or a folder that is neither empty nor a bundle.
    """
    if folder.name in ("", ".."):
        raise ConfigError("names no folder of its own", where="--out", got=str(folder), fix="name a new folder")
    if folder.exists() and not _may_be_replaced(folder):
        raise ConfigError(
            "is in use by something that is no model folder", where="--out", got=str(folder), fix="name a new folder"
        )


def _may_be_replaced(folder: Path) -> bool:
    """Whether a folder is empty, or holds a bundle (which may be damaged) and nothing beside it."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    if not (folder / MANIFEST).is_file():
        return not any(folder.iterdir())
    try:  # other software has a manifest.json, too
        return {MANIFEST, SETTINGS} <= _list_files(folder) <= FILES
    except ModelError:
        return False


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _put_back(old: Path, folder: Path) -> None:
    """Undo the first of the two renames that replace a bundle, where the second never came."""
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def verify_bundle(folder: Path) -> Manifest:
    """Check every file of a bundle before any of them is used.

    Raises:
        ModelError: The folder is no bundle, or a file is absent, added, a link, or changed.
    """
    manifest = _read_manifest(folder)
    found = _list_files(folder)
    stated = set(manifest.files)
    for name in sorted((found - {MANIFEST} | stated) - (FILES - {MANIFEST})):
        raise ModelError("a bundle never holds such a file; it was not opened", where=str(folder), got=name)
    if found - {MANIFEST} != stated:
        absent, added = sorted(stated - found), sorted(found - stated - {MANIFEST})
        what = f"a file is missing: {absent[0]}" if absent else f"a file was added: {added[0]}"
        raise ModelError(what, where=str(folder), fix="copy the whole folder again, or train anew")
    for name, facts in manifest.files.items():
        file = folder / name
        if file.stat().st_size != facts["bytes"] or file_sha256(file) != facts["sha256"]:
            raise ModelError(
                "a file has changed since the model was written",
                where=str(file),
                fix="copy the whole folder again, or train anew",
            )
    return manifest


def read_document(folder: Path, name: str) -> Any:
    """Read one JSON file of a verified bundle.

    Raises:
        ModelError: It is not there, too large, or not JSON.
    """
    file = folder / name
    try:
        if file.stat().st_size > _SMALL_FILE_BYTES:
            raise ValueError("larger than any such file is")
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("not a usable file of a bundle", where=str(file), got=str(error)) from error


def write_document(folder: Path, name: str, value: Any) -> None:
    """Write one JSON file of a bundle."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / name).write_text(text + "\n", encoding="utf-8")


def _seal(folder: Path) -> None:
    names = sorted(_list_files(folder))
    strange = [name for name in names if name not in FILES]
    if strange:
        raise ValueError(f"not a file of a bundle: {strange}")
    files = {n: {"bytes": (folder / n).stat().st_size, "sha256": file_sha256(folder / n)} for n in names}
    (folder / MANIFEST).write_bytes(_manifest_bytes(files))
    for name in (*names, MANIFEST):
        descriptor = os.open(folder / name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _manifest_bytes(files: dict[str, dict[str, Any]]) -> bytes:
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    document = {"format": FORMAT, "version": digest, "files": files}
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _read_manifest(folder: Path) -> Manifest:
    file = folder / MANIFEST
    if not folder.is_dir():
        killed = _set_aside(folder).is_dir() if folder.name else False
        fix = f"a run was killed while it replaced the model: move {_set_aside(folder)} there" if killed else ""
        raise ModelError("no such model folder", where="--model", got=str(folder), fix=fix)
    if not file.is_file() or file.is_symlink():
        raise ModelError("no model: it has no manifest.json", where=str(folder), fix="name a folder written by train")
    try:
        raw = file.read_bytes()[:_SMALL_FILE_BYTES]
        document = json.loads(raw)
        if document["format"] != FORMAT:
            raise ModelError("written by another version of fieldkits", where=str(file), got=document["format"])
        files = document["files"]
        intact = raw == _manifest_bytes(files) and all(
            set(facts) == {"bytes", "sha256"} and isinstance(facts["bytes"], int) for facts in files.values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError("the manifest is damaged", where=str(file), got=str(error)) from error
    if not intact:
        raise ModelError("the manifest is damaged", where=str(file), fix="copy the whole folder again, or train anew")
    return Manifest(document["version"][:12], files)


def _list_files(folder: Path) -> set[str]:
    """Relative names of all files, refusing links and everything that is neither file nor folder."""
    names = set()
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                name = Path(entry.path).relative_to(folder).as_posix()
                if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                    raise ModelError("a bundle never holds links; it was not followed", where=str(folder), got=name)
                if entry.is_dir():
                    pending.append(Path(entry.path))
                else:
                    names.add(name)
    return names
