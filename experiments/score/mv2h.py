"""MV2H: a score against another in five parts: pitches, voices, metre, values and harmony.

McLeod and Steedman (2018), "Evaluating automatic polyphonic music transcription", for scores that
lie on the time of one performance (their program without alignment). The pip package pyMV2H
compares keys of the estimate with themselves, so that its harmony is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

# Milliseconds within which onsets, and both ends of groups of the metre, are the same; a value.
ONSET, GROUP, VALUE = 50, 50, 100
# The score of a key that is a fifth off, and of the relative and the parallel key.
FIFTH, RELATIVE, PARALLEL = 0.5, 0.3, 0.2
Key = tuple[int, int, bool]
Pairs = dict[int, int]


@dataclass(frozen=True, eq=False)
class TimedScore:
    """A score on the time of a performance, in whole milliseconds; its notes are (N,).

    onset: as performed. start, stop: as written. voice: a number for each voice of each staff.
    groups: (G, 2) start and stop of sub-beats, beats and bars. keys: time, tonic (C is 0), and
    whether it is major, the first from the beginning on.
    """

    onset: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    pitch: np.ndarray
    voice: np.ndarray
    groups: np.ndarray
    keys: Sequence[Key]


@dataclass(frozen=True)
class Mv2h:
    """The five parts, 0 to 1."""

    pitch: float
    voice: float
    metre: float
    value: float
    harmony: float

    @property
    def mean(self) -> float:
        """The score itself."""
        return float(np.mean(astuple(self)))


def mv2h(reference: TimedScore, estimate: TimedScore) -> Mv2h:
    """The score of an estimated score."""
    partner = partners(reference, estimate)
    voice, checked = voice_score(reference, estimate, partner)
    lengths = (estimate.stop - estimate.start, reference.stop - reference.start)
    values = [value_score(lengths[0][note], lengths[1][partner[note]]) for note in checked]
    end = int(max(reference.stop.max(), reference.groups.max(initial=0)))
    return Mv2h(
        pitch=f1(len(partner), len(estimate.pitch), len(reference.pitch)),
        voice=voice,
        metre=metre_score(reference.groups, estimate.groups),
        value=float(np.mean(values)) if values else 0.0,
        harmony=harmony_score(reference.keys, estimate.keys, end),
    )


def f1(right: float, found: float, wanted: float) -> float:
    """F1 of so many right ones among those found and wanted."""
    return 2 * right / (found + wanted) if right else 0.0


def partners(reference: TimedScore, estimate: TimedScore) -> Pairs:
    """The note of the reference for each note of the estimate that has one: the first in time."""
    found: Pairs = {}
    for pitch in np.unique(estimate.pitch):
        mine, theirs = (np.flatnonzero(one.pitch == pitch) for one in (estimate, reference))
        free = theirs[np.argsort(reference.onset[theirs], kind="stable")].tolist()
        for note in mine[np.argsort(estimate.onset[mine], kind="stable")].tolist():
            near = [b for b in free if abs(reference.onset[b] - estimate.onset[note]) <= ONSET]
            if near:
                found[note] = near[0]
                free.remove(near[0])
    return found


def following(score: TimedScore, notes: np.ndarray) -> dict[int, set[int]]:
    """For each of these notes, the ones that come next in its voice.

    Those that start where it stops, or else those that start next.
    """
    result: dict[int, set[int]] = {}
    for voice in np.unique(score.voice[notes]):
        own = notes[score.voice[notes] == voice]
        start, stop = score.start[own], score.stop[own]
        for note, begin, end in zip(own.tolist(), start.tolist(), stop.tolist(), strict=True):
            # A grace note, which has no length, is followed by the notes at its place.
            later = (start >= end) & ((start > begin) | (stop > end))
            first = start[later].min(initial=np.iinfo(start.dtype).max)
            result[note] = set(own[later & (start == first)].tolist())
    return result


def voice_score(
    reference: TimedScore, estimate: TimedScore, partner: Pairs
) -> tuple[float, list[int]]:
    """F1 of the connections within voices, and the notes whose value is to be compared.

    These are the notes with a right connection, and those that rightly end their voice.
    """
    known = np.array(sorted(partner), dtype=int)
    mine = following(estimate, known)
    theirs = following(reference, np.array(sorted(partner.values()), dtype=int))
    whole = following(reference, np.arange(len(reference.pitch)))
    right = found = wanted = 0.0
    checked = []
    chords = _chord_sizes(estimate, known)
    for note, size in zip(known.tolist(), chords, strict=True):
        next_ones = {partner[other] for other in mine[note]}
        true, original = theirs[partner[note]], whole[partner[note]]
        if weight := (len(next_ones) + len(true)) / 2 * size:
            right += len(next_ones & true) / weight
            found += len(next_ones) / weight
            wanted += len(true) / weight
        if next_ones & original or not (next_ones or original):
            checked.append(note)
    return f1(right, found, wanted), checked


def _chord_sizes(score: TimedScore, notes: np.ndarray) -> list[int]:
    """For each of these notes, how many of its voice start and stop with it."""
    rows = np.stack([column[notes] for column in (score.voice, score.start, score.stop)])
    _, place, count = np.unique(rows, axis=1, return_inverse=True, return_counts=True)
    return count[place.ravel()].tolist()


def value_score(length: float, true: float) -> float:
    """The score of a written length in milliseconds."""
    difference = abs(length - true)
    return 1.0 if difference <= VALUE else max(0.0, 1 - difference / true) if true else 0.0


def metre_score(reference: np.ndarray, estimate: np.ndarray) -> float:
    """F1 of the groups of a metre, of all levels together."""
    free = np.ones(len(reference), dtype=bool)
    right = 0
    for group in estimate:
        near = np.flatnonzero(free & (np.abs(reference - group).max(axis=1, initial=0) <= GROUP))
        right += len(near) > 0
        free[near[:1]] = False
    return f1(right, len(estimate), len(reference))


def harmony_score(reference: Sequence[Key], estimate: Sequence[Key], end: int) -> float:
    """The mean score of the estimated keys over time, from the first key of the reference on."""
    total = 0.0
    for time, stop, key in _spans(reference, end):
        for begin, finish, found in _spans(estimate, end):
            total += max(min(stop, finish) - max(time, begin), 0) * key_score(found, key)
    return total / (end - reference[0][0])


def _spans(keys: Sequence[Key], end: int) -> list[tuple[int, int, Key]]:
    """Each key with its start and stop."""
    stops = [*(key[0] for key in keys[1:]), end]
    return [(key[0], min(stop, end), key) for key, stop in zip(keys, stops, strict=True)]


def key_score(found: Key, true: Key) -> float:
    """The score of a key: a right one, or a related one."""
    (_, tonic, major), (_, wanted, wanted_major) = found, true
    interval = (tonic - wanted) % 12
    if major == wanted_major:
        return {0: 1.0, 5: FIFTH, 7: FIFTH}.get(interval, 0.0)
    relative = 9 if wanted_major else 3
    return {0: PARALLEL, relative: RELATIVE}.get(interval, 0.0)
