"""The training loss: values by hand, and which cells count."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from amt.training.losses import SHARED_VELOCITY, Loss

TARGETS = ("onset", "offset", "frame", "velocity")
SHAPE = (1, 4, 88)
LOG_2 = math.log(2)


def constant(value: float) -> dict[str, Tensor]:
    return {name: torch.full(SHAPE, value) for name in TARGETS}


def silence() -> dict[str, Tensor]:
    return {**constant(0.0), "mask": torch.ones(1, 4), "pedal_known": torch.tensor([True])}


def plain(**changes: dict[str, float]) -> Loss:
    """Every target counts once, positive cells like others, but for `changes`."""
    settings = {"weights": dict.fromkeys(TARGETS, 1.0), "positive": {}}
    return Loss(**{**settings, **changes})


def test_without_knowledge_every_cell_costs_a_bit() -> None:
    targets = silence()
    targets["onset"][0, 1, 40] = 1
    parts = plain()(constant(0.0), targets)
    for name in ("onset", "offset", "frame"):
        assert parts[name].item() == pytest.approx(LOG_2)
    assert parts["total"].item() == pytest.approx(3 * LOG_2 + parts["velocity"].item())


def test_positive_cells_weigh_more() -> None:
    targets = silence()
    targets["onset"][0, 1, 40] = 1
    targets["onset"][0, 2, 40] = 0.25
    parts = plain(positive={"onset": 5.0})(constant(0.0), targets)
    positives = 1.25
    expected = LOG_2 * (4 * 88 + (5 - 1) * positives) / (4 * 88)
    assert parts["onset"].item() == pytest.approx(expected)
    assert parts["frame"].item() == pytest.approx(LOG_2)


def test_the_total_is_the_weighted_sum() -> None:
    weights = {"onset": 4.0, "frame": 0.5}
    parts = plain(weights=weights)(constant(0.7), silence())
    assert set(parts) == {"onset", "frame", "total"}
    expected = 4.0 * parts["onset"] + 0.5 * parts["frame"]
    assert parts["total"].item() == pytest.approx(expected.item())


def test_velocity_counts_at_onsets_by_the_height_of_the_triangle() -> None:
    targets, logits = silence(), constant(0.0)
    targets["onset"][0, 1, 40], targets["onset"][0, 2, 40] = 1.0, 0.5
    targets["velocity"][0, 1:3, 40] = 0.8
    logits["velocity"][0, 2, 40] = 3.0
    logits["velocity"][0, 3, 7] = 9.0
    parts = plain()(logits, targets)
    first, second = 0.5 - 0.8, 1 / (1 + math.exp(-3.0)) - 0.8
    shared = (first + 0.5 * second) / 1.5
    apart = ((first - shared) ** 2 + 0.5 * (second - shared) ** 2) / 1.5
    expected = apart + SHARED_VELOCITY * shared**2
    assert parts["velocity"].item() == pytest.approx(expected, rel=1e-5)


def test_what_all_velocities_of_an_example_are_wrong_by_costs_a_part_of_what_each_is() -> None:
    targets = silence()
    targets["onset"][0, 1, [30, 40]] = 1.0
    targets["velocity"][0, 1, [30, 40]] = 0.5
    costs = []
    for one, other in ((0.6, 0.6), (0.6, 0.4)):
        logits = constant(0.0)
        logits["velocity"][0, 1, [30, 40]] = torch.logit(torch.tensor([one, other]))
        costs.append(plain()(logits, targets)["velocity"].item())
    together, apart = costs
    assert apart == pytest.approx(0.01, rel=1e-4)
    assert together == pytest.approx(SHARED_VELOCITY * 0.01, rel=1e-4)


def test_examples_do_not_share_their_errors() -> None:
    """One too loud by what the other is too soft: neither has notes wrong beside each other."""
    targets = {name: torch.zeros(2, 4, 88) for name in TARGETS} | {"mask": torch.ones(2, 4)}
    targets["onset"][:, 1, 40] = 1.0
    targets["velocity"][:, 1, 40] = 0.5
    logits = {name: torch.zeros(2, 4, 88) for name in TARGETS}
    logits["velocity"][:, 1, 40] = torch.logit(torch.tensor([0.6, 0.4]))
    cost = plain(weights={"velocity": 1.0})(logits, targets)["velocity"].item()
    assert cost == pytest.approx(SHARED_VELOCITY * 0.01, rel=1e-4)


def test_velocity_is_best_at_the_true_velocity() -> None:
    targets = silence()
    targets["onset"][0, 1, 40], targets["velocity"][0, 1, 40] = 1.0, 90 / 127
    logits = constant(0.0)
    velocity = logits["velocity"].requires_grad_()
    velocity.data[0, 1, 40] = math.log(90 / 37)
    plain()(logits, targets)["velocity"].backward()
    assert velocity.grad is not None
    assert velocity.grad.abs().max().item() == pytest.approx(0, abs=1e-6)


def test_frames_outside_the_mask_do_not_count() -> None:
    targets, logits = silence(), constant(0.0)
    targets["mask"][0, 3] = 0
    targets["onset"][0, 3] = 1.0
    for values in logits.values():
        values[0, 3] = 8.0
        values.requires_grad_()
    parts = plain()(logits, targets)
    assert parts["onset"].item() == pytest.approx(LOG_2)
    assert parts["velocity"].item() == 0
    parts["total"].backward()
    for values in logits.values():
        assert values.grad is not None and not values.grad[0, 3].any()
    assert logits["onset"].grad[0, 2].any()


def test_without_a_valid_frame_there_is_no_loss() -> None:
    targets = silence()
    targets["mask"][:] = 0
    assert plain()(constant(1.0), targets)["total"].item() == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.floats(0, 20))
def test_the_loss_is_finite_never_negative_and_falls_towards_the_truth(
    seed: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    targets = {name: torch.rand(SHAPE, generator=generator) for name in TARGETS}
    targets["mask"] = torch.ones(1, 4)
    logits = {name: scale * torch.randn(SHAPE, generator=generator) for name in TARGETS}
    truth = {name: torch.logit(targets[name], eps=1e-6) for name in TARGETS}
    loss = plain()
    parts = loss(logits, targets)
    best = loss(truth, targets)
    for name, part in parts.items():
        assert math.isfinite(part.item()) and part.item() >= best[name].item() >= 0


def test_defaults_count_onsets_most() -> None:
    parts = Loss()(constant(0.0), silence())
    assert parts["total"].item() == pytest.approx((4 + 1 + 1) * LOG_2)


def test_the_pedal_counts_only_where_it_is_known() -> None:
    shapes = {"release": (2, 4, 88), "pedal": (2, 4, 1)}
    logits = {name: torch.zeros(shape) for name, shape in shapes.items()}
    targets = {name: torch.ones(shape) for name, shape in shapes.items()}
    targets |= {"mask": torch.ones(2, 4), "pedal_known": torch.tensor([True, False])}
    loss = Loss(weights={"onset": 1.0, "release": 1.0, "pedal": 1.0}, positive={})
    before = loss(logits, targets)
    assert set(before) == {"release", "pedal", "total"}  # this network predicts no onsets
    for values in logits.values():
        values[1] = -30.0
    assert loss(logits, targets)["total"] == before["total"]
    targets["pedal_known"][:] = False
    assert loss(logits, targets)["total"] == 0
