"""Beams: which notes of a voice they connect, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, groupby

from amt.score.notation import Element
from amt.score.score import Bar


def beams_of(bar: Bar, elements: Sequence[Element]) -> list[tuple[str, ...]]:
    """The beams of each element, from the eighths' on: "begin", "continue", "end" or a hook.

    Notes shorter than a quarter are connected within a beat, eighths of half a bar in 4/4 too; a
    rest ends a beam.
    """
    beams: list[tuple[str, ...]] = [()] * len(elements)
    for group in _groups(bar, elements):
        counts = [flags(elements[index]) for index in group]
        for place, index in enumerate(group):
            beams[index] = tuple(
                _beam(counts, place, level) for level in range(1, counts[place] + 1)
            )
    return beams


def flags(element: Element) -> int:
    """Number of flags or beams of an element: 1 of an eighth, 0 of longer ones and of rests."""
    if not element.notes:
        return 0
    plain = element.written / 3 * 2 if element.dots else element.written
    return max(plain.denominator.bit_length() - 1, 0)


def _groups(bar: Bar, elements: Sequence[Element]) -> list[list[int]]:
    """Indices of elements that share a beam, two or more; each tuplet has its own."""
    span = _span(bar, elements)
    tuplets = accumulate(one.tuplet is not None and one.tuplet.starts for one in elements)
    numbered = [
        ((element.start // span, tuplet) if flags(element) else (-1 - index, 0), index)
        for index, (element, tuplet) in enumerate(zip(elements, tuplets, strict=True))
    ]
    groups = [[index for _, index in run] for _, run in groupby(numbered, lambda pair: pair[0])]
    return [group for group in groups if len(group) > 1]


def _span(bar: Bar, elements: Sequence[Element]) -> Fraction:
    """How much a beam may span: a beat; two in 4/4 where all is eighths; a bar of short beats."""
    if bar.beat <= Fraction(1, 2):
        return bar.length if bar.numerator <= 4 else 2 * bar.beat
    plain = all(element.stop - element.start >= Fraction(1, 2) for element in elements)
    if bar.signature == "4/4" and plain and not any(element.tuplet for element in elements):
        return Fraction(2)
    return bar.beat


def _beam(counts: Sequence[int], place: int, level: int) -> str:
    before = place > 0 and counts[place - 1] >= level
    after = place + 1 < len(counts) and counts[place + 1] >= level
    if before and after:
        return "continue"
    if before or after:
        return "end" if before else "begin"
    return "backward hook" if place > 0 else "forward hook"
