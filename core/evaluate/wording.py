"""Numbers as a reader wants them: percent, intervals, times and sizes."""

from __future__ import annotations

from core.evaluate.bootstrap import Interval
from core.evaluate.texts import Language, texts_in

LOWER_IS_BETTER = frozenset({"hamming", "log_loss", "brier", "ece"})
PERCENT = frozenset(
    {
        "accuracy",
        "macro_f1",
        "micro_f1",
        "micro_precision",
        "micro_recall",
        "balanced_accuracy",
        "subset_accuracy",
        "hamming",
        "ece",
    }
)


def metric_name(metric: str, language: Language) -> str:
    """The name of a metric in a language; one that we have no words for keeps its own."""
    return texts_in(language).get(metric, metric)


def percent(value: float, language: Language = "en") -> str:
    """A share in percent with one decimal; Chinese sets no space before the sign.

    >>> percent(0.8714), percent(0.8714, "zh")
    ('87.1 %', '87.1%')
    """
    return f"{100 * value:.1f}%" if language == "zh" else f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of shares in percentage points, with a true minus sign.

    >>> points(-0.0312)
    '−3.1'
    """
    return f"{100 * value:.1f}".replace("-", "−")


def scored(metric: str, value: float | None, language: Language = "en") -> str:
    """One score as text: percent for shares, three decimals for the rest, a dash for none.

    >>> scored("accuracy", 0.9), scored("roc_auc", 0.9), scored("roc_auc", None)
    ('90.0 %', '0.900', '–')
    """
    if value is None:
        return "–"
    return percent(value, language) if metric in PERCENT else f"{value:.3f}"


def bounds(metric: str, interval: Interval | None) -> str:
    """An interval without brackets or unit; empty for none.

    >>> bounds("accuracy", Interval(0.8594, 0.882))
    '85.9–88.2'
    """
    if interval is None:
        return ""
    if metric in PERCENT:
        return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"
    return f"{interval.low:.3f}–{interval.high:.3f}"


def with_interval(metric: str, value: float, interval: Interval | None, language: Language = "en") -> str:
    """A score and, in brackets, its interval.

    >>> with_interval("accuracy", 0.871, Interval(0.859, 0.882))
    '87.1 % (85.9–88.2)'
    """
    text = scored(metric, value, language)
    if interval is None:
        return text
    left, right = ("（", "）") if language == "zh" else (" (", ")")
    return f"{text}{left}{bounds(metric, interval)}{right}"


def seconds(value: float | None) -> str:
    """A duration in the units that one would say.

    >>> [seconds(v) for v in (0.42, 16, 252, 5400)]
    ['0.4 s', '16 s', '4 min 12 s', '1 h 30 min']
    """
    if value is None:
        return "–"
    whole = round(value)
    if value < 10:
        return f"{value:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rate(value: float | None) -> str:
    """A learning rate.

    >>> rate(0.0002), rate(0.0), rate(None)
    ('2.0e-04', '0', '–')
    """
    if value is None:
        return "–"
    return f"{value:.1e}" if value else "0"


def megabytes(value: float | None) -> str:
    """A size on disk.

    >>> megabytes(87.34), megabytes(2150)
    ('87 MB', '2.1 GB')
    """
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value / 1000:.1f} GB"
    return f"{value:.0f} MB" if value >= 10 else f"{value:.1f} MB"


def parameters(value: int | None, language: Language = "en") -> str:
    """A number of parameters in the language's own large units.

    >>> parameters(22_713_216), parameters(22_713_216, "zh"), parameters(384)
    ('22.7 million', '2271 万', '384')
    """
    if value is None:
        return "–"
    units = ((1e8, "亿"), (1e4, "万")) if language == "zh" else ((1e9, "billion"), (1e6, "million"))
    for unit, name in units:
        if value >= unit:
            return f"{value / unit:.4g} {name}" if language == "zh" else f"{value / unit:.1f} {name}"
    return f"{value:,}"
