"""Noise behind the music, invented or recorded, at a ratio to it."""

from __future__ import annotations

import torch
from torch import Tensor

from amt.augment.draw import Draw
from amt.augment.recordings import noises


def coloured(samples: int, draw: Draw) -> Tensor:
    """Noise (B, samples) between white and pink."""
    parts = draw.normal(samples // 2 + 1, 2)
    octaves = torch.arange(1, parts.shape[1] + 1, device=draw.device).log2()
    amplitude = torch.exp2(-draw.between(0.0, 0.5) * octaves)
    return torch.fft.irfft(torch.view_as_complex(parts) * amplitude, n=samples)


def recorded(samples: int, draw: Draw, folder: str) -> Tensor:
    """Noise (B, samples) from random places of the recordings of a folder."""
    found = noises(folder, draw.device)
    which = draw.integers(0, len(found.length) - 1)
    return found.excerpt(which, draw.uniform(1), samples).to(draw.dtype)


def add(audio: Tensor, noise: Tensor, ratio_db: Tensor) -> Tensor:
    """Audio (B, S) with noise `ratio_db` (B, 1) below it; silence stays silent."""
    return audio + rms(audio) / rms(noise).clamp(min=1e-9) * 10 ** (-ratio_db / 20) * noise


def rms(audio: Tensor) -> Tensor:
    """The level of each example (B, S) -> (B, 1)."""
    return audio.square().mean(dim=-1, keepdim=True).sqrt()
