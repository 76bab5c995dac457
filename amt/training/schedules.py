"""Learning-rate schedules over the whole run, as functions of an optimiser and a number of steps.

Each returns a scheduler of torch that is stepped after every training step. The peak is the `lr` of
the optimiser. `warmup` and `cooldown` are fractions of `total_steps`, or of the time.
"""

from __future__ import annotations

import math
import time

import torch.distributed as dist
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
)

# A linear warm-up starts at this fraction of the peak.
WARMUP_START = 0.01


def onecycle(optimizer: Optimizer, total_steps: int, warmup: float = 0.2) -> LRScheduler:
    """Rises along a cosine for `warmup` of the steps, then falls along a cosine to almost zero.

    Smith and Topin 2018, "Super-convergence"; momentum moves against the learning rate.
    """
    _check(total_steps, warmup=warmup)
    peaks = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peaks, total_steps, pct_start=warmup)


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.2) -> LRScheduler:
    """Rises linearly for `warmup` of the steps, then falls along a cosine to zero."""
    _check(total_steps, warmup=warmup)
    rising = _steps(total_steps, warmup)
    rise = LinearLR(optimizer, WARMUP_START, total_iters=rising)
    fall = CosineAnnealingLR(optimizer, max(1, total_steps - rising))
    return SequentialLR(optimizer, [rise, fall], [rising])


def trapezoid(
    optimizer: Optimizer, total_steps: int, warmup: float = 0.2, cooldown: float = 0.3
) -> LRScheduler:
    """Rises linearly for `warmup` of the steps, holds, falls linearly for `cooldown` of them."""
    _check(total_steps, warmup=warmup, cooldown=cooldown)
    rising, falling = _steps(total_steps, warmup), _steps(total_steps, cooldown)
    return LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / rising, (total_steps - step) / falling)
    )


def timed(
    optimizer: Optimizer,
    total_steps: float,
    seconds: float,
    warmup: float = 0.02,
    cooldown: float = 0.6,
) -> LRScheduler:
    """A trapezoid over wall-clock time: for a machine that is lent for `seconds`.

    `total_steps` is ignored, since how many steps fit into the time is not known beforehand. A
    resumed run starts the time anew.
    """
    _check(0, warmup=warmup, cooldown=cooldown)
    if seconds <= 0:
        raise ValueError(f"schedule.seconds={seconds}: expected the seconds of the training")
    start = time.monotonic()
    edge = 1e-9  # Neither end may be of no time at all.

    def factor(step: int) -> float:
        done = _first_of(time.monotonic() - start) / seconds
        rising, falling = done / (warmup + edge), (1 - done) / (cooldown + edge)
        return max(WARMUP_START if done < warmup else 0.0, min(1.0, rising, falling))

    return LambdaLR(optimizer, factor)


def _first_of(elapsed: float) -> float:
    """The time of the first process: weights would drift apart with different learning rates."""
    shared = [elapsed]
    if dist.is_available() and dist.is_initialized():
        dist.broadcast_object_list(shared)
    return shared[0]


def _check(total_steps: float, **fractions: float) -> None:
    """Raises ValueError for a fraction outside 0..1, and where the training has no end."""
    if math.isinf(total_steps):
        raise ValueError(
            "it needs the number of steps, and trainer.max_epochs=-1 sets none; expected a number "
            "of epochs, or schedule=timed"
        )
    for name, value in fractions.items():
        if not 0 <= value <= 1:
            raise ValueError(f"schedule.{name}={value}: expected a fraction of the steps, 0 to 1")


def _steps(total_steps: int, fraction: float) -> int:
    return max(1, round(total_steps * fraction))
