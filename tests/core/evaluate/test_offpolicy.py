from __future__ import annotations

import numpy as np
import pytest

from core.evaluate.offpolicy import Logged, estimate_policy


def make_log(rows: int = 20_000) -> tuple[Logged, float]:
    """Choices among three arms, drawn unevenly; the other policy prefers the best, and its true reward."""
    random = np.random.default_rng(0)
    rates, logged, target = np.array([0.1, 0.3, 0.6]), np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
    arms = random.choice(3, size=rows, p=logged)
    rewards = (random.random(rows) < rates[arms]).astype(np.float64)
    wrong = np.full(rows, 0.2)
    users = [f"u{number % 500}" for number in range(rows)]
    return Logged(rewards, logged[arms], target[arms], wrong, wrong, users), float(rates @ target)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_estimates_find_the_reward_of_a_policy_that_was_never_run(name: str) -> None:
    log, truth = make_log()
    found = estimate_policy(log)[name]
    assert found.interval.low < truth < found.interval.high
    assert abs(found.value - truth) < 0.03
    assert log.rewards.mean() < truth - 0.1  # the log itself would mislead


def test_right_predictions_make_the_doubly_robust_estimate_sharper() -> None:
    log, _ = make_log()
    rates = np.where(log.propensities == 0.6, 0.1, np.where(log.propensities == 0.3, 0.3, 0.6))
    sharp = Logged(log.rewards, log.propensities, log.target, rates, np.full(len(rates), 0.49), log.users)

    def width(name: str) -> float:
        bounds = estimate_policy(sharp)[name].interval
        return bounds.high - bounds.low

    assert width("dr") < width("ips")


def test_choice_that_could_not_have_been_made_is_refused() -> None:
    log, _ = make_log(10)
    with pytest.raises(ValueError, match="above 0"):
        estimate_policy(Logged(log.rewards, log.propensities * 0, log.target, log.predicted, log.expected, log.users))
