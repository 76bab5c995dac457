"""Augmentation of log spectrograms: frequency response and pitch shift, with the notes."""

from __future__ import annotations

import torch
from torch import Tensor

from amt.augment.batch_random import BatchRandom
from amt.notes import MIN_PITCH, NUM_KEYS, PITCH

KEYBOARD_OCTAVES = NUM_KEYS / 12
# Standard deviation in octaves of the Gaussian bands of the equaliser.
MIN_BAND_WIDTH, MAX_BAND_WIDTH = 0.2, 1.0


def spectral_tilt(bins: int, random: BatchRandom, tilt_db: float) -> Tensor:
    """Frequency responses (B, F) in dB, linear in octaves, of slopes N(0, tilt_db) dB an octave."""
    return tilt_db * random.normal(1) * _octaves(bins, random)


def equalizer(bins: int, random: BatchRandom, bands: int, gain_db: tuple[float, float]) -> Tensor:
    """Frequency responses (B, F) in dB: the sum of `bands` Gaussian bands at random places."""
    centre = random.uniform(-KEYBOARD_OCTAVES / 2, KEYBOARD_OCTAVES / 2, bands)[..., None]
    width = random.log_uniform(MIN_BAND_WIDTH, MAX_BAND_WIDTH, bands)[..., None]
    gain = random.uniform(*gain_db, bands)[..., None]
    return (gain * torch.exp(-0.5 * ((_octaves(bins, random) - centre) / width) ** 2)).sum(dim=1)


def _octaves(bins: int, random: BatchRandom) -> Tensor:
    """Positions (F,) of the bins in octaves from the middle; all bins span the keyboard."""
    half = KEYBOARD_OCTAVES / 2
    return torch.linspace(-half, half, bins, device=random.device, dtype=random.dtype)


def transpose(notes: Tensor, semitones: Tensor) -> Tensor:
    """Note tables (B, N, columns) transposed by `semitones` (B, 1).

    Notes that leave the keyboard become padding (pitch 0).
    """
    pitch = notes[..., PITCH] + semitones
    inside = (notes[..., PITCH] > 0) & (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    moved = notes.clone()
    moved[..., PITCH] = torch.where(inside, pitch, 0)
    return moved


def shift_bins(spec: Tensor, bins: Tensor) -> Tensor:
    """Spectrograms (B, C, T, F) shifted up by `bins` (B, 1), with linear interpolation.

    The bins that enter at the edge get the minimum of their frame.
    """
    source = torch.arange(spec.shape[-1], device=spec.device) - bins
    lower = source.floor()
    weight = (source - lower)[:, None, None, :]
    moved = torch.lerp(_at(spec, lower), _at(spec, lower + 1), weight)
    inside = (source > -1) & (source < spec.shape[-1])
    return torch.where(inside[:, None, None, :], moved, spec.amin(dim=-1, keepdim=True))


def _at(spec: Tensor, bins: Tensor) -> Tensor:
    """Values of (B, C, T, F) at integer `bins` (B, F'), clamped to the first and last bin."""
    index = bins.long().clamp(0, spec.shape[-1] - 1)[:, None, None, :]
    return spec.gather(-1, index.expand(*spec.shape[:3], -1))
