"""Make the velocities of a recording agree with its levels.

A network hears a few seconds at a time and does not know how loud the recording is as a whole, so
that its velocities drift. How loud a note is in the recording depends on its velocity, but also on
its pitch, the notes beside it and the microphones. All notes of the recording together show how:
the network's velocities, whose errors largely cancel out, are regressed on levels and pitch. The
velocities that this gives do not drift, but err with every echo; the mean of both is better than
either: by .03 to .09 of note F1 with velocities in the recordings of experiments/RESULTS.md.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from amt.features.levels import note_levels
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

# Notes that begin within so many seconds of each other add to each other's level.
TOGETHER_SECONDS = 0.04
# Of the ridge regression on standardised columns: as much as three notes that say nothing.
RIDGE = 3.0
# Columns that hardly differ are not scaled up; of levels this is 1 dB.
LEAST_DEVIATION = 0.05


def adjust_velocities(
    notes: Notes,
    audio: np.ndarray,
    sample_rate: int,
    weight: float,
    device: torch.device | str = "cpu",
) -> Notes:
    """`notes` of audio (S,) with velocities in part, `weight` of 0..1, by the levels of the audio.

    Mean and standard deviation of the velocities stay as they are.
    """
    own = notes.velocity.astype(np.float64)
    if not weight or len(notes) < 2 or not own.std():
        return notes
    levels = note_levels(audio, sample_rate, notes.onset, notes.pitch - MIN_PITCH, device)
    mixed = (1 - weight) * own + weight * _velocities_by_level(own, _columns(notes, levels))
    standard = (mixed - mixed.mean()) / max(mixed.std(), LEAST_DEVIATION)
    velocity = own.mean() + own.std() * standard
    return replace(notes, velocity=np.clip(np.rint(velocity), 1, 127))


def _velocities_by_level(velocity: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Velocities (N,) as a linear function of `columns` (N, C), by ridge regression."""
    deviation = np.maximum(columns.std(axis=0), LEAST_DEVIATION)
    standard = (columns - columns.mean(axis=0)) / deviation
    normal = standard.T @ standard + RIDGE * np.eye(standard.shape[1])
    mean = velocity.mean()
    return mean + standard @ np.linalg.solve(normal, standard.T @ (velocity - mean))


def _columns(notes: Notes, levels: np.ndarray) -> np.ndarray:
    """What the level of a note depends on besides its velocity, and the `levels` (N, 5): (N, C)."""
    place = (notes.pitch - MIN_PITCH) / NUM_KEYS
    # Onsets are sorted.
    first = np.searchsorted(notes.onset, notes.onset - TOGETHER_SECONDS)
    last = np.searchsorted(notes.onset, notes.onset + TOGETHER_SECONDS, side="right")
    return np.column_stack([levels, np.log(last - first), place, place**2, place**3])
