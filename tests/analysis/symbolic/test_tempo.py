"""Tempo from beats."""

from dataclasses import replace

import numpy as np
import pytest
from generated_pieces import piece
from steady_beats import steady_grid

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.analysis.symbolic.metrical import SURE
from amt.analysis.symbolic.tempo import tempo_between, tempo_of
from amt.score.make import make_score
from amt.score.straight import steady_tempo


def slowing(metre: tuple[int, int] = (4, 4)) -> MetricalGrid:
    """Beats of 0.5 s that become beats of 1 s."""
    grid = steady_grid(32.0, metre=metre)
    return replace(grid, beats=np.cumsum(np.linspace(0.5, 1.0, len(grid.beats))))


def test_a_metronome_is_steady() -> None:
    found = tempo_of(steady_grid(32.0, 0.5))
    assert (found.slow, found.bpm, found.fast) == pytest.approx((120, 120, 120))
    assert (found.beat, found.certain) == (1, True)


def test_a_tempo_that_changes_has_a_spread() -> None:
    found = tempo_of(slowing())
    assert 60 < found.slow < found.bpm < found.fast < 120
    assert found.bpm == pytest.approx(80, abs=2)


def test_single_late_beats_are_evened_out() -> None:
    grid = steady_grid(32.0, 0.5)
    beats = grid.beats + 0.05 * (np.arange(len(grid.beats)) % 7 == 3)
    found = tempo_of(replace(grid, beats=beats))
    assert found.bpm == pytest.approx(120) and found.fast - found.slow < 8


@pytest.mark.parametrize(
    ("metre", "beat"), [((4, 4), 1), ((6, 8), 1.5), ((2, 2), 2), ((3, 8), 0.5)]
)
def test_the_length_of_a_beat_is_that_of_its_metre(metre: tuple[int, int], beat: float) -> None:
    found = tempo_of(steady_grid(32.0, 0.5, metre=metre))
    assert (found.beat, found.bpm, found.quarters) == pytest.approx((beat, 120, 120 * beat))


def test_beats_of_another_length_are_measured_in_those_of_the_most_music() -> None:
    """Eighths of 0.25 s in 4/4, then in 6/8: three of them are a beat there."""
    beats = np.concatenate([0.5 * np.arange(40), 20 + 0.75 * np.arange(8)])
    downbeats = np.concatenate([np.arange(40) % 4 == 0, np.arange(8) % 2 == 0])
    grid = MetricalGrid(beats, downbeats, (MetreSpan(0, 4, 4), MetreSpan(10, 6, 8)))
    found = tempo_of(grid)
    assert (found.slow, found.bpm, found.fast) == pytest.approx((120, 120, 120))


def test_a_part_has_a_tempo_of_its_own() -> None:
    grid = slowing()
    begin, end = tempo_between(grid, 0, 8), tempo_between(grid, 35, 60)
    assert begin is not None and end is not None
    assert begin.bpm > 100 and end.bpm < 70
    assert tempo_between(grid, 0.0, 0.6) is None
    assert tempo_between(grid, 100.0, 200.0) is None


def test_it_is_as_certain_as_the_beats() -> None:
    assert tempo_of(steady_grid(32.0, certainty=SURE)).certain
    assert not tempo_of(steady_grid(32.0, certainty=SURE - 0.01)).certain


@pytest.mark.parametrize("metre", [(4, 4), (6, 8)])
def test_scores_and_straight_notes_have_the_same_tempo(metre: tuple[int, int]) -> None:
    grid = slowing(metre)
    found = tempo_of(grid)
    score = make_score(piece(), grid)
    assert (score.tempo.bpm, float(score.tempo.beat)) == pytest.approx((found.bpm, found.beat))
    assert steady_tempo(grid) == round(found.quarters)
