"""What kinds of mistakes a transcription makes, and where: counts that can be added over pieces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from amt.evaluation.metrics import ONSET_TOLERANCE, WIDE_ONSET_TOLERANCE, match
from amt.notes import Notes

# An unmatched note of the right pitch that lies this near to a missed one has a wrong time.
NEAR_SECONDS = 0.25
# Above a note that begins with it, a note is hidden by its overtones.
HIDING = (12, 19, 24)

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
class Judgement:
    """One transcription against its reference, with 50 ms for onsets.

    found: which reference notes were found. right: which of the estimate are right. errors: onset
    of the estimate minus that of the reference in seconds, of notes that agree within 100 ms.
    """

    reference: Notes
    estimate: Notes
    found: np.ndarray
    right: np.ndarray
    errors: np.ndarray


def judge(reference: Notes, estimate: Notes) -> Judgement:
    """Which notes agree."""
    pairs, wide = match(reference, estimate), match(reference, estimate, WIDE_ONSET_TOLERANCE)
    found, right = np.zeros(len(reference), dtype=bool), np.zeros(len(estimate), dtype=bool)
    found[pairs[:, 0]], right[pairs[:, 1]] = True, True
    errors = estimate.onset[wide[:, 1]] - reference.onset[wide[:, 0]]
    return Judgement(reference, estimate, found, right, errors)


def count_mistakes(judged: Judgement) -> Counter[str]:
    """How many mistakes there are of each of KINDS; each note counts once, as the first that fits.

    onset out of tolerance: a note missed and one of its pitch added within 0.25 s, one mistake.
    Added: an octave, a fifth (7 or 19 semitones) or another harmonic interval away from a note of
    the reference that begins within 50 ms; struck twice: while its pitch sounds in the reference.
    Missed: repeated, while its pitch still sounds; beside its octave: one or two octaves or a
    twelfth above a note that begins within 50 ms; soft: softer than three quarters of its piece.
    """
    reference, estimate = judged.reference, judged.estimate
    missed, added = np.flatnonzero(~judged.found), np.flatnonzero(~judged.right)
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
    """How many notes sound at the onset of each, itself included: (N,).

    Notes that begin within 50 ms after it count as a chord with it.
    """
    late = reference.onset + ONSET_TOLERANCE
    begun = np.searchsorted(reference.onset, late, side="right")
    ended = np.searchsorted(np.sort(reference.offset), reference.onset, side="right")
    return begun - ended
