"""MUSTER: error rates of a score against another, of pitches, notes, onsets and offsets.

Nakamura, Benetos, Yoshii and Dixon (2018), "Towards complete polyphonic music transcription:
integrating multi-pitch detection and rhythm quantization". Its program needs C++ and shell; its
definitions are here. Two things differ. It aligns two scores by a hidden Markov model; here both
lie on the beats of a performance, and notes of one pitch belong together in their order. It
normalises offsets between two onsets from the onset of the note, so that a score that is right has
errors; here from the onset before the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

# Notes of one pitch belong together if they are less than so many beats apart.
TOLERANCE = 0.6
# Notes without a partner that are nearer are one note, with a wrong pitch.
SAME_PLACE = 0.3
# Times are the same within so many quarter notes.
SAME_TIME = 0.005
# Note values whose ratios are the tempo changes that cost one correction.
VALUES = [3 << n for n in range(2, 8)], [9 << n for n in range(1, 7)], [21 << n for n in range(6)]
EIGHTS = [8 << n for n in range(6)]
SCALES = np.array(
    [
        float(scale)
        for scale in {Fraction(a, b): 0 for a in sum(VALUES, EIGHTS) for b in sum(VALUES, EIGHTS)}
    ]
)


@dataclass(frozen=True, eq=False)
class WrittenNotes:
    """The notes of a score (N,): onset and value in quarter notes, pitch, staff (1 right, 2 left).

    place: where they sound, in beats of the performance, for the alignment alone.
    """

    place: np.ndarray
    onset: np.ndarray
    value: np.ndarray
    pitch: np.ndarray
    staff: np.ndarray

    def __getitem__(self, index: np.ndarray) -> WrittenNotes:
        return WrittenNotes(
            *(one[index] for one in (self.place, self.onset, self.value, self.pitch, self.staff))
        )


@dataclass(frozen=True)
class Muster:
    """Error rates in percent: of pitch, missing, extra, onset and offset; and of the staff."""

    pitch: float
    missing: float
    extra: float
    onset: float
    offset: float
    staff: float

    @property
    def mean(self) -> float:
        """Mean of the five published rates."""
        return (self.pitch + self.missing + self.extra + self.onset + self.offset) / 5


def muster(reference: WrittenNotes, estimate: WrittenNotes) -> Muster:
    """The error rates of an estimated score. Notes of both that are unisons count once.

    Notes of the reference after the last one that has a partner are left out.
    """
    reference, estimate = without_unisons(reference), without_unisons(estimate)
    same, wrong = alignment(reference, estimate)
    pairs = np.array(same + wrong).reshape(-1, 2)
    if len(pairs) < 2:
        return Muster(0.0, 100.0, 100.0, 0.0, 0.0, 0.0)
    wanted = int((reference.onset <= reference.onset[pairs[:, 0]].max()).sum())
    true, found = reference[pairs[:, 0]], estimate[pairs[:, 1]]
    order = np.lexsort((found.pitch, found.onset, true.onset))
    true, found = true[order], found[order]
    corrections, scale = rhythm_corrections(true.onset, found.onset)
    offsets = normalised_offsets(true, found, scale)
    late = np.abs(offsets - true.onset - true.value) > SAME_TIME
    return Muster(
        pitch=100 * len(wrong) / wanted,
        missing=100 * (wanted - len(pairs)) / wanted,
        extra=100 * (len(estimate.pitch) - len(pairs)) / len(estimate.pitch),
        onset=100 * corrections / len(pairs),
        offset=100 * float(late.mean()),
        staff=100 * float((true.staff != found.staff).mean()),
    )


def without_unisons(notes: WrittenNotes) -> WrittenNotes:
    """The notes without those that have the onset and pitch of another, in order of onset."""
    notes = notes[np.lexsort((-notes.value, notes.pitch, notes.onset))]
    again = (np.diff(notes.onset) < SAME_TIME) & (np.diff(notes.pitch) == 0)
    return notes[~np.append(False, again)[: len(notes.pitch)]]


def alignment(
    reference: WrittenNotes, estimate: WrittenNotes
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of a note of each that belong together: with the same pitch, and with another."""
    same = []
    for pitch in np.unique(reference.pitch):
        mine, theirs = (np.flatnonzero(one.pitch == pitch) for one in (reference, estimate))
        mine = mine[np.argsort(reference.place[mine], kind="stable")]
        theirs = theirs[np.argsort(estimate.place[theirs], kind="stable")]
        found = in_order(reference.place[mine], estimate.place[theirs])
        same += [(int(mine[a]), int(theirs[b])) for a, b in found]
    return same, _other_pitches(reference, estimate, same)


