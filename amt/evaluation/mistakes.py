"""Count the mistakes of a transcription by kind; counts can be added over pieces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from amt.evaluation.metrics import ONSET_TOLERANCE, WIDE_ONSET_TOLERANCE, match
from amt.notes import Notes

# A missed and an added note of the same pitch at most this far apart are one mistake: wrong time.
NEAR_SECONDS = 0.25
# Intervals above a simultaneous note at which a note coincides with its overtones.
HIDING = (12, 19, 24)

# Kinds of added notes by interval from a simultaneous note of the reference, in semitones.
HARMONIC = {
    "added: octave": (-12, 12),
    "added: fifth": (-19, -7, 7, 19),
    "added: other harmonic": (-36, -24, 24, 28, 31, 34, 36),
}
KINDS = (
    "onset out of tolerance",
    *HARMONIC,
    "added: struck twice",
    "added: other",
    "missed: repeated",
    "missed: beside its octave",
    "missed: soft",
    "missed: other",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """An estimate compared with its reference, onsets within 50 ms.

    detected: which reference notes have a match. correct: which estimated notes have one.
    onset_errors: onset of the estimate minus that of the reference in seconds, of notes that match
    within 100 ms.
    """

    reference: Notes
    estimate: Notes
    detected: np.ndarray
    correct: np.ndarray
    onset_errors: np.ndarray


def compare(reference: Notes, estimate: Notes) -> Comparison:
    """Match the notes of an estimate with those of its reference."""
    pairs, wide = match(reference, estimate), match(reference, estimate, WIDE_ONSET_TOLERANCE)
    detected, correct = np.zeros(len(reference), dtype=bool), np.zeros(len(estimate), dtype=bool)
    detected[pairs[:, 0]], correct[pairs[:, 1]] = True, True
    onset_errors = estimate.onset[wide[:, 1]] - reference.onset[wide[:, 0]]
    return Comparison(reference, estimate, detected, correct, onset_errors)


def count_mistakes(comparison: Comparison) -> Counter[str]:
    """The number of mistakes of each of `KINDS`; each note counts once, as the first that applies.

    onset out of tolerance: a missed note, and an added note of its pitch within 0.25 s; counts as
    one mistake.
    added: octave, fifth (7 or 19 semitones), other harmonic: at this interval from a reference note
    that begins within 50 ms. added: struck twice: while its pitch sounds in the reference.
    missed: repeated: while its pitch still sounds. missed: beside its octave: one octave, a twelfth
    or two octaves above a note that begins within 50 ms. missed: soft: velocity in the lowest
    quarter of the piece.
    """
    reference, estimate = comparison.reference, comparison.estimate
    missed, added = np.flatnonzero(~comparison.detected), np.flatnonzero(~comparison.correct)
    near = match(reference.select(missed), estimate.select(added), NEAR_SECONDS)
    counts = Counter({"onset out of tolerance": len(near)})
    for index in np.delete(added, near[:, 1]):
        counts[_kind_added(reference, estimate.onset[index], estimate.pitch[index])] += 1
    softest = np.quantile(reference.velocity, 0.25) if len(reference) else 0.0
    for index in np.delete(missed, near[:, 0]):
        counts[_kind_missed(reference, int(index), float(softest))] += 1
    return counts


def _kind_added(reference: Notes, onset: float, pitch: int) -> str:
    together = np.abs(reference.onset - onset) <= ONSET_TOLERANCE
    intervals = pitch - reference.pitch[together]
    for kind, wanted in HARMONIC.items():
        if np.isin(intervals, wanted).any():
            return kind
    same = (reference.pitch == pitch) & (reference.onset < onset) & (reference.offset > onset)
    return "added: struck twice" if same.any() else "added: other"


def _kind_missed(reference: Notes, index: int, softest: float) -> str:
    onset, pitch = reference.onset[index], reference.pitch[index]
    before = (reference.pitch == pitch) & (reference.onset < onset)
    if (reference.offset[before] >= onset - ONSET_TOLERANCE).any():
        return "missed: repeated"
    together = np.abs(reference.onset - onset) <= ONSET_TOLERANCE
    if np.isin(pitch - reference.pitch[together], HIDING).any():
        return "missed: beside its octave"
    return "missed: soft" if reference.velocity[index] < softest else "missed: other"


def sounding(reference: Notes) -> np.ndarray:
    """The number of notes that sound at the onset of each note, itself included: (N,).

    Notes that begin at most 50 ms later count too, as notes of the same chord.
    """
    late = reference.onset + ONSET_TOLERANCE
    begun = np.searchsorted(reference.onset, late, side="right")
    ended = np.searchsorted(np.sort(reference.offset), reference.onset, side="right")
    return begun - ended
