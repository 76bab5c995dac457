"""What scores do not tell: kinds of mistakes, onset errors, note F1 by pitch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amt.evaluation.mistakes import KINDS, compare, count_mistakes
from amt.notes import MAX_PITCH, MIN_PITCH, Notes

# Edges of the histogram of onset errors, in milliseconds.
ERROR_EDGES = np.arange(-100, 101, 4)
_PITCHES = np.arange(MIN_PITCH, MAX_PITCH + 2)


def _no_errors() -> np.ndarray:
    return np.zeros(len(ERROR_EDGES) - 1, dtype=np.int64)


def _no_notes() -> np.ndarray:
    return np.zeros((4, len(_PITCHES) - 1), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Details:
    """Counts of notes, which can be added over pieces.

    reference: notes in all references. mistakes: by kind (`amt.evaluation.mistakes.KINDS`).
    onset_errors: histogram over ERROR_EDGES of notes that match within 100 ms. pitches: (4, 88), by
    pitch: notes of the references, those detected, notes of the estimates, those correct.
    """

    reference: int = 0
    mistakes: Counter[str] = field(default_factory=Counter)
    onset_errors: np.ndarray = field(default_factory=_no_errors)
    pitches: np.ndarray = field(default_factory=_no_notes)

    @staticmethod
    def of(reference: Notes, estimate: Notes) -> Details:
        """Those of one piece."""
        found = compare(reference, estimate)
        tables = (
            reference.pitch,
            reference.pitch[found.detected],
            estimate.pitch,
            estimate.pitch[found.correct],
        )
        errors = np.histogram(1000 * found.onset_errors, ERROR_EDGES)[0]
        pitches = np.stack([np.histogram(pitch, _PITCHES)[0] for pitch in tables])
        return Details(len(reference), count_mistakes(found), errors, pitches)

    def __add__(self, other: Details) -> Details:
        return Details(
            self.reference + other.reference,
            self.mistakes + other.mistakes,
            self.onset_errors + other.onset_errors,
            self.pitches + other.pitches,
        )

    def mistakes_per_hundred(self) -> dict[str, float]:
        """Mistakes of each kind per hundred notes of the references."""
        notes = max(self.reference, 1)
        return {kind: 100 * self.mistakes[kind] / notes for kind in KINDS}

    def note_f1_by_pitch(self) -> dict[int, float]:
        """Note F1 of each MIDI pitch that occurs in a reference or an estimate."""
        reference, detected, estimate, correct = self.pitches
        total = reference + estimate
        scores = (detected + correct) / np.maximum(total, 1)
        return {MIN_PITCH + int(key): float(scores[key]) for key in np.flatnonzero(total)}

    def as_document(self) -> dict[str, Any]:
        """As types that JSON has."""
        return {
            "reference_notes": self.reference,
            "mistakes_per_hundred": self.mistakes_per_hundred(),
            "onset_error_edges_ms": ERROR_EDGES.tolist(),
            "onset_errors": self.onset_errors.tolist(),
            "note_f1_by_pitch": self.note_f1_by_pitch(),
        }
