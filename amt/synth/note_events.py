"""Notes with times in samples, and adding their audio: shared by both pianos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amt.notes import Notes, extend_sustain, next_onsets

# Added after the end of the last note if no duration is given.
TAIL_SECONDS = 1.0
# More is an error in the notes' times; 12 hours are 3 GB of samples at 16 kHz.
MAX_HOURS = 12


@dataclass(frozen=True)
class NoteEvent:
    """One note with times in samples.

    start: the first sample at or after the onset; fraction: how far after it, 0-1 samples.
    damped, released: samples from the onset until the damper falls and until the key is released.
    """

    pitch: int
    velocity: int
    start: int
    fraction: float
    damped: int
    released: int


def note_events(
    notes: Notes, top_damper: int, samples: int, sample_rate: int
) -> Iterator[NoteEvent]:
    """The notes whose onset lies within `samples`.

    The damper falls when neither key nor pedal holds it. Above the pitch `top_damper` strings have
    no damper and sound until the next onset of the pitch.
    """
    stop = np.where(notes.pitch > top_damper, next_onsets(notes), extend_sustain(notes).offset)
    stop = np.minimum(stop, notes.onset + samples / sample_rate)
    start = np.ceil(np.round(notes.onset * sample_rate, 6))
    fraction = np.maximum(start - notes.onset * sample_rate, 0)
    damped = np.round((stop - notes.onset) * sample_rate)
    released = np.round((notes.offset - notes.onset) * sample_rate)
    for i in np.flatnonzero((start >= 0) & (start < samples)):
        yield NoteEvent(
            pitch=int(notes.pitch[i]),
            velocity=int(notes.velocity[i]),
            start=int(start[i]),
            fraction=float(fraction[i]),
            damped=int(damped[i]),
            released=int(released[i]),
        )


def empty_audio(notes: Notes, seconds: float | None, sample_rate: int) -> np.ndarray:
    """Zeros (S,) float32 of `seconds`; if None, until `TAIL_SECONDS` after the last offset.

    Raises ValueError for more than `MAX_HOURS`.
    """
    if seconds is None:
        seconds = extend_sustain(notes).end + TAIL_SECONDS
    if seconds > MAX_HOURS * 3600:
        hours = seconds / 3600
        raise ValueError(f"the notes last {hours:.0f} h; expected at most {MAX_HOURS} h to render")
    return np.zeros(round(seconds * sample_rate), dtype=np.float32)


def add_at(out: np.ndarray, audio: np.ndarray, start: int) -> None:
    """Add `audio` to `out` in place from sample `start` on; samples outside `out` are dropped."""
    skipped = max(-start, 0)
    count = min(len(audio), len(out) - start)
    if count > skipped:
        out[start + skipped : start + count] += audio[skipped:count]
