"""What the beat network reads: notes as a sequence of frames.

Only onsets, key releases, pitches and velocities are used. Whether a note ends with its key or with
the pedal makes no difference to the format; the network is trained on both.
"""

from __future__ import annotations

import numpy as np

from amt.analysis.pitch import OCTAVE
from amt.notes import MIN_PITCH, NUM_KEYS, Notes

# Frames per second.
FRAME_RATE = 50
# Seconds after the last onset that are still looked at: a bar may end there, no beat is later.
TAIL_SECONDS = 2.0
# Channels beside the two rolls: see `onset_descriptors`.
DESCRIPTORS = 8
CHANNELS = 2 * NUM_KEYS + 2 * OCTAVE + DESCRIPTORS
# Distances between onsets are measured against this, in seconds, and within these limits.
USUAL_DISTANCE = 0.25
SHORTEST, LONGEST = 0.02, 8.0


def frame_count(notes: Notes) -> int:
    """Number of frames that describe a piece, from 0 s to TAIL_SECONDS after the last onset."""
    return int(np.ceil((notes.onset[-1] + TAIL_SECONDS) * FRAME_RATE)) if len(notes) else 0


def beat_features(notes: Notes, frames: int) -> np.ndarray:
    """Features (T, CHANNELS) float32 of `frames` frames; frame t is at t / FRAME_RATE seconds.

    An onset roll (88: velocity of the note, 0 to 1, plus 1), a roll of sounding notes (88: 1), the
    number of sounding notes of each pitch class (12), the pitch class of the lowest one (12: 1),
    and `onset_descriptors`.
    """
    notes = notes.select((notes.pitch >= MIN_PITCH) & (notes.pitch < MIN_PITCH + NUM_KEYS))
    start = np.rint(notes.onset * FRAME_RATE).astype(np.int64)
    notes, start = notes.select(start < frames), start[start < frames]
    stop = np.clip(np.rint(notes.offset * FRAME_RATE).astype(np.int64), start + 1, frames)
    key = notes.pitch - MIN_PITCH
    features = np.zeros((frames, CHANNELS), dtype=np.float32)
    features[start, key] = 1 + notes.velocity / 127
    sounding = _sounding(start, stop, key, frames)
    features[:, NUM_KEYS : 2 * NUM_KEYS] = sounding
    features[:, 2 * NUM_KEYS : -DESCRIPTORS] = harmony(sounding)
    features[:, -DESCRIPTORS:] = onset_descriptors(notes, start, stop, frames)
    return features


def _sounding(start: np.ndarray, stop: np.ndarray, key: np.ndarray, frames: int) -> np.ndarray:
    """1 where a key sounds, else 0: (T, 88)."""
    change = np.zeros((frames + 1, NUM_KEYS), dtype=np.int32)
    np.add.at(change, (start, key), 1)
    np.add.at(change, (stop, key), -1)
    return change[:-1].cumsum(0) > 0


def harmony(sounding: np.ndarray) -> np.ndarray:
    """Number of sounding keys (T, 88) of each pitch class, then which is the lowest: (T, 24)."""
    pitch_class = np.eye(OCTAVE, dtype=np.float32)[
        np.arange(MIN_PITCH, MIN_PITCH + NUM_KEYS) % OCTAVE
    ]
    lowest = pitch_class[sounding.argmax(1)] * sounding.any(1, keepdims=True)
    return np.concatenate([sounding.astype(np.float32) @ pitch_class, lowest], axis=1)


def onset_descriptors(notes: Notes, start: np.ndarray, stop: np.ndarray, frames: int) -> np.ndarray:
    """Summary (T, DESCRIPTORS) of the notes that begin in a frame; 0 in frames without an onset.

    Log of their number; highest velocity; longest duration; seconds from the onset before and to
    the next one; lowest and highest pitch; and in any frame the log of the number of notes that
    end. Durations are logarithms to base 2.
    """
    found = np.zeros((frames, DESCRIPTORS), dtype=np.float32)
    found[:, 7] = np.log1p(np.bincount(stop, minlength=frames + 1)[:frames])
    first = np.flatnonzero(np.diff(start, prepend=-1) > 0)
    if not len(first):
        return found
    at = start[first]
    duration = notes.offset - notes.onset
    distance = np.diff(at) / FRAME_RATE
    found[at, 0] = np.log1p(np.diff(np.append(first, len(start))))
    found[at, 1] = np.maximum.reduceat(notes.velocity, first) / 64
    found[at, 2] = _log_seconds(np.maximum.reduceat(duration, first))
    found[at, 3] = _log_seconds(np.append(LONGEST, distance))
    found[at, 4] = _log_seconds(np.append(distance, LONGEST))
    found[at, 5] = (np.minimum.reduceat(notes.pitch, first) - 50) / 12
    found[at, 6] = (np.maximum.reduceat(notes.pitch, first) - 70) / 12
    return found


def _log_seconds(seconds: np.ndarray) -> np.ndarray:
    return np.log2(np.clip(seconds, SHORTEST, LONGEST) / USUAL_DISTANCE)
