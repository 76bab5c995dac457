"""The numbers of one recording: of its audio, its notes and the certainty of the model.

They hold neither audio nor notes in their order, and no name: the recording cannot be made from
them, nor told whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from amt.features.tuning import estimate_tuning
from amt.monitoring.audio_numbers import AudioNumbers, measure_audio
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

if TYPE_CHECKING:  # It imports torch, which comparing does not need.
    from amt.inference.certainty import Certainty

VELOCITY_BIN = 8  # 16 bins: finer than the error of the models
VELOCITY_BINS = 128 // VELOCITY_BIN
DIGITS = 5  # significant ones that are written


@dataclass(frozen=True)
class RecordingNumbers:
    """Everything that is logged of one recording. None: not known, such as the tuning of silence.

    seconds to reverberation_s: see `AudioNumbers`. notes_per_second; polyphony, the mean number of
    keys that sound; pedal, the share of time with the sustain pedal down. onset_certainty,
    uncertain_onsets, expected_f1, frame_certainty: see `Certainty`. warnings: how many the file
    gave. pitches: notes of each key (88,). velocities: notes of velocities 0-7, 8-15 ... (16,).
    """

    seconds: float
    level_db: float
    peak_db: float
    noise_db: float | None
    bandwidth_hz: float | None
    tuning_cents: float | None
    tuning_clarity: float | None
    reverberation_s: float | None
    notes_per_second: float
    polyphony: float
    pedal: float | None
    onset_certainty: float | None
    uncertain_onsets: float | None
    expected_f1: float | None
    frame_certainty: float | None
    warnings: int
    pitches: tuple[int, ...]
    velocities: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain types, numbers with DIGITS digits."""
        return {name: _rounded(value) for name, value in asdict(self).items()}

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> RecordingNumbers:
        """The reverse; other keys are ignored. Raises ValueError for what is missing or wrong."""
        try:
            found = {field.name: document[field.name] for field in fields(RecordingNumbers)}
            scalars = {name: _number(name, found[name]) for name in SCALARS}
            counts = {name: tuple(map(int, found[name])) for name in ("pitches", "velocities")}
        except (KeyError, TypeError) as error:
            raise ValueError(f"no numbers of a recording: {error}") from error
        lengths = (len(counts["pitches"]), len(counts["velocities"]))
        if lengths != (NUM_KEYS, VELOCITY_BINS):
            expected = f"expected {NUM_KEYS} pitches and {VELOCITY_BINS} velocities"
            raise ValueError(f"{expected}, got {lengths}")
        return RecordingNumbers(**{**found, **scalars, **counts})


SCALARS = tuple(f.name for f in fields(RecordingNumbers) if "tuple" not in str(f.type))
_MAY_BE_UNKNOWN = {f.name for f in fields(RecordingNumbers) if "None" in str(f.type)}


def measure(
    audio: np.ndarray, sample_rate: int, notes: Notes, certainty: Certainty, warnings: int = 0
) -> RecordingNumbers:
    """The numbers of a recording: mono samples (S,), and what a model made of them."""
    measured = measure_audio(audio, sample_rate, estimate_tuning(audio, sample_rate))
    return combine(measured, notes, certainty, warnings)


def combine(
    audio: AudioNumbers, notes: Notes, certainty: Certainty, warnings: int = 0
) -> RecordingNumbers:
    """`measure` where the audio has been measured already, and is no longer there."""
    keys = np.clip(notes.pitch - MIN_PITCH, 0, NUM_KEYS - 1)
    return RecordingNumbers(
        **vars(audio),
        notes_per_second=len(notes) / max(audio.seconds, 1.0),
        polyphony=certainty.polyphony,
        pedal=certainty.pedal,
        onset_certainty=certainty.onset,
        uncertain_onsets=certainty.uncertain,
        expected_f1=certainty.expected_f1,
        frame_certainty=certainty.frame,
        warnings=warnings,
        pitches=tuple(np.bincount(keys, minlength=NUM_KEYS).tolist()),
        velocities=tuple(
            np.bincount(notes.velocity // VELOCITY_BIN, minlength=VELOCITY_BINS).tolist()
        ),
    )


def _number(name: str, value: Any) -> float | None:
    if value is None and name in _MAY_BE_UNKNOWN:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{name}={value!r}: expected a finite number")
    return value


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
