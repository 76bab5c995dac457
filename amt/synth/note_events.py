"""Notes on the sample clock, and where their sounds are added up: shared by both pianos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amt.notes import Notes, extend_sustain, next_onsets

# Silence after the last note has ended, where no duration is given.
TAIL_SECONDS = 1.0


@dataclass(frozen=True)
class NoteEvent:
    """One note on the sample clock.

    first: the first sample at or after the onset; late: how long after it, in samples (0-1).
    held, key: samples until the damper falls and until the key is released.
    """

    pitch: int
    velocity: int
    first: int
    late: float
    held: int
    key: int


def note_events(
    notes: Notes, top_damper: int, samples: int, sample_rate: int
) -> Iterator[NoteEvent]:
    """The notes that begin within `samples`.

    A note is held by its key or the pedal; above the pitch `top_damper` strings have no damper and
    sound until they are struck again.
    """
    stop = np.where(notes.pitch > top_damper, next_onsets(notes), extend_sustain(notes).offset)
    stop = np.minimum(stop, notes.onset + samples / sample_rate)
    first = np.ceil(np.round(notes.onset * sample_rate, 6))
    late = np.maximum(first - notes.onset * sample_rate, 0)
    held = np.round((stop - notes.onset) * sample_rate)
    key = np.round((notes.offset - notes.onset) * sample_rate)
    for i in np.flatnonzero((first >= 0) & (first < samples)):
        yield NoteEvent(
            pitch=int(notes.pitch[i]),
            velocity=int(notes.velocity[i]),
            first=int(first[i]),
            late=float(late[i]),
            held=int(held[i]),
            key=int(key[i]),
        )


def silence_for(notes: Notes, seconds: float | None, sample_rate: int) -> np.ndarray:
    """Zeros (S,) float32 of `seconds`, or until `TAIL_SECONDS` after the last note has ended."""
    if seconds is None:
        seconds = extend_sustain(notes).end + TAIL_SECONDS
    return np.zeros(round(seconds * sample_rate), dtype=np.float32)


def add_at(out: np.ndarray, sound: np.ndarray, first: int) -> None:
    """Add `sound` to `out` in place from sample `first` on; what lies outside `out` is dropped."""
    skipped = max(-first, 0)
    count = min(len(sound), len(out) - first)
    if count > skipped:
        out[first + skipped : first + count] += sound[skipped:count]
