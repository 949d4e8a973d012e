"""The frontier as a chart: variety to the right, kept score upwards, one mark for each trade-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kits.recommender.config import DiversifyConfig
from kits.recommender.listing.frontier import Point

MARGIN, ROOM_PERCENT = 0.08, 9.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A trade-off on the chart, in percent of its width and height; only some have room for a label."""

    x: float
    y: float
    label: str
    is_set: bool
    is_labelled: bool
    point: Point


@dataclass(frozen=True, slots=True)
class Chart:
    """The frontier.

    Attributes:
        path: Through the marks, in a box of 100 by 100.
        marks: The trade-offs.
        across: Name of what grows to the right: ``diversity`` or ``calibration``.
        low_x: Value at the left end; ``high_x`` at the right one, and likewise upwards.
        high_x: See above.
        low_y: See above.
        high_y: See above.
    """

    path: str
    marks: tuple[Mark, ...]
    across: str
    low_x: float
    high_x: float
    low_y: float
    high_y: float


def draw_frontier(points: Sequence[Point], settings: DiversifyConfig) -> Chart:
    """Draw the frontier; what it is drawn over depends on what the method is after."""
    is_calibrated = settings.method == "calibrated"
    across = [-point.miscalibration if is_calibrated else point.diversity for point in points]
    upwards = [point.kept for point in points]
    low_x, high_x = _ends(across)
    low_y, high_y = _ends(upwards)
    nearest = min(points, key=lambda point: abs(point.trade_off - settings.trade_off))
    spots = [
        (round(100 * (x - low_x) / (high_x - low_x), 2), round(100 - 100 * (y - low_y) / (high_y - low_y), 2))
        for x, y in zip(across, upwards, strict=True)
    ]
    at = spots[points.index(nearest)]
    marks = []
    for number, (point, (x, y)) in enumerate(zip(points, spots, strict=True)):
        is_set, is_near = point is nearest, abs(x - at[0]) < ROOM_PERCENT and abs(y - at[1]) < ROOM_PERCENT
        is_labelled = is_set or (number % 2 == 0 and not is_near)
        marks.append(Mark(x, y, f"{point.trade_off:g}", is_set, is_labelled, point))
    path = "M" + "L".join(f"{mark.x} {mark.y}" for mark in marks)
    return Chart(path, tuple(marks), "calibration" if is_calibrated else "diversity", low_x, high_x, low_y, high_y)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = MARGIN * (high - low) or 0.05
    return low - room, high + room
