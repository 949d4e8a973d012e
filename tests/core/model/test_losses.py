from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.data.example import MISSING
from core.model.losses import LossConfig, balanced_weights, multi_label_loss, single_label_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0]])
MARKS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
ALL = torch.ones(3, dtype=torch.bool)


def test_rows_without_a_label_add_no_loss_and_no_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    single_label_loss(logits, torch.tensor([0, MISSING, 1]), LossConfig()).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad[1], torch.zeros(3))
    alone = single_label_loss(LOGITS[[0, 2]], torch.tensor([0, 1]), LossConfig())
    assert torch.isclose(single_label_loss(LOGITS, torch.tensor([0, MISSING, 1]), LossConfig()), alone)


def test_unknown_multi_label_rows_add_nothing() -> None:
    known = torch.tensor([True, False, True])
    whole = multi_label_loss(LOGITS, MARKS, known, LossConfig())
    assert torch.isclose(whole, multi_label_loss(LOGITS[[0, 2]], MARKS[[0, 2]], ALL[:2], LossConfig()))


def test_batch_with_no_label_at_all_is_zero_and_differentiable() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = single_label_loss(logits, torch.full((3,), MISSING), LossConfig())
    loss = loss + multi_label_loss(logits, MARKS, ~ALL, LossConfig())
    loss.backward()
    assert loss.item() == 0.0


def test_plain_losses_are_those_of_torch() -> None:
    targets = torch.tensor([0, 2, 1])
    expected = functional.cross_entropy(LOGITS, targets, reduction="sum")
    assert torch.isclose(single_label_loss(LOGITS, targets, LossConfig()), expected)
    expected = functional.binary_cross_entropy_with_logits(LOGITS, MARKS, reduction="sum")
    assert torch.isclose(multi_label_loss(LOGITS, MARKS, ALL, LossConfig()), expected)


def test_focal_loss_forgives_the_easy_rows_most() -> None:
    targets = torch.tensor([0, 1, 1])
    easy, hard = LOGITS[[2]], LOGITS[[1]]
    for row, target in ((easy, targets[2:]), (hard, targets[1:2])):
        assert single_label_loss(row, target, LossConfig(focal_gamma=2.0)) < single_label_loss(
            row, target, LossConfig()
        )
    shares = [
        single_label_loss(row, t, LossConfig(focal_gamma=2.0)) / single_label_loss(row, t, LossConfig())
        for row, t in ((easy, targets[2:]), (hard, targets[1:2]))
    ]
    assert shares[0] < shares[1]


def test_smoothing_punishes_certainty() -> None:
    sure = torch.tensor([[30.0, 0.0, 0.0]])
    assert single_label_loss(sure, torch.tensor([0]), LossConfig(smoothing=0.1)) > 1.0


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_balanced_weights_favour_rare_labels_up_to_a_cap(kind: str) -> None:
    weights = balanced_weights(torch.tensor([900, 99, 1]), 1000, kind)
    assert weights[0] < weights[1] < weights[2] <= 20.0
    equal = balanced_weights(torch.tensor([100, 100]), 200, kind)
    np.testing.assert_allclose(equal, [1.0, 1.0])
