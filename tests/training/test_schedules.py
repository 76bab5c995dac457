"""Settings of learning-rate schedules."""

from __future__ import annotations

import math

import pytest
import torch

from amt.training.schedules import cosine, onecycle, timed, trapezoid


@pytest.mark.parametrize("schedule", [onecycle, cosine, trapezoid])
@pytest.mark.parametrize("warmup", [-0.1, 2])
def test_a_warmup_that_is_no_fraction_is_refused(schedule, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ValueError, match=rf"schedule\.warmup={warmup}: expected a fraction"):
        schedule(optimizer, 100, warmup=warmup)


@pytest.mark.parametrize("schedule", [onecycle, cosine, trapezoid])
def test_a_training_without_an_end_needs_the_timed_schedule(schedule) -> None:
    with pytest.raises(ValueError, match="schedule=timed"):
        schedule(_optimizer(), math.inf)


def test_the_timed_schedule_rises_and_falls_with_the_clock(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr("amt.training.schedules.time.monotonic", lambda: now[0])
    optimizer = _optimizer()
    scheduler = timed(optimizer, math.inf, seconds=50.0, warmup=0.1, cooldown=0.5)
    rates = []
    for second in (2.5, 5.0, 20.0, 25.0, 37.5, 50.0, 60.0):
        now[0] = 100.0 + second
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0], abs=1e-6)


def test_the_timed_schedule_needs_a_time() -> None:
    with pytest.raises(ValueError, match=r"schedule\.seconds=0"):
        timed(_optimizer(), 10, seconds=0)


def _optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
