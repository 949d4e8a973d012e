"""In which encoding a text file is written, told from a sample of it.

A file with a few broken bytes is still UTF-8: its good rows are read and the broken ones
rejected. Only when most of the lines that are not plain ASCII fail as UTF-8 is the file taken
to be in a company's older encoding.
"""

from __future__ import annotations

import re
from pathlib import Path

from charset_normalizer import from_bytes

SAMPLE_BYTES = 65_536
SPREAD_BYTES = 8_192
SPREAD_PLACES = 16
OLDER_ENCODINGS = ["gb18030", "big5", "shift_jis", "euc_kr", "cp1251", "cp1252"]
UTF8_MARK = b"\xef\xbb\xbf"
MARKS = ((UTF8_MARK, "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# Read as cp1252, stray bytes give letters that no Western text holds there.
IMPLAUSIBLE_CP1252 = re.compile(r"[\x80-\x9f¤¦¬¯\xb8\xd7\xf7ðþÿ]|(?<=[a-z])[À-Þ]|[À-ÿ](?=[(\[])")


def detect_encoding(path: Path) -> tuple[str, str]:
    """The encoding of a text file and the reason for it.

    Returns:
        A codec name that reads the file line by line (a mark at its beginning is to be skipped),
        and in a few words why.
    """
    sample = _read_sample(path)
    for mark, encoding in MARKS:
        if sample.startswith(mark):
            return encoding, "byte-order mark"
    if utf16 := _guess_utf16(sample):
        return utf16, "every second byte is zero"
    return _guess_by_lines(sample)


def _read_sample(path: Path) -> bytes:
    """The beginning of a file and whole lines from places spread over the rest of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        if len(head) == size:
            return head
        parts = [head.rpartition(b"\n")[0]]
        for part in range(1, SPREAD_PLACES + 1):
            file.seek(len(head) + (size - len(head)) * part // (SPREAD_PLACES + 1))
            piece = file.read(SPREAD_BYTES)
            parts.append(piece.partition(b"\n")[2].rpartition(b"\n")[0])
    return b"\n".join(parts)


def _guess_utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: zero bytes stand at the even or at the odd places only."""
    head = sample[: SAMPLE_BYTES // 2 * 2]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 20 < len(head) or min(even, odd) * 20 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess_by_lines(sample: bytes) -> tuple[str, str]:
    """UTF-8 if most lines agree, otherwise the older encoding that reads best."""
    lines = [line for line in re.split(rb"[\r\n]+", sample) if not line.isascii()]
    if not lines:
        return "utf-8", "plain ASCII so far"
    valid = sum(_is_utf8(line) for line in lines)
    if valid * 2 >= len(lines):
        return "utf-8", f"{valid} of {len(lines)} sampled lines are valid"
    best = from_bytes(b"\n".join(lines), cp_isolation=OLDER_ENCODINGS).best()
    if best is None or (best.encoding == "cp1252" and IMPLAUSIBLE_CP1252.search(str(best))):
        return "utf-8", "no other encoding reads it"
    return best.encoding, f"detected in {len(lines)} sampled lines that are not UTF-8"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
