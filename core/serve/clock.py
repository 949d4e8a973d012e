"""Instants as a reader sees them: in their own zone and language, and no longer than needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from markupsafe import Markup
from starlette.requests import Request

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}


def choose_zone(request: Request) -> tzinfo:
    """The zone that the reader's browser has named in a cookie; UTC if it has not, or names none."""
    return _zone(request.cookies.get("zone", "")[:64])


@cache
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, KeyError):  # no such zone, or no table of zones on this machine
        return UTC


def show_day(at: datetime, language: str) -> str:
    """A day without its year.

    >>> show_day(datetime(2025, 6, 12), "en"), show_day(datetime(2025, 6, 12), "zh")
    ('12 Jun', '6月12日')
    """
    return f"{at.month}月{at.day}日" if language == "zh" else f"{at.day} {_MONTHS[at.month - 1]}"


def show_weekday(at: datetime, language: str) -> str:
    """The name of a day of the week, short."""
    return _DAYS["zh" if language == "zh" else "en"][at.weekday()]


def show_offset(at: datetime) -> str:
    """The zone of an instant.

    >>> show_offset(datetime(2025, 6, 12, tzinfo=UTC))
    'UTC'
    """
    offset = at.utcoffset()
    minutes = round(offset.total_seconds() / 60) if offset is not None else 0
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def time_shower(language: str, zone: tzinfo, now: datetime) -> Callable[..., Markup]:
    """Makes the function by which templates show instants.

    Args:
        language: ``en`` or ``zh``.
        zone: The reader's.
        now: Today's instants are shown without their day, this year's without their year.

    Returns:
        A function of an instant; its day is left out if it goes without saying (``is_recent``), or
        is that of the instant shown before it (``after``).
    """
    today = now.astimezone(zone)

    def show(at: datetime | None, is_recent: bool = False, after: datetime | None = None) -> Markup:
        if at is None:
            return Markup('<span class="none">–</span>')
        here = at.astimezone(zone)
        clock = f"{here:%H:%M}"
        day = show_day(here, language)
        if here.year != today.year:
            day = f"{here.year}年{day}" if language == "zh" else f"{day} {here.year}"
        said = today if after is None else after.astimezone(zone)
        shown = clock if is_recent or here.date() == said.date() else f"{day} {clock}"
        full = f"{here:%Y-%m-%d %H:%M:%S} {show_offset(here)}"
        iso = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, full, shown)

    return show
