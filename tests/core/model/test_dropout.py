from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.model.backbone import load_encoder
from core.model.dropout import ATTENTION, Dropout, attend, hasten_dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(7,), (3, 5, 401), (1001, 130)])
def test_the_share_that_is_dropped_is_the_one_asked_for_and_the_mean_stays(
    probability: float, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    dropped = Dropout(probability).train()(torch.ones(shape))
    kept = dropped != 0
    count = kept.numel()
    assert dropped.shape == shape
    assert torch.allclose(dropped[kept], torch.tensor(1 / (1 - probability)), rtol=1e-3)
    error = 5 * (probability * (1 - probability) / count) ** 0.5
    assert float(kept.float().mean()) == pytest.approx(1 - probability, abs=error + 1e-4)


def test_values_that_share_a_draw_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5).train()(torch.ones(40_000, 4)) != 0).float()
    assert torch.corrcoef(kept.T).fill_diagonal_(0).abs().max() < 0.02


def test_gradients_are_dropped_and_scaled_as_the_values_were() -> None:
    torch.manual_seed(0)
    values = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.25).train()(values)
    dropped.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, dropped.detach())


def test_the_same_seed_drops_the_same_and_the_next_draw_others() -> None:
    module, values = Dropout(0.5).train(), torch.ones(256)
    torch.manual_seed(1)
    first, second = module(values), module(values)
    torch.manual_seed(1)
    assert torch.equal(module(values), first)
    assert not torch.equal(first, second)


def test_half_precision_stays_what_it_is() -> None:
    assert Dropout(0.1).train()(torch.ones(64, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_nothing_is_dropped_when_a_model_reads_or_the_probability_is_none() -> None:
    values = torch.ones(64)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0).train()(values), values)


def test_every_dropout_of_a_model_is_hastened_wherever_it_stands() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3), nn.Sequential(nn.ReLU(), nn.Dropout(0.2)))
    hasten_dropout(model)
    found = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert [type(module) for module in found] == [Dropout, Dropout]
    assert [module.p for module in found] == [0.3, 0.2]


def make_parts(tokens: int = 5) -> tuple[list[Tensor], Tensor]:
    """Query, key and value ``(2, 3, tokens, 4)``, and a mask in which the second row is shorter."""
    torch.manual_seed(0)
    parts = [torch.randn(2, 3, tokens, 4, requires_grad=True) for _ in range(3)]
    mask = torch.ones(2, 1, tokens, tokens, dtype=torch.bool)
    mask[1, :, :, 3:] = False
    return parts, mask


@pytest.mark.parametrize("is_masked", [True, False])
def test_attention_that_drops_next_to_nothing_is_that_of_torch(is_masked: bool) -> None:
    (query, key, value), mask = make_parts()
    layer = nn.Identity()
    layer.is_causal = False  # type: ignore[assignment]
    given = mask if is_masked else None
    plain, _ = attend(layer, query, key, value, given)
    dropped, _ = attend(layer, query, key, value, given, dropout=1e-9)
    assert torch.allclose(plain, dropped, atol=1e-6)
    plain_grad, grad = (torch.autograd.grad(found.square().sum(), query)[0] for found in (plain, dropped))
    assert torch.allclose(plain_grad, grad, atol=1e-5)


def test_attention_drops_weights_and_keeps_their_mean() -> None:
    (query, key, _), mask = make_parts()
    value = torch.ones(2, 3, 5, 4)
    with torch.no_grad():
        found = torch.stack([attend(nn.Identity(), query, key, value, mask, dropout=0.3)[0] for _ in range(2000)])
    assert found.std() > 0.1
    assert float(found.mean()) == pytest.approx(1.0, abs=0.02)


def test_an_encoder_reads_as_before_when_its_dropout_is_hastened(tiny_backbone: Path) -> None:
    encoder = load_encoder(tiny_backbone, 0.1).eval()
    ids, mask = torch.arange(12).reshape(2, 6) % 7, torch.tensor([[1] * 6, [1] * 4 + [0] * 2])
    with torch.no_grad():
        before = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        hasten_dropout(encoder)
        after = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    assert encoder.config._attn_implementation == ATTENTION
    assert torch.equal(before[mask.bool()], after[mask.bool()])
