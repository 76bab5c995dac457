"""Rooms and limited bands: filters in the frequency domain that leave the direct sound in place."""

from __future__ import annotations

import torch
from torch import Tensor

from amt.augment.draw import Draw
from amt.augment.recordings import RESPONSE_SAMPLES, impulse_responses
from amt.io.audio import SAMPLE_RATE

MILD, STEEP = 1, 8


def fast_size(least: int) -> int:
    """The smallest even FFT size from `least` on whose factors are 2, 3 and 5."""
    size = least + least % 2
    while not _smooth(size):
        size += 2
    return size


def _smooth(size: int) -> bool:
    for factor in (2, 3, 5):
        while size % factor == 0:
            size //= factor
    return size == 1


def invented_room(draw: Draw, decay: tuple[float, float]) -> Tensor:
    """Tails (B, RESPONSE_SAMPLES) of noise that falls by 60 dB in `decay` seconds, after a gap."""
    time = torch.arange(RESPONSE_SAMPLES, device=draw.device) / SAMPLE_RATE
    tail = draw.normal(RESPONSE_SAMPLES) * torch.exp(-6.9 * time / draw.between(*decay))
    return tail * (time > draw.between(0.001, 0.02))


def measured_room(draw: Draw, folder: str) -> Tensor:
    """Tails (B, RESPONSE_SAMPLES) of impulse responses from a folder."""
    tails = impulse_responses(folder, draw.device)
    return tails[draw.integers(0, len(tails) - 1)[:, 0]].to(draw.dtype)


def with_level(tail: Tensor, level_db: Tensor) -> Tensor:
    """Tails whose energy is `level_db` (B, 1) above that of a direct sound of 1."""
    return tail / tail.norm(dim=-1, keepdim=True).clamp(min=1e-9) * 10 ** (level_db / 20)


def band(
    frequency: Tensor, draw: Draw, low_cut: tuple[float, float], high_cut: tuple[float, float]
) -> Tensor:
    """Gains (B, F) at `frequency` (F,) in Hz of Butterworth filters with random corners and slopes.

    Of no phase, so that nothing is delayed; they ring before a sound as they do after it.
    """
    low, high = draw.ratio(*low_cut), draw.ratio(*high_cut)
    octaves = frequency.clamp(min=1e-3).log2()
    gain = torch.ones(draw.batch, len(frequency), device=draw.device, dtype=draw.dtype)
    for distance in (low.log2() - octaves, octaves - high.log2()):
        power = (2 * draw.between(MILD, STEEP) * distance).clamp(max=60)
        gain = gain / (1 + torch.exp2(power)).sqrt()
    return gain
