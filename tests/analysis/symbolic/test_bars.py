"""Bars and metres of pieces, which are those of their scores."""

from dataclasses import replace

import numpy as np
import pytest
from generated_pieces import melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st
from steady_beats import steady_grid

from amt.analysis.symbolic.bars import MetreChange, covering, has_pickup, main_metre, metre_of
from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes
from amt.score.make import make_score

NOTES = melody([60] * 33)  # One in half a second, up to 16.5 s.


def with_pickup(beats: int, metre: tuple[int, int] = (4, 4)) -> MetricalGrid:
    """A beat in half a second, the first downbeat after so many."""
    grid = steady_grid(17.0, metre=metre)
    return replace(grid, downbeats=np.roll(grid.downbeats, beats) & (np.arange(34) >= beats))


def test_bars_begin_at_downbeats() -> None:
    found = metre_of(NOTES, steady_grid(17.0))
    assert (found.signature, found.beats) == ("4/4", 4)
    assert found.downbeats == (0, 2, 4, 6, 8, 10, 12, 14, 16)
    assert found.changes == (MetreChange(1, 0.0, "4/4"),)


def test_a_compound_bar_has_beats_of_three_units() -> None:
    found = metre_of(NOTES, steady_grid(17.0, metre=(6, 8)))
    assert (found.signature, found.beats, len(found.downbeats)) == ("6/8", 2, 17)


def test_a_pickup_is_not_counted() -> None:
    grid = with_pickup(3)
    assert has_pickup(grid)
    found = metre_of(NOTES, grid)
    assert found.downbeats[:2] == (1.5, 3.5)
    assert found.changes == (MetreChange(1, 1.5, "4/4"),)
    assert not has_pickup(with_pickup(4)) and not has_pickup(with_pickup(0))


def test_a_metre_that_changes_has_the_signature_of_the_most_music() -> None:
    spans = (MetreSpan(0, 4, 4), MetreSpan(1, 3, 4), MetreSpan(5, 4, 4))
    downbeats = np.isin(np.arange(34), [0, 4, 7, 10, 13, 16, 20, 24, 28, 32])
    grid = MetricalGrid(0.5 * np.arange(34), downbeats, spans)
    assert main_metre(grid).signature == "4/4"
    found = metre_of(NOTES, grid)
    assert [(one.bar, one.time, one.signature) for one in found.changes] == [
        (1, 0.0, "4/4"),
        (2, 2.0, "3/4"),
        (6, 8.0, "4/4"),
    ]


def test_a_pickup_has_the_metre_of_the_bar_after_it() -> None:
    grid = replace(with_pickup(2), metres=(MetreSpan(0, 3, 4), MetreSpan(1, 4, 4)))
    assert metre_of(NOTES, grid).changes == (MetreChange(1, 1.0, "4/4"),)


def test_bars_reach_over_all_notes() -> None:
    few = steady_grid(9.0, first=4.0)
    found = metre_of(NOTES, few)
    assert found.downbeats == (0, 2, 4, 6, 8, 10, 12, 14, 16)
    assert len(covering(few, NOTES).beats) == 36


@pytest.mark.parametrize(("last", "bars"), [(0.0, 4), (0.6, 4), (0.75, 5)])
def test_no_bar_is_added_after_the_beat_of_the_last_note(last: float, bars: int) -> None:
    beats = 1 + 0.5 * np.arange(8)
    grid = MetricalGrid(beats, np.arange(8) % 2 == 0, (MetreSpan(0, 2, 2),))
    onset = np.append(beats, beats[-1] + 0.5 * last)
    pitch = 60 + np.arange(9)
    notes = Notes(onset, onset + 0.2, pitch, np.full(9, 64))
    assert len(covering(grid, notes).bar_starts()) == len(make_score(notes, grid).bars) == bars


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 20),
    st.sampled_from([(4, 4), (3, 4), (2, 4), (6, 8), (2, 2)]),
    st.floats(0.0, 3.0),
    st.integers(0, 5),
)
def test_scores_have_the_same_bars(
    seed: int, metre: tuple[int, int], first: float, pickup: int
) -> None:
    notes = piece(seed, bars=4, jitter=0)
    grid = steady_grid(9.0, 0.6, first, metre)
    grid = replace(grid, downbeats=np.roll(grid.downbeats, pickup))
    score, found = make_score(notes, grid), metre_of(notes, grid)
    starts = score.grid.bars()[0][int(score.bars[0].pickup) :]
    shared = min(len(starts), len(found.downbeats))
    assert found.downbeats[:shared] == pytest.approx(starts[:shared])
    # Notes just before a bar may be written in it, and the other way round.
    assert abs(len(starts) - len(found.downbeats)) <= 1
