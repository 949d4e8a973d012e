"""How often an alarm may be false, as people say it, turned into the p-value from which it is one.

A budget counts alarms per time; a test answers with a chance per look. Between them stands the
number of looks that can each raise an alert of its own (``Grid.tests_per_day``). Counts are whole
numbers and no alert rests on fewer than a few stories, so a topic of which little is written stays
below its budget; one whose news is livelier than its history told may exceed it. ``tune`` finds on
quiet history which of the two it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ConfigError

LARGEST_LEVEL = 0.05
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}
KINDS = ("topic", "company", "overall")
_CLAUSE = re.compile(
    rf"(?P<count>\d+(?:\.\d+)?)\s+per\s+(?:(?P<kind>{'|'.join(KINDS)}|series)\s+per\s+)?(?P<period>{'|'.join(_DAYS)})"
)


@dataclass(frozen=True, slots=True)
class Budget:
    """False alarms that are allowed.

    Attributes:
        per_day: For each series of a kind (``topic``, ``company``, ``overall``), per day.
        together_per_day: For all series together, per day; None: not limited.
    """

    per_day: Mapping[str, float]
    together_per_day: float | None

    def alarms_per_day(self, series: str, series_count: int) -> float:
        """False alarms that one series may raise in a day.

        Args:
            series: Its name: ``overall``, ``topic:NAME`` or ``company:NAME``.
            series_count: How many series share what is allowed for all together.
        """
        own = self.per_day.get(series.partition(":")[0])
        shared = None if self.together_per_day is None else self.together_per_day / max(1, series_count)
        return min(rate for rate in (own, shared) if rate is not None)

    def level(self, series: str, series_count: int, tests_per_day: float) -> float:
        """The largest p-value that is an alarm.

        By Bonferroni over the looks that count: the expected number of false alarms is their number times this.

        Args:
            series: Name of the series.
            series_count: How many series there are.
            tests_per_day: How often it is tested in a day, over all scales and kinds.
        """
        return min(LARGEST_LEVEL, self.alarms_per_day(series, series_count) / tests_per_day)


def parse_budget(text: str) -> Budget:
    """Read a budget such as ``1 per topic per month, 2 per company per year``.

    A clause without a kind (``3 per month``) holds for all series together; a kind that no clause
    names is held to the first clause that is about single series.

    Raises:
        ConfigError: A clause is not understood, names a kind twice, or allows nothing.

    >>> budget = parse_budget("1 per topic per month, 2 per company per year")
    >>> round(budget.alarms_per_day("company:ACME", 9) * 365.25, 6)
    2.0
    >>> round(parse_budget("3 per month").alarms_per_day("topic:banks", 6) * 365.25 / 12, 6)
    0.5
    """
    rates: dict[str, float] = {}
    for clause in text.split(","):
        found = _CLAUSE.fullmatch(clause.strip().lower())
        kind = found["kind"] or "together" if found else ""
        if found is None or kind in rates or float(found["count"]) == 0:
            raise ConfigError(
                "two budgets of one kind" if kind in rates else "not a budget of false alarms",
                where="alert.budget",
                got=clause.strip(),
                expected="such as 1 per topic per month, 2 per company per year, or 3 per month for all together",
            )
        rates[kind] = float(found["count"]) / _DAYS[found["period"]]
    together = rates.pop("together", None)
    usual = rates.get("series", next(iter(rates.values()), None))
    return Budget({kind: rate for kind in KINDS if (rate := rates.get(kind, usual)) is not None}, together)
