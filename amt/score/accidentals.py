"""Which notes of a bar need an accidental."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from amt.analysis.spelling import LETTERS
from amt.score.notation import Element


def signature_alter(step: str, fifths: int) -> int:
    """What a key signature does to a letter: 1 sharp, -1 flat, 0 nothing."""
    place = LETTERS.index(step)
    return (fifths - place + 6) // 7


def shown_accidentals(
    fifths: int, elements: Iterable[Element], octaves: Callable[[Fraction], int]
) -> set[tuple[int, int]]:
    """The notes of one staff in a bar that show an accidental: ids of elements and note numbers.

    elements: of all voices of the staff, sorted by start. octaves: by how many a note that starts
    at a time of the bar is written lower (8va). An accidental holds to the end of the bar for its
    letter and written octave; a note that continues a tie needs none.
    """
    shown = set()
    state: dict[tuple[str, int], int] = {}
    for element in elements:
        lower = octaves(element.start)
        for number, one in enumerate(element.notes):
            place = (one.spelling.step, one.spelling.octave - lower)
            current = state.get(place, signature_alter(one.spelling.step, fifths))
            if element.tie_from:
                continue
            if one.spelling.alter != current:
                shown.add((id(element), number))
            state[place] = one.spelling.alter
    return shown
