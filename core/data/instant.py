"""A point in time out of what people write, always in UTC.

Only forms that can be read in one way are accepted: ``05/03/2024`` is March or May, and so an
error. A time without a zone is taken as UTC, or in the zone that the caller knows it to be in.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from core.errors import shorten

ACCEPTED = "expected a time such as 2024-03-05T09:30:00+08:00, 2024/03/05 09:30 or epoch seconds"
MILLISECONDS_FROM = 10**11
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
# The zone names that RFC 2822 knows, in hours.
ZONES = {"Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
ZONES |= {"MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
CLOCK = (
    r"(?:(?:T|,?\s+|(?<=日)\s*)(?P<hour>\d{1,2})[:时](?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?P<fraction>\.\d{1,9})?|分)?\s*(?P<zone>[A-Za-z]{1,3}|[+-]\d{2}:?\d{2})?)?"
)
FORMS = tuple(
    re.compile(form + CLOCK, re.ASCII)
    for form in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日",
        r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>\d{1,2})[\s-](?P<name>[A-Za-z]{3,9})\.?,?[\s-](?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})",
    )
)


def parse_instant(value: object, zone: tzinfo = UTC) -> datetime:
    """The instant that a value names.

    Args:
        value: ISO 8601 or another common form; epoch seconds or milliseconds as a number or as
            its digits; a date or datetime.
        zone: Where a time that names no zone was written. What the clocks there skip is taken
            as if they had not been put forward yet; what they show twice, as the first time.

    Raises:
        ValueError: It names none that is certain; the message shows a form that would.

    >>> parse_instant("2024-03-05T09:30:00+08:00").isoformat()
    '2024-03-05T01:30:00+00:00'
    >>> parse_instant("05 Mar 2024") == parse_instant("20240305") == parse_instant(1709596800)
    True
    """
    try:
        if isinstance(value, datetime):
            return _to_utc(value, zone)
        if isinstance(value, date):
            return _to_utc(datetime(value.year, value.month, value.day), zone)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _parse_number(value, zone)
        if isinstance(value, str):
            return _parse_text(value.strip(), zone)
    except (ValueError, OverflowError, OSError):
        pass
    raise ValueError(f"{shorten(value, 50)} is no time, {ACCEPTED}")


def _parse_number(value: int | float, zone: tzinfo) -> datetime:
    """Epoch seconds or milliseconds; 8 digits are a day such as 20240305."""
    digits = len(str(abs(int(value))))
    if digits == 8 and 1900 <= int(value) // 10_000 < 2200:
        return _parse_text(str(int(value)), zone)
    if not 9 <= digits <= 13 or value < 0:
        raise ValueError
    seconds = value / 1000 if value >= MILLISECONDS_FROM else value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _parse_text(text: str, zone: tzinfo) -> datetime:
    if re.fullmatch(r"\d{9,13}", text, re.ASCII):
        return _parse_number(int(text), zone)
    if re.fullmatch(r"\d{8}|\d{14}", text, re.ASCII):
        return _to_utc(datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%Y%m%d"), zone)
    if re.match(r"\d{4}-\d\d-\d\d", text):
        with suppress(ValueError):
            return _to_utc(datetime.fromisoformat(text), zone)
    for form in FORMS:
        if found := form.fullmatch(text):
            return _build(found.groupdict(), zone)
    raise ValueError


def _build(parts: dict[str, str | None], zone: tzinfo) -> datetime:
    """An instant out of the named parts of a form."""
    name = parts.get("name")
    month = _find_month(name) if name else int(parts["month"] or 0)
    hour, minute, second = (int(parts[unit] or 0) for unit in ("hour", "minute", "second"))
    local = datetime(int(parts["year"] or 0), month, int(parts["day"] or 0), hour, minute, second)
    local += timedelta(seconds=float(parts["fraction"] or 0))
    return _to_utc(local, timezone(_zone_offset(parts["zone"])) if parts["zone"] else zone)


def _find_month(name: str) -> int:
    """The number of a month by its name or the beginning of it; 0 when there is none."""
    return next((number for number, full in enumerate(MONTHS, start=1) if full.startswith(name.lower())), 0)


def _zone_offset(zone: str) -> timedelta:
    """How far a zone is ahead of UTC; a name that is not known for certain is an error."""
    if zone[0] not in "+-":
        if zone.upper() not in ZONES:
            raise ValueError
        return timedelta(hours=ZONES[zone.upper()])
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 15 or minutes > 59:
        raise ValueError
    return (timedelta(hours=hours, minutes=minutes)) * (-1 if zone[0] == "-" else 1)


def _to_utc(moment: datetime, zone: tzinfo) -> datetime:
    """A datetime in UTC; as a plain datetime even where pandas brought its own."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    shifted = moment.astimezone(UTC)
    day, clock = shifted.date(), shifted.time()
    return datetime.combine(date(day.year, day.month, day.day), clock, tzinfo=UTC)
