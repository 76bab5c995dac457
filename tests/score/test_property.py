"""Whatever is played, on whatever grid: every bar of the score adds up, and no note is lost."""

from __future__ import annotations

from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from musicxml_schema import schema_errors

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes, pedal_from_presses
from amt.score.json_score import score_json
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes
from amt.score.score import Score

METRES = ((4, 4), (3, 4), (2, 4), (6, 8), (9, 8), (12, 8), (3, 8), (2, 2), (6, 4), (5, 4), (6, 16))


@st.composite
def grids(draw: st.DrawFn) -> MetricalGrid:
    """Beats with any period, downbeats in any bar length, one or two metres."""
    periods = draw(st.lists(st.floats(0.15, 2.0), min_size=1, max_size=24))
    beats = draw(st.floats(-1.0, 3.0)) + np.cumsum([0.0, *periods])
    downbeats = np.array(draw(st.lists(st.booleans(), min_size=len(beats), max_size=len(beats))))
    spans = [MetreSpan(0, *draw(st.sampled_from(METRES)))]
    if draw(st.booleans()):
        spans.append(MetreSpan(draw(st.integers(1, 6)), *draw(st.sampled_from(METRES))))
    return MetricalGrid(beats, downbeats, tuple(spans))


@st.composite
def note_tables(draw: st.DrawFn) -> Notes:
    """Up to 40 notes at any time, of any length, many of them together; pedal presses."""
    count = draw(st.integers(0, 40))
    times = st.one_of(st.floats(0.0, 20.0), st.sampled_from([0.0, 1.0, 1.02, 1.1, 5.0]))
    onset = np.array([draw(times) for _ in range(count)])
    lengths = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.1, 300.0]))
    length = np.array([draw(lengths) for _ in range(count)])
    pitch = np.array([draw(st.integers(0, 127)) for _ in range(count)])
    velocity = np.array([draw(st.integers(1, 127)) for _ in range(count)])
    edges = sorted(draw(st.lists(st.floats(0.0, 20.0), max_size=6, unique=True)))
    presses = np.array(edges[: len(edges) // 2 * 2]).reshape(-1, 2)
    return Notes(onset, onset + length, pitch, velocity, pedal_from_presses(presses))


@settings(max_examples=40, deadline=None)
@given(notes=note_tables(), grid=grids())
def test_any_notes_on_any_grid(notes: Notes, grid: MetricalGrid) -> None:
    check(make_score(notes, grid, "any"), notes)


def regular(beats: int = 17, metre: tuple[int, int] = (4, 4), first: int = 0) -> MetricalGrid:
    """A grid of one beat in half a second. first: the first downbeat."""
    in_bar = MetreSpan(0, *metre).beats
    downbeats = (np.arange(beats) - first) % in_bar == 0
    return MetricalGrid(np.arange(beats) / 2, downbeats, (MetreSpan(0, *metre),))


def table(*rows: tuple[float, float, int]) -> Notes:
    """Notes from onset, offset and pitch, of velocity 64."""
    onset, offset, pitch = np.array(rows).T if rows else np.zeros((3, 0))
    return Notes(onset, offset, pitch, np.full(len(rows), 64))


CASES = {
    "no notes": table(),
    "one note": table((0.0, 0.5, 60)),
    "128 notes at once": table(*((1.0, 2.0, pitch) for pitch in range(128))),
    "one pitch again and again": table(*((0.01 * k, 0.01 * k + 0.005, 60) for k in range(200))),
    "a very long note": table((0.0, 4000.0, 60), (0.5, 0.6, 72)),
    "before the first beat": table((-3.2, -3.0, 60), (-0.2, 0.4, 62), (0.0, 0.5, 64)),
    "after the last beat": table((0.0, 0.5, 60), (19.3, 19.6, 62)),
    "lowest and highest": table((0.0, 0.5, 0), (0.0, 0.5, 127)),
}
GRIDS = {
    "plain": regular(),
    "pickup": regular(first=1),
    "two beats": regular(beats=2),
    "compound": regular(metre=(6, 8), first=1),
    "irregular": MetricalGrid(
        np.arange(12) / 2,
        np.isin(np.arange(12), (2, 7, 8)),
        (MetreSpan(0, 3, 4), MetreSpan(2, 6, 8)),
    ),
    "no downbeat": MetricalGrid(np.arange(9) / 2, np.zeros(9), (MetreSpan(0, 4, 4),)),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("case", CASES)
def test_odd_input(case: str, grid: str) -> None:
    check(make_score(CASES[case], GRIDS[grid], case), CASES[case])


def check(score: Score, notes: Notes) -> None:
    """Every note is in the score once, and its MusicXML is valid and adds up."""
    performed = sorted(index for note in score.notes for index in note.performed)
    assert performed == list(range(len(notes)))
    assert all(note.grace or note.value > 0 for note in score.notes)
    assert len(score_json(score)["notes"]) == len(notes)
    document = musicxml_bytes(score)
    assert document == musicxml_bytes(score)
    assert not schema_errors(document)
    root = ElementTree.fromstring(document)
    divisions = int(root.findtext(".//divisions") or 0)
    ids = [note.get("id") for note in root.iter("note") if note.get("id")]
    assert len(ids) == len(set(ids))
    for measure, bar in zip(root.iter("measure"), score.bars, strict=True):
        assert set(voice_lengths(measure, divisions).values()) <= {bar.length}


def voice_lengths(measure: ElementTree.Element, divisions: int) -> dict[str, Fraction]:
    """What the notes and rests of each voice of a bar add up to, in quarter notes."""
    lengths: dict[str, Fraction] = {}
    for note in measure.iter("note"):
        if note.find("chord") is None and note.find("grace") is None:
            voice = note.findtext("voice") or ""
            own = Fraction(int(note.findtext("duration") or 0), divisions)
            lengths[voice] = lengths.get(voice, Fraction(0)) + own
    return lengths
