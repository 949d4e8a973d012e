"""What variety costs: accuracy against diversity of the lists, over all trade-offs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from kits.recommender.config import DiversifyConfig
from kits.recommender.listing.diversify import Pool, arrange, miscalibration, scale_scores, spread

TRADE_OFFS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Case:
    """The candidates of one list, and which of them the user clicked after it; None where that is not known."""

    pool: Pool
    clicked: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """The lists at one trade-off, in the mean.

    Attributes:
        trade_off: From 0 to 1.
        ndcg: nDCG@k of the clicks that are known; None without any.
        kept: Share of the scores that the best list would have.
        diversity: One less the cosine of two items of a list.
        categories: Different ones on a list.
        miscalibration: From the shares of the categories in the history, in nats.
        coverage: Different items on all lists together.
    """

    trade_off: float
    ndcg: float | None
    kept: float
    diversity: float
    categories: float
    miscalibration: float
    coverage: int


def trace_frontier(
    cases: Sequence[Case],
    items: Sequence[Sequence[str]],
    k: int,
    settings: DiversifyConfig,
    trade_offs: Sequence[float] = TRADE_OFFS,
) -> list[Point]:
    """Arrange the same candidates at every trade-off.

    Args:
        cases: Lists to be made.
        items: The ids of each case's candidates, for the coverage.
        k: Length of the lists.
        settings: Method and caps.
        trade_offs: Which to try.

    Raises:
        DataError: There is no case.
    """
    if not cases:
        raise DataError("no list to trace the frontier on", fix="give events with clicks")
    return [_measure(cases, items, k, settings.model_copy(update={"trade_off": one})) for one in trade_offs]


def _measure(cases: Sequence[Case], items: Sequence[Sequence[str]], k: int, settings: DiversifyConfig) -> Point:
    kept, diversity, categories, divergence, gains = [], [], [], [], []
    seen: set[str] = set()
    for case, ids in zip(cases, items, strict=True):
        pool = case.pool
        rows = list(arrange(pool, k, settings).places)
        relevance = scale_scores(pool.scores)
        best = float(np.sort(relevance)[::-1][:k].sum())
        kept.append(float(relevance[rows].sum()) / best if best else 1.0)
        diversity.append(spread(pool.vectors[rows]))
        listed = [pool.categories[row] for row in rows]
        categories.append(len(set(listed)))
        if pool.wanted:
            divergence.append(miscalibration(listed, pool.wanted))
        if case.clicked is not None and case.clicked.any():
            gains.append(_ndcg(case.clicked, rows, k))
        seen.update(ids[row] for row in rows)
    return Point(
        settings.trade_off,
        float(np.mean(gains)) if gains else None,
        float(np.mean(kept)),
        float(np.mean(diversity)),
        float(np.mean(categories)),
        float(np.mean(divergence)) if divergence else 0.0,
        len(seen),
    )


def _ndcg(clicked: NDArray[np.bool_], rows: Sequence[int], k: int) -> float:
    discounts = 1.0 / np.log2(np.arange(k) + 2.0)
    hits = clicked[list(rows)][:k]
    return float((hits * discounts[: len(hits)]).sum() / discounts[: min(k, int(clicked.sum()))].sum())