def in_order(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of places of two rising lists, in order, less than TOLERANCE apart.

    As many as possible, unless they are far apart: a pair costs its distance, a place without
    partner half of TOLERANCE.
    """
    alone = TOLERANCE / 2
    cost = [[alone * b for b in range(len(second) + 1)]]
    for distances in np.abs(first[:, None] - second).tolist():
        above, row = cost[-1], [cost[-1][0] + alone]
        for b, distance in enumerate(distances):
            row.append(min(above[b + 1] + alone, row[b] + alone, above[b] + distance))
        cost.append(row)
    pairs, a, b = [], len(first), len(second)
    while a and b:
        if cost[a][b] == cost[a - 1][b] + alone:
            a -= 1
        elif cost[a][b] == cost[a][b - 1] + alone:
            b -= 1
        else:
            a, b = a - 1, b - 1
            pairs.append((a, b))
    return pairs[::-1]


def _other_pitches(
    reference: WrittenNotes, estimate: WrittenNotes, same: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Pairs of the notes left over that are at one place, the nearest first."""
    mine = np.setdiff1d(np.arange(len(reference.pitch)), [a for a, _ in same])
    theirs = np.setdiff1d(np.arange(len(estimate.pitch)), [b for _, b in same])
    distance = np.abs(reference.place[mine][:, None] - estimate.place[theirs])
    interval = np.abs(reference.pitch[mine][:, None] - estimate.pitch[theirs])
    near = np.argwhere(distance < SAME_PLACE)
    order = np.lexsort((interval[tuple(near.T)], distance[tuple(near.T)]))
    pairs, used_mine, used_theirs = [], set(), set()
    for a, b in near[order].tolist():
        if a not in used_mine and b not in used_theirs:
            used_mine.add(a)
            used_theirs.add(b)
            pairs.append((int(mine[a]), int(theirs[b])))
    return pairs


def rhythm_corrections(true: np.ndarray, found: np.ndarray) -> tuple[int, float]:
    """The fewest corrections that make the onsets found (N,) the true ones, and the last scale.

    An interval between two onsets is right if it is the true one at the current scale, which begins
    with 1. An interval that is corrected costs one, and so does a change of scale.
    """
    right = np.abs(np.diff(true)[:, None] - np.diff(found)[:, None] * SCALES) < SAME_TIME
    cost = np.where(SCALES == 1, 0, 1)
    for row in right:
        cost = np.minimum(cost, cost.min() + 1) + ~row
    return int(cost.min()), float(SCALES[cost.argmin()])


def normalised_offsets(true: WrittenNotes, found: WrittenNotes, scale: float) -> np.ndarray:
    """Offsets of the notes found (N,) as they would be with the true onsets.

    An offset keeps its place between the onsets before and after it. After the last onset the value
    counts, at the last scale.
    """
    offset = found.onset + found.value
    result = true.onset + found.value * scale
    onsets = np.unique(found.onset)
    before = np.searchsorted(onsets, offset + SAME_TIME, "right") - 1
    for note in np.flatnonzero(offset <= onsets[-1] + SAME_TIME):
        start = onsets[before[note]]
        result[note] = _onset_near(true, found, start, found.pitch[note])
        if offset[note] > start + SAME_TIME:
            stop = onsets[before[note] + 1]
            length = _onset_near(true, found, stop, found.pitch[note]) - result[note]
            result[note] += abs(length) * (offset[note] - start) / (stop - start)
    return result


def _onset_near(true: WrittenNotes, found: WrittenNotes, onset: float, pitch: int) -> float:
    """The true onset of the note found at an onset, of several of the one nearest in pitch."""
    together = np.flatnonzero(found.onset == onset)
    return float(true.onset[together[np.abs(found.pitch[together] - pitch).argmin()]])
