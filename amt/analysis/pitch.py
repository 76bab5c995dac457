"""Pitches and pitch classes: what they are called, and how long each sounds."""

from __future__ import annotations

import numpy as np

from amt.notes import Notes

OCTAVE = 12
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """A MIDI number as a name with sharps and its octave: 60 is C4, 69 is A4."""
    return f"{PITCH_CLASSES[pitch % OCTAVE]}{pitch // OCTAVE - 1}"


def pitch_class_seconds(notes: Notes, edges: np.ndarray) -> np.ndarray:
    """How long each pitch class sounds between neighbouring `edges` (B + 1,) seconds: (B, 12).

    Two notes of one pitch class that sound together count twice.
    """
    seconds = np.empty((max(len(edges) - 1, 0), OCTAVE))
    for pitch_class in range(OCTAVE):
        own = notes.pitch % OCTAVE == pitch_class
        begun, ended = (_elapsed(times[own], edges) for times in (notes.onset, notes.offset))
        seconds[:, pitch_class] = np.diff(begun - ended)
    # What rounding leaves of differences of long sums is no sound.
    return np.where(seconds > 1e-6, seconds, 0.0)


def _elapsed(times: np.ndarray, now: np.ndarray) -> np.ndarray:
    """The seconds from each of `times` to `now` (B,), summed over those that have passed."""
    times = np.sort(times)
    passed = np.searchsorted(times, now, side="right")
    return now * passed - np.append(0.0, np.cumsum(times))[passed]
