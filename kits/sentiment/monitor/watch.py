"""Which watched companies a text mentions: a gazetteer of names and tickers, English and Chinese.

The longest name that stands at a place is the one that is meant. A Latin name is a mention where
words begin and end, and where it begins with a capital if it does so in the list: ``Shell`` is a
company, ``shell`` is not. A Chinese name may stand anywhere. A ticker counts as it is written; one
of two letters or less, or of digits alone, only beside a mark: ``$F``, ``(600519)``, ``0700.HK``.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, shorten

LIMIT_KEY_CHARACTERS = 200
SHORT_TICKER = 2
START = re.compile(
    r"(?<![A-Za-z0-9\u00c0-\u024f])[A-Za-z0-9\u00c0-\u024f]|[^\x00-\u024f\s]|(?<=\bSH|\bSZ|\bBJ|\bHK)\d"
)
LATIN = re.compile(r"[A-Za-z0-9\u00c0-\u024f]")
MARK_BEFORE = re.compile(r"(?:[$(（\[【]|\b[A-Z]{2,6}\s?[:：]|\b(?:SH|SZ|BJ|HK))\s?$")
MARK_AFTER = re.compile(r"\.(?:[A-Z]{1,3})(?![A-Za-z])|[)）\]】]")
WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}  # full-width forms of ASCII


@dataclass(frozen=True, slots=True)
class Company:
    """A company to watch.

    Attributes:
        names: What it is called, the most usual name first.
        tickers: Under which its shares are traded.
    """

    names: tuple[str, ...]
    tickers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sign:
    """A name or ticker, prepared: as it is compared, and what else must hold."""

    folded: str
    written: str
    company: str
    is_ticker: bool
    is_marked: bool


class WatchList:
    """The companies to watch.

    Args:
        companies: By key, which names the series ``company:KEY``.

    Attributes:
        digest: Of everything in the list, as hexadecimal digits.

    >>> watch = WatchList({"ACME": Company(("Acme Corp", "阿克米"), ("ACM",))})
    >>> watch.find("Acme Corp rises"), watch.find("传阿克米将被收购"), watch.find("acmes and tacme")
    (['ACME'], ['ACME'], [])
    """

    def __init__(self, companies: Mapping[str, Company]) -> None:
        self._companies = dict(companies)
        self._signs: dict[str, list[_Sign]] = {}  # by how they are compared
        lengths: dict[str, set[int]] = {}
        for key, company in companies.items():
            for written, is_ticker in _signs_of(company):
                sign = _make_sign(written, key, is_ticker)
                self._signs.setdefault(sign.folded, []).append(sign)
                lengths.setdefault(sign.folded[:2], set()).add(len(sign.folded))
        self._lengths = {head: sorted(found, reverse=True) for head, found in lengths.items()}
        listed = [[key, company.names, company.tickers] for key, company in sorted(companies.items())]
        self.digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()

    def __len__(self) -> int:
        """How many companies there are."""
        return len(self._companies)

    def name(self, company: str) -> str:
        """What a company is called, by its key."""
        known = self._companies[company]
        return (*known.names, *known.tickers)[0]

    def find(self, text: str) -> list[str]:
        """Keys of the companies that a text mentions, in the order of their first mention."""
        if not self._signs:
            return []
        text = text if text.isascii() else text.translate(WIDE)
        folded = _fold(text)
        found: dict[str, None] = {}
        end = 0
        for start in START.finditer(text):
            place = start.start()
            if place < end:
                continue
            sign = self._find_at(text, folded, place)
            if sign is not None:
                found[sign.company] = None
                end = place + len(sign.folded)
        return list(found)

    def _find_at(self, text: str, folded: str, place: int) -> _Sign | None:
        for head in (folded[place : place + 2], folded[place]):
            for length in self._lengths.get(head, ()):
                for sign in self._signs.get(folded[place : place + length], ()):
                    if _is_mention(sign, text, place):
                        return sign
        return None


def read_watch(path: Path | None) -> WatchList:
    """Read a watch list; without a path it is empty.

    Raises:
        ConfigError: The file cannot be read, or is no list of companies; all faults at once.
    """
    if path is None:
        return WatchList({})
    where = str(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError("cannot read the watch list", where=where, got=error.strerror) from None
    except ValueError as error:  # a TOML or UTF-8 fault; each says its line
        raise ConfigError(f"not valid TOML: {error}", where=where) from None
    faults: list[str] = []
    companies = {key: _read_company(key, table, faults) for key, table in tables.items()}
    faults += _find_shared(companies)
    if faults:
        fix = '[ACME] names = ["Acme Corp"] tickers = ["ACM"]'
        raise ConfigError("; ".join(faults), where=where, fix=f"a company is written so: {fix}")
    return WatchList(companies)


def _read_company(key: str, table: object, faults: list[str]) -> Company:
    if not isinstance(table, dict):
        faults.append(f"{shorten(key)} is no table of names and tickers")
        return Company((), ())
    if unknown := sorted(set(table) - {"names", "tickers"}):
        faults.append(f"[{key}] has no setting {', '.join(map(shorten, unknown))}")
    if not key.strip() or not key.isprintable() or len(key) > LIMIT_KEY_CHARACTERS:
        faults.append(f"[{shorten(key)}] cannot be a key, expected at most {LIMIT_KEY_CHARACTERS} visible characters")
    names, tickers = (_read_texts(key, field, table.get(field, []), faults) for field in ("names", "tickers"))
    if not names and not tickers:
        faults.append(f"[{key}] has neither names nor tickers")
    for name in names:
        if len(name) < 2:
            faults.append(f"[{key}] the name {name!r} has one character only: it would be found everywhere")
    return Company(names, tickers)


def _read_texts(key: str, field: str, values: object, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) and _clean(value) for value in values):
        faults.append(f"[{key}] {field}: got {shorten(values)}, expected a list of texts")
        return ()
    return tuple(_clean(value) for value in values)


def _find_shared(companies: Mapping[str, Company]) -> Iterable[str]:
    """Names and tickers that stand for two companies."""
    owners: dict[tuple[str, bool], str] = {}
    for key, company in companies.items():
        for written, is_ticker in _signs_of(company):
            sign = (written if is_ticker else _fold(written), is_ticker)
            owner = owners.setdefault(sign, key)
            if owner != key:
                yield f"{written!r} stands for [{owner}] and for [{key}]"


def _signs_of(company: Company) -> list[tuple[str, bool]]:
    return [(name, False) for name in company.names] + [(ticker, True) for ticker in company.tickers]


def _make_sign(written: str, company: str, is_ticker: bool) -> _Sign:
    is_marked = is_ticker and (len(written) <= SHORT_TICKER or written.isdigit())
    return _Sign(_fold(written), written, company, is_ticker, is_marked)


def _is_mention(sign: _Sign, text: str, place: int) -> bool:
    end = place + len(sign.folded)
    if LATIN.match(sign.written[-1]) and LATIN.match(text, end):
        return False
    if not sign.is_ticker:
        return text[place].isupper() or not sign.written[0].isupper()
    if text[place:end] != sign.written:
        return False
    before = text[max(0, place - 9) : place]
    return not sign.is_marked or bool(MARK_BEFORE.search(before) or MARK_AFTER.match(text, end))


def _clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _fold(text: str) -> str:
    """In small letters, each at its place: what would become two characters stays as it is."""
    folded = text.lower()
    return folded if len(folded) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
