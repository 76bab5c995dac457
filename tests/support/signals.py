"""Small signals and note tables for the tests of augmentation."""

from __future__ import annotations

import math

import torch
from front_ends import SAMPLE_RATE, key_frequency
from torch import Tensor

from amt.augment import Augmentation

NO_EFFECTS = Augmentation(
    key_shift=0,
    detune=0.0,
    gain_db=0.0,
    equalizer=0.0,
    tilt_db=0.0,
    equalizer_db=(0.0, 0.0),
    mixing=0.0,
    reverb=0.0,
    band_limit=0.0,
    noise=0.0,
    recorded_noise=0.0,
    compression=0.0,
    clipping=0.0,
    codec=0.0,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sines(pitches: list[int]) -> Tensor:
    """A second of a sine for each pitch: (B, S)."""
    time = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    return torch.stack([0.3 * torch.sin(2 * math.pi * key_frequency(p) * time) for p in pitches])


def one_note_each(pitches: list[int]) -> Tensor:
    """Note tables (B, 2, 4): a note of each pitch and a row of padding."""
    notes = torch.zeros(len(pitches), 2, 4)
    notes[:, 0] = torch.tensor([[0.1, 0.9, pitch, 64] for pitch in pitches])
    return notes


def impulse(at: int = 3000, samples: int = 24000, batch: int = 16) -> Tensor:
    """A unit impulse at sample `at`: (batch, samples)."""
    audio = torch.zeros(batch, samples)
    audio[:, at] = 1
    return audio


def rms(audio: Tensor) -> Tensor:
    return audio.square().mean(dim=-1).sqrt()


def decibels(ratio: Tensor) -> Tensor:
    return 20 * torch.log10(ratio)
