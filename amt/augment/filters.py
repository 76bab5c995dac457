"""Reverberation and band limits as filters in the frequency domain, without delay.

torchaudio's filters (biquads) are recursive: they delay the audio and run sample by sample.
"""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor

from amt.augment.audio_folders import RESPONSE_SAMPLES, load_impulse_responses
from amt.augment.batch_random import BatchRandom
from amt.io.audio import SAMPLE_RATE

# Orders of the Butterworth filters; an order is a slope of 6 dB an octave.
MIN_ORDER, MAX_ORDER = 1, 8
# Seconds between the direct sound and the beginning of synthetic reverberation.
MIN_PREDELAY, MAX_PREDELAY = 0.001, 0.02


def fft_length(samples: int) -> int:
    """The smallest even FFT length >= `samples` without prime factors above 5."""
    return 2 * next_fast_len((samples + 1) // 2, real=True)


def synthetic_reverb(random: BatchRandom, decay: tuple[float, float]) -> Tensor:
    """Reverberation (B, RESPONSE_SAMPLES): noise after a gap that decays by 60 dB in `decay` s."""
    time = torch.arange(RESPONSE_SAMPLES, device=random.device) / SAMPLE_RATE
    tail = random.normal(RESPONSE_SAMPLES) * torch.exp(-6.9 * time / random.uniform(*decay))
    return tail * (time > random.uniform(MIN_PREDELAY, MAX_PREDELAY))


def measured_reverb(random: BatchRandom, folder: str) -> Tensor:
    """Reverberation (B, RESPONSE_SAMPLES) of random impulse responses in a folder."""
    tails = load_impulse_responses(folder, random.device)
    return tails[random.integers(0, len(tails) - 1)[:, 0]].to(random.dtype)


def scale_reverb(tail: Tensor, level_db: Tensor) -> Tensor:
    """Reverberation (B, S) scaled to an energy of `level_db` (B, 1) relative to a unit impulse."""
    return tail / tail.norm(dim=-1, keepdim=True).clamp(min=1e-9) * 10 ** (level_db / 20)


def band_pass(
    frequency: Tensor,
    random: BatchRandom,
    low_cut: tuple[float, float],
    high_cut: tuple[float, float],
) -> Tensor:
    """Gains (B, F) at `frequency` (F,) in Hz: Butterworth filters of random corners and orders.

    The gains are real (zero phase), so that nothing is delayed; the filters ring before a sound as
    well as after it.
    """
    low, high = random.log_uniform(*low_cut), random.log_uniform(*high_cut)
    octaves = frequency.clamp(min=1e-3).log2()
    gain = torch.ones(random.batch_size, len(frequency), device=random.device, dtype=random.dtype)
    for distance in (low.log2() - octaves, octaves - high.log2()):
        power = (2 * random.uniform(MIN_ORDER, MAX_ORDER) * distance).clamp(max=60)
        gain = gain / (1 + torch.exp2(power)).sqrt()
    return gain
