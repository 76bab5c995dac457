"""Notes on the clock of the samples, and where they are added up: shared by both pianos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amt.notes import Notes, extend_sustain

SUSTAIN_THRESHOLD = 64
TAIL_SECONDS = 1.0


@dataclass(frozen=True)
class Stroke:
    """One note on the clock of the samples.

    first: the first sample at or after the onset; late: how much after it, in samples (0-1).
    held, key: samples until the damper falls and until the key comes up.
    """

    pitch: int
    velocity: int
    first: int
    late: float
    held: int
    key: int


def strokes(notes: Notes, top_damper: int, samples: int, sample_rate: int) -> Iterator[Stroke]:
    """The notes that begin inside `samples`, held by key, pedal, or for want of a damper."""
    sustained = extend_sustain(notes, SUSTAIN_THRESHOLD).offset
    stop = np.where(notes.pitch > top_damper, _until_struck_again(notes), sustained)
    stop = np.minimum(stop, notes.onset + samples / sample_rate)
    first = np.ceil(np.round(notes.onset * sample_rate, 6))
    late = np.maximum(first - notes.onset * sample_rate, 0)
    held = np.round((stop - notes.onset) * sample_rate)
    key = np.round((notes.offset - notes.onset) * sample_rate)
    for i in np.flatnonzero((first >= 0) & (first < samples)):
        yield Stroke(
            pitch=int(notes.pitch[i]),
            velocity=int(notes.velocity[i]),
            first=int(first[i]),
            late=float(late[i]),
            held=int(held[i]),
            key=int(key[i]),
        )


def _until_struck_again(notes: Notes) -> np.ndarray:
    """When each note's key is struck again; infinity if never."""
    again = np.full(len(notes), np.inf)
    order = np.lexsort((notes.onset, notes.pitch))
    same = notes.pitch[order][1:] == notes.pitch[order][:-1]
    again[order[:-1][same]] = notes.onset[order][1:][same]
    return again


def blank(notes: Notes, seconds: float | None, sample_rate: int) -> np.ndarray:
    """Silence of `seconds`, or until a second after the last note: float32 (S,)."""
    if seconds is None:
        seconds = extend_sustain(notes, SUSTAIN_THRESHOLD).end + TAIL_SECONDS
    return np.zeros(round(seconds * sample_rate), dtype=np.float32)


def add(out: np.ndarray, sound: np.ndarray, first: int) -> None:
    """Add `sound` to `out` from sample `first` on; what stands outside `out` is left away."""
    skipped = max(-first, 0)
    count = min(len(sound), len(out) - first)
    if count > skipped:
        out[first + skipped : first + count] += sound[skipped:count]
