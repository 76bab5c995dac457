"""The chords of one hand: what is struck at once or rolled, trills as one note.

Chords are what the grid places: a trill would fill it with notes that nobody writes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.notes import Notes
from amt.score.chords import CHORD_SECONDS, chords

# A trill: two pitches at most so many semitones apart in turn, so many notes or more, at most so
# many seconds apart.
TRILL_SEMITONES, TRILL_NOTES, TRILL_SECONDS = 2, 8, 0.1
# A rolled chord: so many rising notes or more, each so soon after the one before, whose keys are
# all down so long after the last was struck.
ROLLED_NOTES, ROLLED_SECONDS, HELD_SECONDS = 3, 0.07, 0.08


@dataclass(frozen=True)
class Struck:
    """A note to be written: its pitch, and the indices of the performed notes it stands for."""

    pitch: int
    performed: tuple[int, ...]

    @property
    def trill(self) -> bool:
        """Whether it stands for a trill."""
        return len(self.performed) > 1


@dataclass(frozen=True)
class Chord:
    """Notes of one hand that begin at once. onset: their mean in seconds; the last's if rolled."""

    onset: float
    struck: tuple[Struck, ...]
    rolled: bool = False


def chords_of(notes: Notes, index: np.ndarray) -> list[Chord]:
    """The chords of the notes of one hand, `index` (M,) into the table, in order of time."""
    struck = struck_notes(notes, index)
    if not struck:
        return []
    first = np.array([one.performed[0] for one in struck])
    onset, rolled = _gathered(notes.onset[first], notes.offset[first], notes.pitch[first])
    number = chords(onset)
    groups: list[list[Struck]] = [[] for _ in range(int(number[-1]) + 1)]
    for one, group in zip(struck, number.tolist(), strict=True):
        groups[group].append(one)
    means = np.bincount(number, onset) / np.bincount(number)
    kinds = np.bincount(number, rolled) > 0
    return [
        Chord(float(mean), tuple(group), bool(kind))
        for mean, group, kind in zip(means, groups, kinds, strict=True)
    ]


def _gathered(
    onset: np.ndarray, offset: np.ndarray, pitch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Onsets, those of a rolled chord moved to its last, and which notes are of such a chord."""
    moved, rolled = onset.copy(), np.zeros(len(onset), dtype=bool)
    follows = (np.diff(onset) < ROLLED_SECONDS) & (np.diff(pitch) > 0)
    for start, stop in _runs(follows):
        spread = onset[stop - 1] - onset[start] > CHORD_SECONDS
        held = (offset[start:stop] >= onset[stop - 1] + HELD_SECONDS).all()
        if stop - start >= ROLLED_NOTES and spread and held:
            moved[start:stop], rolled[start:stop] = onset[stop - 1], True
    return moved, rolled


def struck_notes(notes: Notes, index: np.ndarray) -> list[Struck]:
    """The notes `index`, sorted by onset, those of a trill as one: its lower pitch."""
    trills = trills_of(notes.onset[index], notes.pitch[index])
    first_of = {members[0]: members for members in trills}
    others = {member for members in trills for member in members[1:]}
    struck = []
    for place in range(len(index)):
        members = first_of.get(place, [place])
        if place not in others:
            performed = tuple(int(index[member]) for member in members)
            struck.append(Struck(int(notes.pitch[list(performed)].min()), performed))
    return struck


def trills_of(onset: np.ndarray, pitch: np.ndarray) -> list[list[int]]:
    """The members of each trill among notes sorted by onset: positions, in order.

    Other notes may sound meanwhile: a trill is looked for among the notes of its two pitches.
    """
    taken = np.zeros(len(onset), dtype=bool)
    trills = []
    for low in np.unique(pitch):
        for high in range(int(low) + 1, int(low) + TRILL_SEMITONES + 1):
            own = np.flatnonzero(((pitch == low) | (pitch == high)) & ~taken)
            for run in _alternations(onset[own], pitch[own]):
                members = own[run[0] : run[1]].tolist()
                taken[members] = True
                trills.append(members)
    return trills


def _alternations(onset: np.ndarray, pitch: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of the runs in which two pitches take turns fast enough for a trill."""
    follows = (np.diff(onset) < TRILL_SECONDS) & (np.diff(pitch) != 0)
    return [(start, stop) for start, stop in _runs(follows) if stop - start >= TRILL_NOTES]


def _runs(follows: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of the runs of notes of which each next one `follows` (N - 1,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], follows.astype(np.int8), [0]])))
    return [(int(a), int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
