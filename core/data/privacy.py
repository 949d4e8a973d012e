"""Personal data in text: found, and replaced by the name of its kind.

Everything that has a check digit is checked (cards by Luhn, IBANs by mod 97, Chinese identity
numbers by GB 11643), and a number that is money, a quantity or a code is left alone: financial
text is full of long numbers.

Not found: names, postal addresses, 15-digit Chinese identity numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date

KINDS = ("email", "iban", "cn_id", "card", "cn_mobile", "phone")

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}"
    r"(?![A-Za-z0-9-])"
)
IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?= ?[A-Z0-9])")
CN_ID = re.compile(r"(?<![A-Za-z0-9.])[1-9]\d{16}[\dXx](?![A-Za-z0-9])", re.ASCII)
CARD = re.compile(
    r"(?<![A-Za-z0-9])(?<!\d[.,-])"
    r"(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{5})"
    r"(?![A-Za-z0-9])(?![.,-]\d)",
    re.ASCII,
)
# The beginnings that card networks use, by length.
CARD_STARTS = {
    13: re.compile("4"),
    14: re.compile("3(?:0[0-5]|[689])"),
    15: re.compile("3[47]"),
    16: re.compile("4|5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720)|6(?:011|4[4-9]|5|2)|35(?:2[89]|[3-8])"),
    17: re.compile("62"),
    18: re.compile("62"),
    19: re.compile("4|62"),
}
CN_MOBILE = re.compile(
    r"(?<![A-Za-z0-9+])(?<!\d[.,-])"
    r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:\d{8}|([ -])\d{4}\1\d{4})(?![A-Za-z0-9])(?![.,-]\d)",
    re.ASCII,
)
PHONE = re.compile(
    r"(?<![A-Za-z0-9+])(?<!\d[.,-])(?:"
    r"\+[1-9]\d*+(?:[ .-]?\(?\d++\)?){0,6}"  # international
    r"|\([2-9]\d{2}\) ?[2-9]\d{2}[- .]\d{4}|(?:[2-9](?!00)\d{2}|800)([-.])[2-9]\d{2}\1\d{4}"  # North America
    r"|\(?0(?:10|2\d|[3-9]\d{2})\)?[- ]?\d{7,8}|\(?0(?:10|2\d|[3-9]\d{2})\)?[- ]\d{4} \d{4}"  # China
    r"|[48]00-\d{3}-?\d{4}|[48]00-\d{4}-\d{3}"  # free of charge
    r"|0\d{2,4} \d{3,4} \d{3,4}"  # Britain and others
    r")(?![A-Za-z0-9])(?![.,-]\d)",
    re.ASCII,
)
NORTH_AMERICA = re.compile(r"1[2-9]\d{2}[2-9]\d{6}")
# A number next to one of these is money or a quantity.
CURRENCY_BEFORE = re.compile(r"(?:[$€£¥￥₩₹]|\b(?:USD|CNY|RMB|EUR|GBP|HKD|JPY))\s?[+-]?$")
UNIT_AFTER = re.compile(
    r"\s?(?:[%‰€£¥元股手万亿份吨]|美元|港元|(?:shares?|units?|lots?|contracts?|dollars?|yuan|euros?|pounds?"
    r"|million|billion|bps|USD|CNY|RMB|EUR|GBP|HKD|JPY)\b)",
    re.IGNORECASE,
)
CN_PROVINCES = frozenset(
    [
        *range(11, 16),
        *range(21, 24),
        *range(31, 38),
        *range(41, 47),
        *range(50, 55),
        *range(61, 66),
        71,
        81,
        82,
        83,
    ]
)
CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
IBAN_LENGTHS = {
    name: int(length)
    for name, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22"
        "GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19"
        "MR27MT31MU30NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29"
        "VA22VG24XK20",
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A stretch of text that is personal.

    Attributes:
        kind: One of ``KINDS``.
        start: Its first character.
        end: The one after its last.
    """

    kind: str
    start: int
    end: int


