"""The metrical grid: bars, metres and conversions between seconds, beats and quarter notes."""

import numpy as np
import pytest

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid


def waltz() -> MetricalGrid:
    """A pickup of one beat, two bars of 3/4 that slow down, a bar of 6/8."""
    beats = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.1, 3.8, 4.6, 5.6])
    downbeats = np.isin(np.arange(9), [1, 4, 7])
    return MetricalGrid(beats, downbeats, (MetreSpan(0, 3, 4), MetreSpan(3, 6, 8)), 0.9)


@pytest.mark.parametrize(
    ("signature", "beats", "quarters"),
    [
        ((4, 4), 4, 1.0),
        ((2, 2), 2, 2.0),
        ((3, 8), 3, 0.5),
        ((6, 8), 2, 1.5),
        ((9, 8), 3, 1.5),
        ((12, 8), 4, 1.5),
        ((6, 4), 2, 3.0),
        ((12, 16), 4, 0.75),
        ((5, 4), 5, 1.0),
    ],
)
def test_beats_of_a_metre(signature: tuple[int, int], beats: int, quarters: float) -> None:
    metre = MetreSpan(0, *signature)
    assert (metre.beats, metre.beat_quarters) == (beats, quarters)
    assert metre.signature == "{}/{}".format(*signature)


def test_an_irregular_bar_has_a_signature_of_its_own() -> None:
    assert MetreSpan(0, 6, 8).of_length(3) == (9, 8)
    assert MetreSpan(0, 6, 8).of_length(1) == (3, 8)
    assert MetreSpan(0, 4, 4).of_length(5) == (5, 4)


def test_the_pickup_is_a_bar() -> None:
    times, lengths = waltz().bars()
    assert times.tolist() == [0.5, 1.0, 2.5, 4.6]
    assert lengths.tolist() == [1, 3, 3, 2]
    assert waltz().pickup == 1
    assert waltz().bar_of_beat().tolist() == [0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_metre_of_bars() -> None:
    signatures = [waltz().metre(bar).signature for bar in (-1, 0, 2, 3, 9)]
    assert signatures == ["3/4", "3/4", "3/4", "6/8", "6/8"]


def test_positions_between_and_outside_of_beats() -> None:
    seconds = np.array([0.25, 0.5, 1.25, 3.45, 5.6, 6.6])
    position = waltz().position(seconds)
    np.testing.assert_allclose(position, [-0.5, 0, 1.5, 5.5, 8, 9])
    np.testing.assert_allclose(waltz().seconds(position), seconds)


def test_quarters_follow_the_metre() -> None:
    np.testing.assert_allclose(waltz().beat_quarters(), [0, 1, 2, 3, 4, 5, 6, 7, 8.5])
    np.testing.assert_allclose(
        waltz().quarters(np.array([-1.0, 6.5, 7.5, 9.0])), [-1, 6.5, 7.75, 10]
    )


def test_beats_are_added_at_both_ends() -> None:
    grid = waltz().covering(-0.7, 6.6)
    np.testing.assert_allclose(grid.beats[:4], [-1.0, -0.5, 0.0, 0.5])
    np.testing.assert_allclose(grid.beats[-3:], [5.6, 6.6, 7.6])
    assert np.flatnonzero(grid.downbeats).tolist() == [1, 4, 7, 10, 12]
    assert grid.metres == (MetreSpan(0, 3, 4), MetreSpan(4, 6, 8))
    assert grid.certainty == 0.9


def test_a_grid_that_covers_the_notes_stays() -> None:
    grid = waltz().covering(0.5, 5.5)
    assert grid.beats.tolist() == waltz().beats.tolist()
    assert grid.metres == waltz().metres


def test_without_downbeats_bar_0_begins_at_the_first_beat() -> None:
    grid = MetricalGrid(np.arange(4.0), np.zeros(4, bool), (MetreSpan(0, 2, 4),))
    assert grid.bars()[1].tolist() == [4]
    assert grid.pickup == 0
    assert np.flatnonzero(grid.covering(-1.5, 5.0).downbeats).tolist() == [0, 2, 6, 8]


@pytest.mark.parametrize(
    ("beats", "downbeats", "metres"),
    [
        ([0.0], [True], (MetreSpan(0, 4, 4),)),
        ([0.0, 0.0], [True, False], (MetreSpan(0, 4, 4),)),
        ([0.0, 1.0], [True], (MetreSpan(0, 4, 4),)),
        ([0.0, 1.0], [True, False], ()),
        ([0.0, 1.0], [True, False], (MetreSpan(1, 4, 4),)),
        ([0.0, 1.0], [True, False], (MetreSpan(0, 4, 4), MetreSpan(0, 3, 4))),
    ],
)
def test_contradictions_are_refused(
    beats: list[float], downbeats: list[bool], metres: tuple[MetreSpan, ...]
) -> None:
    with pytest.raises(ValueError, match=r"grid|downbeats|metres"):
        MetricalGrid(np.array(beats), np.array(downbeats), metres)
