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
COMMON_SHARE = 0.8
ENOUGH_CHARACTERS = 8
UTF8_MARK = b"\xef\xbb\xbf"
MARKS = ((UTF8_MARK, "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
# What text in an older encoding is mostly made of. Two-byte encodings keep their common
# characters in certain rows, so these are told by bytes; the others by the letters they give.
COMMON_BYTES = {
    "gb18030": re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa1-\xc6][\x40-\xfe]"),
    "euc_kr": re.compile(rb"[\xa1-\xa3\xb0-\xc8][\xa1-\xfe]"),
}
COMMON_LETTERS = {
    "shift_jis": re.compile("[\u3000-\u30ff]|[\u4e00-\u9fff]+(?=[\u3000-\u30ff])|(?<=[\u3000-\u30ff])[\u4e00-\u9fff]+"),
    "cp1252": re.compile(
        "(?<=[A-Za-z])[\xdf-\xef\xf1-\xf6\xf8-\xfd]+|[\xdf-\xef\xf1-\xf6\xf8-\xfd](?=[A-Za-z ])"
        "|(?<![a-z])[\xc0-\xd6\xd8-\xdc](?=[A-Za-z])"
        "|[\u2013-\u201e\u2026\u20ac\u2122\xa0\xa1\xa3\xa7\xa9\xab\xae\xb0\xb7\xbb\xbf]"
    ),
    "cp1251": re.compile("(?<![A-Za-z])[\u0401\u0410-\u044f\u0451]{2,}(?![A-Za-z])|[\u2013-\u201e\xab\xbb]"),
}


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
    return guess_encoding(sample)


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
    if not head or max(even, odd) * 20 < len(head) or min(even, odd) * 20 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def guess_encoding(sample: bytes) -> tuple[str, str]:
    """UTF-8 if most lines of a sample agree, otherwise the older encoding that reads best; and why."""
    lines = [line for line in re.split(rb"[\r\n]+", sample) if not line.isascii()]
    if not lines:
        return "utf-8", "plain ASCII so far"
    valid = sum(_is_utf8(line) for line in lines)
    if valid * 2 >= len(lines):
        return "utf-8", f"{valid} of {len(lines)} sampled lines are valid"
    text = b"\n".join(lines)
    plausible = [name for name in (*COMMON_BYTES, *COMMON_LETTERS) if _share_common(text, name) >= COMMON_SHARE]
    if not plausible:
        return "utf-8", "no other encoding reads it"
    if len(plausible) > 1 and sum(byte > 127 for byte in text) >= 2 * ENOUGH_CHARACTERS:
        best = from_bytes(text, cp_isolation=plausible).best()
        plausible = [best.encoding] if best else plausible
    return plausible[0], f"detected in {len(lines)} sampled lines that are not UTF-8"


def _share_common(text: bytes, encoding: str) -> float:
    """How much of what is not ASCII is common in an encoding; 0 when it cannot be read in it."""
    try:
        foreign = [character for character in text.decode(encoding) if not character.isascii()]
    except UnicodeDecodeError:
        return 0.0
    if encoding in COMMON_BYTES:
        found = sum(bool(COMMON_BYTES[encoding].fullmatch(character.encode(encoding))) for character in foreign)
    else:
        found = sum(len(run) for run in COMMON_LETTERS[encoding].findall(text.decode(encoding)))
    return found / len(foreign)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
