"""The numbers that are compared: their names for readers, and the vector of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amt.monitoring.numbers import VELOCITY_BIN, RecordingNumbers
from amt.notes import MIN_PITCH, NUM_KEYS

SEMITONES = 12


@dataclass(frozen=True)
class Compared:
    """A number of a recording, for readers: its name, unit, digits, and how a change is called."""

    label: str
    unit: str = ""
    digits: int = 2
    rose: str = "rose"
    fell: str = "fell"


_UP = {"rose": "went up", "fell": "went down"}
COMPARED = {
    "seconds": Compared("duration", "s", 0, "grew", "shrank"),
    "level_db": Compared("level", "dB", 0),
    "peak_db": Compared("peak level", "dB", 0),
    "noise_db": Compared("noise floor", "dB", 0),
    "bandwidth_hz": Compared("bandwidth", "Hz", 0, "grew", "shrank"),
    "tuning_cents": Compared("tuning", "cents", 0),
    "tuning_clarity": Compared("clarity of the tuning", digits=2),
    "reverberation_s": Compared("reverberation", "s", 2, "grew", "shrank"),
    "notes_per_second": Compared("notes per second", digits=1, **_UP),
    "polyphony": Compared("keys sounding at once", digits=1, **_UP),
    "pedal": Compared("time with the pedal down"),
    "pitch_mean": Compared("mean pitch", "semitones", 1),
    "pitch_spread": Compared("spread of the pitches", "semitones", 1, "grew", "shrank"),
    "velocity_mean": Compared("mean velocity", digits=0),
    "velocity_spread": Compared("spread of the velocities", digits=0, rose="grew", fell="shrank"),
    "onset_certainty": Compared("certainty of onsets"),
    "uncertain_onsets": Compared("uncertain onsets"),
    "expected_f1": Compared("F1 that the posteriors expect"),
    "frame_certainty": Compared("certainty of frames"),
    "warnings": Compared("warnings of files", digits=1, **_UP),
}
OCTAVES = np.arange(0, NUM_KEYS, SEMITONES)


def scalars(numbers: RecordingNumbers) -> dict[str, float | None]:
    """The numbers of COMPARED of a recording; those of pitches and velocities need notes."""
    pitch = _moments(numbers.pitches, MIN_PITCH, 1)
    velocity = _moments(numbers.velocities, VELOCITY_BIN / 2, VELOCITY_BIN)
    made = {
        "pitch_mean": pitch[0],
        "pitch_spread": pitch[1],
        "velocity_mean": velocity[0],
        "velocity_spread": velocity[1],
    }
    return {name: made[name] if name in made else getattr(numbers, name) for name in COMPARED}


def scalar_table(recordings: Sequence[RecordingNumbers]) -> dict[str, np.ndarray]:
    """Columns (N,) by name; NaN where a number is not known."""
    rows = [scalars(numbers) for numbers in recordings]
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in COMPARED}


def octave_shares(numbers: RecordingNumbers) -> np.ndarray:
    """Shares of the octaves from A0 up in the notes: (8,). The key of a piece is no drift."""
    counts = np.asarray(numbers.pitches, dtype=np.float64)
    return np.add.reduceat(counts, OCTAVES) / max(counts.sum(), 1.0)


def _moments(
    counts: Sequence[int], first: float, step: float
) -> tuple[float, float] | tuple[None, None]:
    """Mean and standard deviation of a histogram; None if it is empty."""
    weights = np.asarray(counts, dtype=np.float64)
    if not weights.sum():
        return None, None
    values = first + step * np.arange(len(weights))
    mean = float(np.average(values, weights=weights))
    return mean, float(np.sqrt(np.average(np.square(values - mean), weights=weights)))
