"""Settings of learning-rate schedules."""

from __future__ import annotations

import pytest
import torch

from amt.training.schedules import cosine, onecycle, trapezoid


@pytest.mark.parametrize("schedule", [onecycle, cosine, trapezoid])
@pytest.mark.parametrize("warmup", [-0.1, 2])
def test_a_warmup_that_is_no_fraction_is_refused(schedule, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ValueError, match=rf"schedule\.warmup={warmup}: expected a fraction"):
        schedule(optimizer, 100, warmup=warmup)
