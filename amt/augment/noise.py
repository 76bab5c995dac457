"""Background noise, synthetic or recorded, at a signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from amt.augment.audio_folders import load_noises
from amt.augment.batch_random import BatchRandom


def synthetic_noise(samples: int, random: BatchRandom) -> Tensor:
    """Noise (B, samples) whose spectrum lies between white (flat) and pink (-3 dB an octave)."""
    parts = random.normal(samples // 2 + 1, 2)
    octaves = torch.arange(1, parts.shape[1] + 1, device=random.device).log2()
    amplitude = torch.exp2(-random.uniform(0.0, 0.5) * octaves)
    return torch.fft.irfft(torch.view_as_complex(parts) * amplitude, n=samples)


def recorded_noise(samples: int, random: BatchRandom, folder: str) -> Tensor:
    """Noise (B, samples): random excerpts of the recordings in a folder."""
    recordings = load_noises(folder, random.device)
    index = random.integers(0, len(recordings.length) - 1)
    return recordings.excerpts(index, random.uniform(0, 1), samples).to(random.dtype)


def add_noise(audio: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Audio (B, S) plus noise at a signal-to-noise ratio (B, 1); silent audio stays silent."""
    return audio + rms(audio) / rms(noise).clamp(min=1e-9) * 10 ** (-snr_db / 20) * noise


def rms(audio: Tensor) -> Tensor:
    """Root mean square of each example: (B, S) -> (B, 1)."""
    return audio.square().mean(dim=-1, keepdim=True).sqrt()
