"""Whether corrected notes lie where a model hears notes: a constant shift, and a drift.

For each note the onsets of the same pitch that the model found within a second are compared. In a
block of 20 s the most frequent difference is the shift of the block; a line through the shifts of
all blocks gives shift and drift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

from amt.notes import Notes

_REACH_SECONDS = 1.0
_BLOCK_SECONDS = 20.0
# Differences this close belong together: the tolerance of a correct onset.
_TOLERANCE = 0.05
# A block says something if so many of its notes, and this fraction, have a common shift.
_MIN_NOTES = 5
_MIN_SHARE = 0.3
# Fewer blocks give no drift.
_MIN_BLOCKS = 3


@dataclass(frozen=True)
class Alignment:
    """Corrected notes against a model's.

    shift: seconds by which the corrected notes are late, in the middle of the recording. drift: by
    how much that grows from the beginning to the end. support: the fraction of corrected notes near
    which the model has a note, shift and drift taken away.
    """

    shift: float
    drift: float
    support: float


def align(notes: Notes, heard: Notes) -> Alignment:
    """How the corrected `notes` lie against the notes that a model `heard`."""
    onset, late = _differences(notes, heard)
    blocks = _block_shifts(notes.onset, onset, late)
    slope = 0.0
    if len(blocks) >= _MIN_BLOCKS:
        slope = float(theilslopes(blocks[:, 1], blocks[:, 0]).slope)
    centre = float(notes.onset.mean()) if len(notes) else 0.0
    residuals = blocks[:, 1] - slope * (blocks[:, 0] - centre)
    shift = float(np.median(residuals)) if len(blocks) else 0.0
    near = np.abs(late - shift - slope * (onset - centre)) <= _TOLERANCE
    support = len(np.unique(onset[near])) / max(len(np.unique(notes.onset)), 1)
    span = float(np.ptp(notes.onset)) if len(notes) else 0.0
    return Alignment(shift, slope * span, support)


def _differences(notes: Notes, heard: Notes) -> tuple[np.ndarray, np.ndarray]:
    """(D,) onsets of notes, and by how much each is later than a heard onset of its pitch."""
    onsets, late = [], []
    for pitch in np.unique(notes.pitch):
        own = notes.onset[notes.pitch == pitch]
        found = np.sort(heard.onset[heard.pitch == pitch])
        first, last = np.searchsorted(found, (own - _REACH_SECONDS, own + _REACH_SECONDS))
        counts = last - first
        index = (
            np.repeat(first, counts)
            + np.arange(counts.sum())
            - np.repeat(np.cumsum(counts) - counts, counts)
        )
        onsets.append(np.repeat(own, counts))
        late.append(np.repeat(own, counts) - found[index])
    empty = np.zeros(0)
    return np.concatenate([empty, *onsets]), np.concatenate([empty, *late])


def _block_shifts(all_onsets: np.ndarray, onset: np.ndarray, late: np.ndarray) -> np.ndarray:
    """(B, 2) mean time and shift of each block whose notes have a common shift."""
    rows = []
    for block in np.unique(all_onsets // _BLOCK_SECONDS):
        inside = onset // _BLOCK_SECONDS == block
        total = np.count_nonzero(all_onsets // _BLOCK_SECONDS == block)
        values = np.sort(late[inside])
        if not len(values):
            continue
        counts = np.searchsorted(values, values + _TOLERANCE, "right") - np.arange(len(values))
        best = int(counts.argmax())
        if counts[best] >= max(_MIN_NOTES, _MIN_SHARE * total):
            rows.append((onset[inside].mean(), np.median(values[best : best + counts[best]])))
    return np.array(rows).reshape(-1, 2)
