"""Whether to answer, to ask back or to hand over: whatever costs least by the probabilities.

With calibrated probabilities the expected costs are plain sums. To answer costs ``cost_wrong`` when
the answer is wrong. A clarifying question offers the two likeliest intents; when neither is meant
a person takes over after all. To hand over always costs the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kits.support.config import PolicyConfig
from kits.support.reading import Decision, Understanding


@dataclass(frozen=True, slots=True)
class Policy:
    """The costs, and the decisions that follow.

    Attributes:
        cost_wrong: Of a wrong answer.
        cost_handoff: Of a hand-over.
        cost_clarify: Of a clarifying question.
    """

    cost_wrong: float
    cost_handoff: float
    cost_clarify: float

    @classmethod
    def of(cls, config: PolicyConfig) -> Policy:
        """The policy of a configuration."""
        return cls(config.cost_wrong, config.cost_handoff, config.cost_clarify)

    @property
    def answer_from(self) -> float:
        """The least probability of being right at which to answer is cheaper than to hand over."""
        return max(0.0, 1.0 - self.cost_handoff / self.cost_wrong)

    def costs(self, confidence: float, either: float) -> dict[Decision, float]:
        """The expected cost of each decision.

        >>> Policy(5.0, 1.0, 0.3).costs(0.9, 1.0)["answer"]
        0.5
        """
        return {
            "answer": round((1.0 - confidence) * self.cost_wrong, 12),
            "clarify": self.cost_clarify + (1.0 - either) * self.cost_handoff,
            "hand_over": self.cost_handoff,
        }

    def decide(self, read: Understanding) -> Decision:
        """What costs least; of equals the one that bothers the customer least."""
        costs = self.costs(read.confidence, read.either)
        if len(read.intents) < 2:
            del costs["clarify"]
        return min(costs, key=costs.__getitem__)

    def decide_many(
        self, first: NDArray[np.float64], either: NDArray[np.float64], *, can_clarify: bool = True
    ) -> NDArray[np.str_]:
        """The decision for each of ``(rows,)`` probabilities."""
        names = ("answer", "clarify", "hand_over")
        clarify = self.cost_clarify + (1.0 - either) * self.cost_handoff if can_clarify else np.full(len(first), np.inf)
        costs = np.stack([(1.0 - first) * self.cost_wrong, clarify, np.full(len(first), self.cost_handoff)])
        decided: NDArray[np.str_] = np.array(names)[costs.argmin(axis=0)]
        return decided

    def charge(
        self, decisions: NDArray[np.str_], is_first: NDArray[np.bool_], is_either: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """What each decision really cost, ``(rows,)``.

        Args:
            decisions: ``(rows,)``.
            is_first: Whether the likeliest intent is meant.
            is_either: Whether one of the two likeliest is.
        """
        answer = np.where(is_first, 0.0, self.cost_wrong)
        clarify = self.cost_clarify + np.where(is_either, 0.0, self.cost_handoff)
        return np.select([decisions == "answer", decisions == "clarify"], [answer, clarify], self.cost_handoff)
