"""Spectrograms: other frequency responses, other keys; and the notes that follow."""

from __future__ import annotations

import torch
from torch import Tensor

from amt.augment.draw import Draw
from amt.notes import MIN_PITCH, NUM_KEYS, PITCH

OCTAVES = NUM_KEYS / 12
# Standard deviation of a band of the equaliser, in octaves.
NARROW, WIDE = 0.2, 1.0


def tilt(bins: int, draw: Draw, tilt_db: float) -> Tensor:
    """Straight slopes (B, F), with a standard deviation of `tilt_db` an octave, in dB."""
    return tilt_db * draw.normal(1) * _octaves(bins, draw)


def equalizer(bins: int, draw: Draw, bands: int, gain_db: tuple[float, float]) -> Tensor:
    """Responses (B, F) in dB: bands at random places, each with a gain of its own."""
    centre = draw.between(-OCTAVES / 2, OCTAVES / 2, bands)[..., None]
    width = draw.ratio(NARROW, WIDE, bands)[..., None]
    gain = draw.between(*gain_db, bands)[..., None]
    return (gain * torch.exp(-0.5 * ((_octaves(bins, draw) - centre) / width) ** 2)).sum(dim=1)


def _octaves(bins: int, draw: Draw) -> Tensor:
    """Octaves (F,) from the middle of a keyboard over `bins`."""
    half = OCTAVES / 2
    return torch.linspace(-half, half, bins, device=draw.device, dtype=draw.dtype)


def transpose(notes: Tensor, semitones: Tensor) -> Tensor:
    """Note tables (B, N, columns) moved by `semitones` (B, 1); off the keyboard they are padding."""
    pitch = notes[..., PITCH] + semitones
    inside = (notes[..., PITCH] > 0) & (pitch >= MIN_PITCH) & (pitch < MIN_PITCH + NUM_KEYS)
    moved = notes.clone()
    moved[..., PITCH] = torch.where(inside, pitch, 0)
    return moved


def roll(spec: Tensor, bins: Tensor) -> Tensor:
    """(B, C, T, F) moved up by `bins` (B, 1), interpolating between bins.

    What enters is the quietest value around.
    """
    source = torch.arange(spec.shape[-1], device=spec.device) - bins
    lower = source.floor()
    upper_part = (source - lower)[:, None, None, :]
    moved = torch.lerp(_at(spec, lower), _at(spec, lower + 1), upper_part)
    inside = (source > -1) & (source < spec.shape[-1])
    return torch.where(inside[:, None, None, :], moved, spec.amin(dim=-1, keepdim=True))


def _at(spec: Tensor, bins: Tensor) -> Tensor:
    """Values of (B, C, T, F) at whole `bins` (B, F'), the outermost ones beyond the ends."""
    index = bins.long().clamp(0, spec.shape[-1] - 1)[:, None, None, :]
    return spec.gather(-1, index.expand(*spec.shape[:3], -1))
