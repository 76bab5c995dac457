"""Names of pitches and pitch classes, and how long each pitch class sounds."""

from __future__ import annotations

import numpy as np

from amt.notes import Notes

OCTAVE = 12
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """Name of a MIDI pitch with sharps and octave: 60 is C4, 69 is A4."""
    return f"{PITCH_CLASSES[pitch % OCTAVE]}{pitch // OCTAVE - 1}"


def pitch_class_seconds(notes: Notes, edges: np.ndarray) -> np.ndarray:
    """Seconds that each pitch class sounds in the intervals between `edges` (N + 1,): (N, 12).

    edges: times in seconds, ascending. Two notes of one pitch class at the same time count twice.
    """
    seconds = np.empty((max(len(edges) - 1, 0), OCTAVE))
    for pitch_class in range(OCTAVE):
        chosen = notes.pitch % OCTAVE == pitch_class
        begun, ended = (_elapsed(times[chosen], edges) for times in (notes.onset, notes.offset))
        seconds[:, pitch_class] = np.diff(begun - ended)
    # Differences of long sums leave rounding errors where nothing sounds.
    return np.where(seconds > 1e-6, seconds, 0.0)


def _elapsed(times: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Seconds since each of `times` that lies before `now` (N,), summed over `times`: (N,)."""
    times = np.sort(times)
    passed = np.searchsorted(times, now, side="right")
    return now * passed - np.append(0.0, np.cumsum(times))[passed]
