"""Which files a source names, and whether they are what their name says.

A file that is something else (a workbook, an archive, a web page) is recognised by its first
bytes and never opened further: a compressed file is not decompressed to find out.
"""

from __future__ import annotations

import difflib
import stat
import zipfile
from pathlib import Path

from core.errors import DataError

TEXT_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
ENDINGS = (*TEXT_ENDINGS, ".parquet")
SAVE_AS_CSV = "open it and save it as CSV (UTF-8)"
UNPACK = "unpack it first"

# First bytes -> what it is, and what to do.
SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"%PDF", "a PDF document", "export its table as CSV"),
    (b"\x89PNG", "a PNG image", "give the text as CSV or JSONL"),
    (b"\xff\xd8\xff", "a JPEG image", "give the text as CSV or JSONL"),
    (b"GIF8", "a GIF image", "give the text as CSV or JSONL"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls, .doc)", SAVE_AS_CSV),
    (b"\x89HDF", "an HDF5 file", "export it as Parquet"),
    (b"\x80\x04\x95", "a Python pickle", "export it as JSONL; pickles are never opened"),
    (b"\x80\x05\x95", "a Python pickle", "export it as JSONL; pickles are never opened"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "save it as UTF-8"),
    (b"\x00\x00\xfe\xff", "UTF-32 text", "save it as UTF-8"),
    (b"<!doctype html", "a web page", "download the data file itself"),
    (b"<html", "a web page", "download the data file itself"),
)


def find_path(source: str) -> Path:
    """The file or folder that a source names.

    Raises:
        DataError: There is none; the message suggests names that are close.
    """
    path = Path(source)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError("no such file or folder", where=source, fix=_suggest(path)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be opened ({_why(error)})", where=source) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DataError("is a device or a pipe, not a file", where=source, fix="use - for standard input")
    return path


def check_file(path: Path) -> None:
    """Make sure that a file can be read and is of a kind that we read.

    Raises:
        DataError: It cannot be opened, or is something else; the message says what.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataError(f"cannot be opened ({_why(error)})", where=str(path)) from None
    if found := _recognise(path, head):
        raise DataError(f"is {found[0]}, not a table", where=str(path), fix=found[1])
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"a file ending in {ending!r} is not read" if ending else "the file name has no ending",
            where=str(path),
            expected=" ".join(ENDINGS),
            fix="rename it to the ending of what it holds",
        )
    is_parquet = head.startswith(b"PAR1")
    if is_parquet and ending != ".parquet":
        raise DataError("is a Parquet file", where=str(path), fix=f"rename it to {path.stem}.parquet")


def list_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """The readable files of a folder in order of name, and the names of what is left out.

    Raises:
        DataError: Nothing in the folder can be read.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot be listed ({_why(error)})", where=str(folder)) from None
    files = [entry for entry in entries if entry.suffix.lower() in ENDINGS and not entry.is_dir()]
    others = [entry.name for entry in entries if entry not in files]
    if not files:
        held = ", ".join(others[:5]) or "nothing"
        what = f"the folder holds no file to read (it holds {held})"
        raise DataError(what, where=str(folder), expected=" ".join(ENDINGS))
    return files, others


def _recognise(path: Path, head: bytes) -> tuple[str, str] | None:
    """What a foreign file is and what to do about it; None when nothing speaks against it."""
    if head.startswith(b"SQLite format 3"):
        return "an SQLite database", f"name a table of it: sqlite:///{path}?table=NAME"
    if head.startswith(b"PK\x03\x04"):
        return _recognise_zip(path)
    lowered = head.lower()
    for signature, name, fix in SIGNATURES:
        if head.startswith(signature) or lowered.startswith(signature):
            return name, fix
    return None


def _recognise_zip(path: Path) -> tuple[str, str]:
    """A zip file's kind, by the names in its directory; nothing in it is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", SAVE_AS_CSV
    if any(name.startswith("word/") for name in names):
        return "a Word document", SAVE_AS_CSV
    return "a zip archive", UNPACK


def _suggest(path: Path) -> str:
    """The names next to a missing path that are spelled nearly the same."""
    parent = path.parent
    try:
        names = [entry.name for entry in parent.iterdir()]
    except OSError:
        return f"the folder {parent} does not exist" if not parent.exists() else ""
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    return "did you mean " + " or ".join(str(parent / name) for name in close) + "?" if close else ""


def _why(error: Exception) -> str:
    """The reason of an operating-system error without its path."""
    return (error.strerror or "error") if isinstance(error, OSError) else str(error)
