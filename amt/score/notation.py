"""How a bar of one voice is written: notes, rests and ties of values that show the beat.

music21's makeNotation does not cut notes at beats, so this is ours: a value that has no sign of its
own, or that hides a beat, is cut at the strongest place inside it (Gould 2011, "Behind Bars").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import lcm

from amt.score.score import Bar, ScoreNote

# From a 256th note to a double whole note, without or with one dot.
SHORTEST, LONGEST = Fraction(1, 64), Fraction(8)
# Higher numbers of tuplets are halved where they can be, if few of their parts have notes.
MOST_ACTUAL, FEW_NOTES = 7, Fraction(2, 3)


@dataclass(frozen=True)
class Tuplet:
    """`actual` notes in the time of `normal`: 3 in the time of 2. starts, stops: its bracket."""

    actual: int
    normal: int
    starts: bool = False
    stops: bool = False


@dataclass(frozen=True)
class Element:
    """A chord or rest as it is written, from `start` to `stop` in quarter notes of its bar.

    written: value of its sign, in quarter notes: of a triplet eighth 1/2. notes: none for a rest.
    tie_from, tie_to: it continues the element before, or is continued by the one after it.
    """

    start: Fraction
    stop: Fraction
    written: Fraction
    notes: tuple[ScoreNote, ...] = ()
    tie_from: bool = False
    tie_to: bool = False
    tuplet: Tuplet | None = None

    @property
    def dots(self) -> int:
        """0, or 1 where the written value is three times a power of two."""
        return int(self.written.numerator % 3 == 0)


def written_voice(bar: Bar, chords: Sequence[Element]) -> list[Element]:
    """The elements of one voice that fill a bar, from its chords, sorted, which do not overlap.

    chords: `written` is not read; ties say whether they reach over the bar lines.
    """
    whole = _with_rests(chords, bar.length)
    cells = _tuplet_cells(bar, whole)
    edges = {edge for start, stop, _ in cells for edge in (start, stop)}
    elements: list[Element] = []
    for element in _cut(whole, edges):
        cell = next((cell for cell in cells if cell[0] <= element.start < cell[1]), None)
        elements += _tuplet_pieces(element, cell[2]) if cell else _pieces(element, bar)
    return _with_brackets(elements, cells)


def _with_rests(chords: Sequence[Element], length: Fraction) -> list[Element]:
    """The chords, and rests where there are none."""
    filled: list[Element] = []
    now = Fraction(0)
    for chord in chords:
        if chord.start > now:
            filled.append(Element(now, chord.start, Fraction(0)))
        filled.append(chord)
        now = chord.stop
    if now < length:
        filled.append(Element(now, length, Fraction(0)))
    return filled


def _cut(elements: Sequence[Element], edges: set[Fraction]) -> list[Element]:
    """The elements cut at the edges inside them, tied."""
    result = []
    for element in elements:
        inside = sorted(edge for edge in edges if element.start < edge < element.stop)
        result += _parts(element, inside)
    return result


def _parts(element: Element, places: Sequence[Fraction]) -> list[Element]:
    """The element cut at places inside it, in order; the parts of a chord are tied."""
    bounds = [element.start, *places, element.stop]
    last = len(bounds) - 2
    tied = bool(element.notes)
    return [
        replace(
            element,
            start=bounds[part],
            stop=bounds[part + 1],
            tie_from=element.tie_from if part == 0 else tied,
            tie_to=element.tie_to if part == last else tied,
        )
        for part in range(last + 1)
    ]


def _pieces(element: Element, bar: Bar) -> list[Element]:
    """The element as signs without tuplet."""
    value = element.stop - element.start
    whole_rest = not element.notes and value == bar.length
    if whole_rest or (has_sign(value) and _shows_beat(element, bar)):
        return [replace(element, written=value)]
    place = _strongest(element.start, element.stop, bar)
    return [piece for part in _parts(element, [place]) for piece in _pieces(part, bar)]


def has_sign(value: Fraction) -> bool:
    """Whether a value in quarter notes is one sign, without or with a dot."""
    if not SHORTEST <= value <= LONGEST or not dyadic(value):
        return False
    odd = value.numerator
    while odd % 2 == 0:
        odd //= 2
    return odd in (1, 3)


def dyadic(value: Fraction) -> bool:
    """Whether a time in quarter notes can be reached without tuplets."""
    return value.denominator & (value.denominator - 1) == 0


def _shows_beat(element: Element, bar: Bar) -> bool:
    """Whether a value that has a sign may stand where it does."""
    start, value = element.start % bar.beat, element.stop - element.start
    if element.start // bar.beat == (element.stop - SHORTEST) // bar.beat:
        return bool(element.notes) or _aligned(start, value, bar)
    crosses_half = element.start < _half(bar) < element.stop
    if start == 0:
        return not crosses_half or element.start == 0 or bool(element.notes)
    syncopated = start * 2 == bar.beat and value in (bar.beat, bar.beat * 3 / 2)
    return bool(element.notes) and syncopated and not crosses_half and not _compound(bar)


def _aligned(start: Fraction, value: Fraction, bar: Bar) -> bool:
    """Whether a rest inside a beat begins at a multiple of its value."""
    plain = value if value.numerator == 1 else value / 3
    return start % plain == 0 and (value.numerator == 1 or start == 0 or not _compound(bar))


def _compound(bar: Bar) -> bool:
    return bar.beat.numerator == 3


def _half(bar: Bar) -> Fraction:
    """The middle of a bar of four beats; its end for others."""
    return bar.length / 2 if bar.length == 4 * bar.beat else bar.length


def _strongest(start: Fraction, stop: Fraction, bar: Bar) -> Fraction:
    """The place inside a value where it is cut: the half of the bar, a beat, a part of a beat."""
    half = _half(bar)
    if start < half < stop and start % bar.beat != 0:
        return half
    step = bar.beat
    first = (start // step + 1) * step
    if start % step != 0 and first < stop:
        return first
    if start % step != 0 or start + step >= stop:
        step = bar.beat / 3 if _compound(bar) else bar.beat / 2
    while (last := (-(-stop // step) - 1) * step) <= start:
        step /= 2
    return last if start % bar.beat == 0 or step < bar.beat else first


def _tuplet_cells(bar: Bar, elements: Sequence[Element]) -> list[tuple[Fraction, Fraction, Tuplet]]:
    """The beats or parts of beats that need a tuplet: start, stop and the tuplet."""
    edges = sorted({edge for one in elements for edge in (one.start, one.stop)})
    cells: list[tuple[Fraction, Fraction, Tuplet]] = []
    for beat in range(int(bar.length / bar.beat)):
        start = beat * bar.beat
        inside = [edge - start for edge in edges if start < edge < start + bar.beat]
        if not all(dyadic(edge) for edge in inside):
            cells += _cells_of_beat(start, bar.beat, inside)
    return cells


def _cells_of_beat(
    start: Fraction, beat: Fraction, inside: Sequence[Fraction]
) -> list[tuple[Fraction, Fraction, Tuplet]]:
    """The tuplets of one beat: one, or one for each of the parts that its half or thirds cut."""
    for parts in (3, 2) if beat.numerator == 3 else (2,):
        part = beat / parts
        borders = [number * part for number in range(1, parts) if number * part in inside]
        if borders and dyadic(part) and part >= 1 / 2:
            cells = []
            for low, high in pairwise([Fraction(0), *borders, beat]):
                own = [edge - low for edge in inside if low < edge < high]
                if not all(dyadic(edge) for edge in own):
                    cells += _cells_of_beat(start + low, high - low, own)
            return cells
    return [(start, start + beat, tuplet_of(_divided(inside, beat), beat, len(inside) + 1))]


def _divided(inside: Sequence[Fraction], beat: Fraction) -> int:
    """Into how many equal parts the edges inside a beat divide it."""
    return lcm(*((edge / beat).denominator for edge in inside))


def tuplet_of(division: int, beat: Fraction, notes: int) -> Tuplet:
    """The tuplet of a beat in `division` equal parts: 3 in the time of 2, in compound ones of 3.

    A few notes in 12 parts are 6 in the time of 4: their signs are the same.
    """
    normal = 3 if beat.numerator == 3 else 1
    while normal * 2 <= division:
        normal *= 2
    few = notes <= FEW_NOTES * division
    while few and division > MOST_ACTUAL and division % 2 == normal % 2 == 0:
        division, normal = division // 2, normal // 2
    return Tuplet(division, normal)


def _tuplet_pieces(element: Element, tuplet: Tuplet) -> list[Element]:
    """The element, which is inside a tuplet, as signs."""
    ratio = Fraction(tuplet.actual, tuplet.normal)
    value = (element.stop - element.start) * ratio
    if has_sign(value):
        return [replace(element, written=value, tuplet=tuplet)]
    size = LONGEST
    while size >= value:
        size /= 2
    parts = _parts(element, [element.start + size / ratio])
    return [piece for part in parts for piece in _tuplet_pieces(part, tuplet)]


def _with_brackets(
    elements: list[Element], cells: Sequence[tuple[Fraction, Fraction, Tuplet]]
) -> list[Element]:
    """The elements, with the first and last of each tuplet marked."""
    starts, stops = {cell[0] for cell in cells}, {cell[1] for cell in cells}
    return [
        element
        if element.tuplet is None
        else replace(
            element,
            tuplet=replace(
                element.tuplet, starts=element.start in starts, stops=element.stop in stops
            ),
        )
        for element in elements
    ]