def find_personal(text: str, kinds: Collection[str] = KINDS) -> list[Finding]:
    """Personal data in a text, in order; no two findings overlap.

    >>> find_personal("mail ann@example.com")
    [Finding(kind='email', start=5, end=20)]
    """
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(f"no such kind of personal data: {sorted(unknown)}, expected some of {KINDS}")
    findings: list[Finding] = []
    is_taken = bytearray(len(text))
    for kind in KINDS:  # the surer kinds first
        for start, end in FINDERS[kind](text) if kind in kinds else ():
            if not any(is_taken[start:end]):
                is_taken[start:end] = b"\x01" * (end - start)
                findings.append(Finding(kind, start, end))
    return sorted(findings, key=lambda finding: finding.start)


def redact(text: str, kinds: Collection[str] = KINDS) -> str:
    """Replace personal data by the name of its kind; doing it twice changes nothing more.

    >>> redact("Call 13800138000 or mail ann@example.com")
    'Call [CN_MOBILE] or mail [EMAIL]'
    """
    while findings := find_personal(text, kinds):  # each pass takes digits or an @ away: it ends
        parts, position = [], 0
        for finding in findings:
            parts += [text[position : finding.start], f"[{finding.kind.upper()}]"]
            position = finding.end
        text = "".join([*parts, text[position:]])
    return text


def _find_emails(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in EMAIL.finditer(text)) if "@" in text else iter(())


def _find_ibans(text: str) -> Iterator[tuple[int, int]]:
    for found in IBAN_START.finditer(text):
        length = IBAN_LENGTHS.get(found[0][:2])
        if not length:
            continue
        body = re.compile(rf"(?:[A-Z0-9] ?){{{length - 1}}}[A-Z0-9](?![A-Za-z0-9])").match(text, found.start())
        if body and _is_iban(body[0].replace(" ", "")):
            yield body.span()


def _find_cn_ids(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in CN_ID.finditer(text) if _is_cn_id(found[0].upper()))


def _find_cards(text: str) -> Iterator[tuple[int, int]]:
    for found in CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        starts = CARD_STARTS.get(len(digits))
        if starts and starts.match(digits) and _is_luhn(digits) and not _is_quantity(text, *found.span()):
            yield found.span()


def _find_cn_mobiles(text: str) -> Iterator[tuple[int, int]]:
    return (found.span() for found in CN_MOBILE.finditer(text) if not _is_quantity(text, *found.span()))


def _find_phones(text: str) -> Iterator[tuple[int, int]]:
    for found in PHONE.finditer(text):
        written = found[0]
        if written.startswith("+"):
            written = _cut_international(written)
        if written and not _is_quantity(text, found.start(), found.start() + len(written)):
            yield found.start(), found.start() + len(written)


def _is_quantity(text: str, start: int, end: int) -> bool:
    """Whether a number is money or a count, by what stands next to it."""
    return bool(CURRENCY_BEFORE.search(text[max(0, start - 6) : start]) or UNIT_AFTER.match(text, end))


def _cut_international(written: str) -> str:
    """A number after + without the groups of digits too many at its end; empty when it is none."""
    while True:
        digits = re.sub(r"\D", "", written)
        is_phone = NORTH_AMERICA.fullmatch(digits) if digits[0] == "1" else 10 <= len(digits) <= 15
        if is_phone and not digits.endswith("00000"):
            return written
        written = re.sub(r"[ .-]?\(?\d+\)?$", "", written)
        if len(written) < 2:
            return ""


def _is_luhn(digits: str) -> bool:
    """The check digit of payment cards.

    >>> _is_luhn("4111111111111111"), _is_luhn("4111111111111112")
    (True, False)
    """
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


def _is_iban(code: str) -> bool:
    """ISO 13616: the country's code and check digits moved to the end, the rest mod 97 is 1."""
    return int("".join(str(int(character, 36)) for character in code[4:] + code[:4])) % 97 == 1


def _is_cn_id(code: str) -> bool:
    """GB 11643: a province, a day of birth and a check character."""
    try:
        born = date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(code[:17], CN_WEIGHTS, strict=True))
    return int(code[:2]) in CN_PROVINCES and 1900 <= born.year <= 2099 and code[17] == "10X98765432"[total % 11]


FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "email": _find_emails,
    "iban": _find_ibans,
    "cn_id": _find_cn_ids,
    "card": _find_cards,
    "cn_mobile": _find_cn_mobiles,
    "phone": _find_phones,
}
