"""What another policy would have earned, from a log whose choices were drawn with known probabilities.

Three estimates of the mean reward, each with an interval from resampled users: by inverse propensity,
the same normalised by its weights (less noisy, slightly biased), and doubly robust (right if either the
propensities or the predicted rewards are).

Source: Horvitz and Thompson 1952; Swaminathan and Joachims 2015; Dudík, Langford and Li 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluate.bootstrap import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean reward that a policy would have had.

    Attributes:
        value: The estimate.
        interval: 95 %.
        effective_rows: So many equally weighted rows would say as much (Kish).
    """

    value: float
    interval: Interval
    effective_rows: float


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """Choices of a log, and what another policy makes of them; each ``(rows,)``.

    Attributes:
        rewards: What came of each.
        propensities: With which the log's policy chose it; above 0.
        target: With which the other policy would have chosen it.
        predicted: The reward that a model expects of it.
        expected: The reward that the model expects of the other policy there.
        users: Whose it was.
    """

    rewards: Floats
    propensities: Floats
    target: Floats
    predicted: Floats
    expected: Floats
    users: Sequence[str]


def estimate_policy(log: Logged, samples: int = 1000, seed: int = 0) -> dict[str, Estimate]:
    """The estimates ``ips``, ``snips`` and ``dr``.

    Raises:
        ValueError: A propensity is not above 0.
    """
    if not (log.propensities > 0).all():
        raise ValueError("every propensity must be above 0")
    weights = log.target / log.propensities
    number: dict[str, int] = {}
    owner = np.array([number.setdefault(user, len(number)) for user in log.users], dtype=np.int64)

    def by_user(values: Floats) -> Floats:
        return np.asarray(np.bincount(owner, weights=values, minlength=len(number)), dtype=np.float64)

    rows = by_user(np.ones(len(owner)))
    gained, held = by_user(weights * log.rewards), by_user(weights)
    corrected = by_user(log.expected + weights * (log.rewards - log.predicted))
    parts = {"ips": (gained, rows), "snips": (gained, held), "dr": (corrected, rows)}
    effective = float(weights.sum() ** 2 / max((weights**2).sum(), 1e-12))
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(number), np.full(len(number), 1 / len(number)), size=samples).astype(np.float64)
    found = {}
    for name, (above, below) in parts.items():
        values = (drawn @ above) / np.maximum(drawn @ below, 1e-12)
        low, high = np.quantile(values, [0.025, 0.975])
        value = float(above.sum() / max(below.sum(), 1e-12))
        found[name] = Estimate(value, Interval(float(low), float(high)), effective)
    return found
