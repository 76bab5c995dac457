"""Notes to grids with the bundled networks."""

import numpy as np
import pytest
from generated_pieces import piece

from amt.analysis.symbolic.metrical import (
    SURE,
    WEIGHTS,
    estimate_grid,
    has_enough_onsets,
    weights_beside,
)
from amt.notes import Notes


def notes_at(onset: np.ndarray) -> Notes:
    return Notes(onset, onset + 0.2, np.full(len(onset), 60), np.full(len(onset), 70))


@pytest.mark.parametrize(
    "notes",
    [
        Notes.empty(),
        notes_at(np.arange(7.0)),
        notes_at(np.zeros(20)),
        notes_at(1e5 * np.arange(20)),
    ],
    ids=["nothing", "seven onsets", "a chord", "a month"],
)
def test_too_few_onsets_have_no_grid(notes: Notes) -> None:
    assert not has_enough_onsets(notes)
    assert estimate_grid(notes) is None


@pytest.mark.parametrize("weights", WEIGHTS)
def test_beats_of_a_generated_piece(weights: str) -> None:
    grid = estimate_grid(piece(bpm=100), weights)
    assert grid is not None
    true = 1 + np.arange(64) * 0.6
    # Each beat found is a beat or lies half-way between two.
    assert np.mean(np.abs(grid.beats[:, None] - np.append(true, true + 0.3)).min(1) < 0.05) > 0.9


def test_beats_of_the_open_network_are_never_certain() -> None:
    clear = piece(bpm=80)
    known, opened = estimate_grid(clear, "asap"), estimate_grid(clear, "open")
    assert known is not None and known.certainty >= SURE
    assert opened is not None and opened.certainty < SURE


def test_beats_move_with_the_notes() -> None:
    here = estimate_grid(piece(bpm=100))
    later = estimate_grid(piece(bpm=100).shift(100.0))
    earlier = estimate_grid(piece(bpm=100).shift(-3.0))
    assert here is not None
    assert later is not None
    assert earlier is not None
    np.testing.assert_allclose(later.beats - 100, here.beats, atol=1e-6)
    np.testing.assert_allclose(earlier.beats + 3, here.beats, atol=1e-6)


def test_open_weights_stand_beside_the_open_model() -> None:
    assert [weights_beside(name) for name in ("open", "base", "fast", None)] == [
        "open",
        "asap",
        "asap",
        "asap",
    ]
