"""The hours in which only critical alerts are sent, on the clock of the people who sleep then."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import ConfigError

_FORM = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s+(\S+)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a time of day to another, which may be on the next day.

    Attributes:
        start: On the wall clock.
        end: On the wall clock.
        zone: Of the wall clock.
    """

    start: time
    end: time
    zone: ZoneInfo

    def covers(self, at: datetime) -> bool:
        """Whether an instant lies in them."""
        now = at.astimezone(self.zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def end_after(self, at: datetime) -> datetime:
        """When the quiet hours that cover an instant end, in UTC.

        An end that the clocks jump over in spring comes when they have jumped.
        """
        local = at.astimezone(self.zone)
        day = local.date() if local.time() < self.end else local.date() + timedelta(days=1)
        return datetime.combine(day, self.end, tzinfo=self.zone).astimezone(UTC)


def parse_quiet_hours(text: str) -> QuietHours:
    """Read ``22:00-07:00 Europe/London``.

    Raises:
        ConfigError: It is not such a text, or there is no such zone.

    >>> quiet = parse_quiet_hours("22:00-07:00 Asia/Shanghai")
    >>> quiet.covers(datetime(2026, 1, 5, 15, 0, tzinfo=UTC))
    True
    >>> quiet.end_after(datetime(2026, 1, 5, 15, 0, tzinfo=UTC)).isoformat()
    '2026-01-05T23:00:00+00:00'
    """
    found = _FORM.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError("not of this form")
        start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
        zone = ZoneInfo(found[5])
        if start == end:
            raise ValueError("no time between start and end")
    except (ValueError, KeyError, OSError) as error:  # an unknown zone is a KeyError, a folder's name an OSError
        what, expected = f"not quiet hours: {error}", "such as 22:00-07:00 Europe/London"
        raise ConfigError(what, where="alert.quiet_hours", got=text, expected=expected) from error
    return QuietHours(start, end, zone)
