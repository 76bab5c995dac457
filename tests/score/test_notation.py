"""Values and ties: what a bar of one voice looks like."""

from fractions import Fraction
from itertools import pairwise

import pytest

from amt.score.beams import beams_of
from amt.score.notation import Element, has_sign, tuplet_of, written_voice
from amt.score.score import Bar, ScoreNote, Spelling

NOTE = ScoreNote(60, 64, "right", 1, 0, Fraction(0), Fraction(1), Spelling("C", 0, 4), (0,))


def bar(numerator: int, denominator: int) -> Bar:
    compound = numerator > 3 and numerator % 3 == 0
    beat = Fraction(4 * (3 if compound else 1), denominator)
    length = Fraction(4 * numerator, denominator)
    return Bar(numerator, denominator, Fraction(0), length, beat)


def written(own: Bar, *spans: tuple[str, str]) -> list[str]:
    """The signs of a bar with notes from start to stop: "1/2", "r1" for a rest, "~" for a tie."""
    chords = [
        Element(Fraction(start), Fraction(stop), Fraction(0), (NOTE,)) for start, stop in spans
    ]
    return [
        ("" if one.notes else "r") + str(one.written) + "~" * one.tie_to
        for one in written_voice(own, chords)
    ]


@pytest.mark.parametrize(
    ("metre", "spans", "signs"),
    [
        ((4, 4), [], ["r4"]),
        ((4, 4), [("0", "4")], ["4"]),
        ((4, 4), [("0", "1"), ("1", "3"), ("3", "4")], ["1", "2", "1"]),
        ((4, 4), [("0", "1/2"), ("1/2", "3/2"), ("3/2", "4")], ["1/2", "1", "1/2~", "2"]),
        ((4, 4), [("0", "3/2"), ("3/2", "5/2"), ("5/2", "4")], ["3/2", "1/2~", "1/2", "3/2"]),
        ((4, 4), [("1", "2")], ["r1", "1", "r2"]),
        ((3, 4), [("0", "5/4"), ("5/4", "3")], ["1~", "1/4", "3/4~", "1"]),
        ((6, 8), [("0", "3/2"), ("3/2", "2"), ("2", "3")], ["3/2", "1/2", "1"]),
        ((6, 8), [("0", "1"), ("1", "2"), ("2", "3")], ["1", "1/2~", "1/2", "1"]),
        ((9, 8), [("0", "9/2")], ["3~", "3/2"]),
        ((2, 4), [("0", "1/3"), ("1/3", "2/3"), ("2/3", "1"), ("1", "2")], ["1/2"] * 3 + ["1"]),
        ((2, 4), [("0", "1/3"), ("1/3", "2")], ["1/2", "1~", "1"]),
        ((6, 8), [("0", "3/4"), ("3/4", "3/2"), ("3/2", "3")], ["3/4", "3/4", "3/2"]),
    ],
)
def test_signs(metre: tuple[int, int], spans: list[tuple[str, str]], signs: list[str]) -> None:
    assert written(bar(*metre), *spans) == signs


def test_triplets_have_a_bracket_over_the_beat() -> None:
    thirds = [Element(Fraction(k, 3), Fraction(k + 1, 3), Fraction(0), (NOTE,)) for k in range(3)]
    signs = written_voice(bar(2, 4), thirds)[:3]
    ratios = [(one.tuplet.actual, one.tuplet.normal) for one in signs if one.tuplet]
    assert ratios == [(3, 2)] * 3
    assert [one.tuplet.starts for one in signs if one.tuplet] == [True, False, False]
    assert [one.tuplet.stops for one in signs if one.tuplet] == [False, False, True]


@pytest.mark.parametrize(
    ("division", "beat", "notes", "ratio"),
    [
        (3, "1", 3, (3, 2)),
        (5, "1", 5, (5, 4)),
        (6, "1", 6, (6, 4)),
        (10, "1", 10, (10, 8)),
        (10, "1", 4, (5, 4)),
        (12, "1", 5, (6, 4)),
        (7, "3/2", 7, (7, 6)),
    ],
)
def test_tuplets(division: int, beat: str, notes: int, ratio: tuple[int, int]) -> None:
    found = tuplet_of(division, Fraction(beat), notes)
    assert (found.actual, found.normal) == ratio


def test_a_tuplet_spans_the_part_of_a_beat_that_needs_it() -> None:
    """Two ninths of a dotted quarter and its last two thirds: no tuplet of nine."""
    edges = [Fraction(0), Fraction(1, 6), Fraction(1, 2), Fraction(2, 3), Fraction(3, 2)]
    spans = [Element(a, b, Fraction(0), (NOTE,)) for a, b in pairwise(edges)]
    tuplets = [one.tuplet for one in written_voice(bar(6, 8), spans) if one.tuplet]
    assert [(one.actual, one.normal) for one in tuplets if one.starts] == [(3, 2), (6, 4)]


def test_which_values_have_a_sign() -> None:
    values = ["1", "3/2", "1/16", "4", "6", "5/4", "7/4", "1/3", "1/128", "16"]
    assert [has_sign(Fraction(value)) for value in values] == [True] * 5 + [False] * 5


def test_beams_connect_what_is_in_a_beat() -> None:
    edges = ["0", "1/2", "1", "5/4", "3/2", "2", "3"]
    spans = list(pairwise(edges))
    own = bar(3, 4)
    elements = written_voice(
        own, [Element(Fraction(a), Fraction(b), Fraction(0), (NOTE,)) for a, b in spans]
    )
    assert beams_of(own, elements) == [
        ("begin",),
        ("end",),
        ("begin", "begin"),
        ("continue", "end"),
        ("end",),
        (),
    ]
