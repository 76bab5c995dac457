"""Straight notes: a performance with rubato becomes the score that was played."""

import numpy as np
import pytest

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.io.midi import midi_bytes, parse_midi
from amt.notes import Notes, Pedal
from amt.score.straight import steady_tempo, straight


def played(
    beats: list[float], pitch: list[int], metre: tuple[int, int] = (4, 4), pickup: int = 0
) -> tuple[Notes, MetricalGrid]:
    """Notes at places in beats, half a beat long, in a performance that slows down and wavers."""
    rng = np.random.default_rng(1)
    count = int(max(beats)) + 2
    periods = np.linspace(0.5, 0.7, count) * np.exp(rng.normal(0, 0.05, count))
    times = 1.3 + np.append(0.0, np.cumsum(periods[:-1]))
    span = MetreSpan(0, *metre)
    number = np.arange(count)
    downbeats = (number >= pickup) & ((number - pickup) % span.beats == 0)
    grid = MetricalGrid(times, downbeats, (span,))
    onset = grid.seconds(np.array(beats)) + rng.normal(0, 0.008, len(beats))
    offset = grid.seconds(np.array(beats) + 0.5)
    pedal = Pedal(grid.seconds(np.array([0.0, 2.0])), [64, 64], [127, 0])
    return Notes(onset, offset, pitch, np.full(len(beats), 70), pedal), grid


def test_notes_stand_on_the_grid_at_a_steady_tempo() -> None:
    beats = [0, 0.5, 1, 1.25, 1.5, 1.75, 2, 3, 4, 4.5, 5, 6, 7]
    notes, grid = played(beats, list(range(72, 72 + len(beats))))
    moved, tempo_map = straight(notes, grid, 120)
    np.testing.assert_allclose(moved.onset, 0.5 * np.array(beats), atol=1e-9)
    np.testing.assert_allclose(moved.offset - moved.onset, 0.25, atol=1e-9)
    assert [(one.quarter, one.numerator, one.denominator) for one in tempo_map.signatures] == [
        (0.0, 4, 4)
    ]
    np.testing.assert_allclose(moved.pedal.time, [0.0, 1.0], atol=1e-9)


def test_triplets_are_kept() -> None:
    beats = [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2, 3]
    notes, grid = played(beats, list(range(72, 80)))
    moved, _ = straight(notes, grid, 60)
    np.testing.assert_allclose(moved.onset, beats, atol=1e-9)


def test_a_pickup_is_the_end_of_the_first_bar() -> None:
    notes, grid = played([0, 0.5, 1, 2, 3, 4], [72, 74, 76, 77, 79, 81], (3, 4), pickup=1)
    moved, tempo_map = straight(notes, grid, 60)
    np.testing.assert_allclose(moved.onset, [2, 2.5, 3, 4, 5, 6], atol=1e-9)
    assert [one.quarter for one in tempo_map.signatures] == [0.0]


def test_compound_beats_have_three_eighths() -> None:
    notes, grid = played([0, 1 / 3, 2 / 3, 1, 2, 3], [72, 74, 76, 77, 79, 81], (6, 8))
    moved, _ = straight(notes, grid, 60)
    np.testing.assert_allclose(moved.onset, [0, 0.5, 1, 1.5, 3, 4.5], atol=1e-9)


def test_repeated_notes_do_not_fall_together() -> None:
    notes, grid = played([0, 0.04, 0.08, 1, 2, 3], [72, 72, 72, 74, 76, 77])
    moved, _ = straight(notes, grid)
    again, _ = parse_midi(midi_bytes(moved))
    assert len(again) == 6


def test_the_tempo_is_the_median_of_the_performance() -> None:
    notes, grid = played([0, 1, 2, 3, 4, 5, 6, 7], list(range(60, 68)))
    _, tempo_map = straight(notes, grid)
    assert tempo_map.slowest_quarter == pytest.approx(60 / steady_tempo(grid))
    assert 60 / 0.7 < steady_tempo(grid) < 60 / 0.5
