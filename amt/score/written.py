"""The bars of a score as they are written: the elements of each voice of each hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from amt.score.notation import Element, written_voice
from amt.score.score import HANDS, Bar, Score, ScoreNote


@dataclass(frozen=True, eq=False)
class WrittenBar:
    """A bar: the elements of each hand's voices, and grace notes by (hand, voice, position).

    Voices that have no note in the bar are left out, except the first.
    """

    bar: Bar
    voices: dict[tuple[str, int], list[Element]]
    graces: dict[tuple[str, int, Fraction], list[ScoreNote]]


def written_bars(score: Score) -> list[WrittenBar]:
    """The bars of a score. Notes that sound over a bar line are tied over it."""
    chords = _chords(score)
    graces: list[dict[tuple[str, int, Fraction], list[ScoreNote]]] = [{} for _ in score.bars]
    for note in sorted((note for note in score.notes if note.grace), key=lambda note: note.order):
        place = (note.hand, note.voice, note.position)
        graces[note.bar].setdefault(place, []).append(note)
    return [
        WrittenBar(bar, _voices(bar, chords[number], graces[number]), graces[number])
        for number, bar in enumerate(score.bars)
    ]


def _voices(
    bar: Bar,
    chords: dict[tuple[str, int], list[Element]],
    graces: Iterable[tuple[str, int, Fraction]],
) -> dict[tuple[str, int], list[Element]]:
    """The written elements of the voices of a bar: of those with notes, and of the first."""
    used = {*chords, *((hand, voice) for hand, voice, _ in graces), *((hand, 1) for hand in HANDS)}
    return {
        place: written_voice(bar, chords.get(place, []))
        for place in sorted(used, key=lambda place: (HANDS.index(place[0]), place[1]))
    }


def _chords(score: Score) -> list[dict[tuple[str, int], list[Element]]]:
    """The chords of each bar by hand and voice, cut at bar lines and where the next one begins."""
    ends = [bar.start + bar.length for bar in score.bars]
    bars: list[dict[tuple[str, int], list[Element]]] = [defaultdict(list) for _ in score.bars]
    for place, own in _by_voice(score).items():
        for start, stop, notes in own:
            number = notes[0].bar
            while number < len(bars) and score.bars[number].start < stop:
                bar = score.bars[number]
                bars[number][place].append(
                    Element(
                        max(start, bar.start) - bar.start,
                        min(stop, ends[number]) - bar.start,
                        Fraction(0),
                        notes,
                        tie_from=start < bar.start,
                        tie_to=stop > ends[number] and number + 1 < len(bars),
                    )
                )
                number += 1
    return bars


def _by_voice(
    score: Score,
) -> dict[tuple[str, int], list[tuple[Fraction, Fraction, tuple[ScoreNote, ...]]]]:
    """The chords of each voice as start, stop (quarter notes in the piece) and notes."""
    groups: dict[tuple[str, int], dict[Fraction, list[ScoreNote]]] = defaultdict(dict)
    for note in score.notes:
        if not note.grace:
            start = score.bars[note.bar].start + note.position
            groups[note.hand, note.voice].setdefault(start, []).append(note)
    voices = {}
    for place, chords in groups.items():
        starts = [*sorted(chords), score.bars[-1].start + score.bars[-1].length]
        voices[place] = [
            (
                start,
                min(start + max(note.value for note in chords[start]), after),
                _sorted(chords[start]),
            )
            for start, after in pairwise(starts)
        ]
    return voices


def _sorted(notes: Iterable[ScoreNote]) -> tuple[ScoreNote, ...]:
    return tuple(sorted(notes, key=lambda note: (note.pitch, note.performed)))
