"""What each move costs when the intent was read wrongly: a wrong answer harms, a needless question only delays.

``scope/policy.py`` prices three decisions for a text. A conversation has more moves: to ask for a slot of the
wrong intent costs a turn, and to hand over for the wrong reason costs nothing beside the hand-over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kits.support.scope.policy import Policy

Step = Literal["answer", "light", "hand_over"]
Choice = Literal["go", "clarify", "hand_over"]
LEAST_CONFIDENCE = 0.5  # on what is likelier wrong than right nothing is done, however little it costs


def choose_step(step: Step, confidence: float, either: float, policy: Policy, can_clarify: bool) -> Choice:
    """Whether to take the step that follows from the likeliest intent, to ask back, or to hand over.

    Args:
        step: An approved answer, a light move (a slot is asked for, small talk), or a hand-over.
        confidence: That the likeliest intent is right.
        either: That one of the two likeliest is.
        policy: The costs.
        can_clarify: Whether there are two meanings to offer and nobody was asked just now.

    >>> choose_step("answer", 0.7, 0.9, Policy(5.0, 1.0, 0.3), True)
    'clarify'
    >>> choose_step("light", 0.7, 0.9, Policy(5.0, 1.0, 0.3), True)
    'go'
    """
    costs = policy.costs(confidence, either)
    wrong = 1.0 - confidence
    steps: Mapping[Step, float] = {
        "answer": costs["answer"],
        "light": wrong * (policy.cost_clarify + policy.cost_handoff),
        "hand_over": wrong * policy.cost_handoff,
    }
    choices: dict[Choice, float] = {"go": steps[step], "clarify": costs["clarify"], "hand_over": costs["hand_over"]}
    if confidence < LEAST_CONFIDENCE:
        del choices["go"]
    if not can_clarify:
        del choices["clarify"]
    return min(choices, key=choices.__getitem__)
