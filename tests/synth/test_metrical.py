"""Invented pieces with bars: beats, metres and notes that fit together."""

from __future__ import annotations

import numpy as np
import pytest

from amt.notes import COLUMNS
from amt.synth.metrical import MetricalPiece, metrical_piece
from amt.synth.phrases import METRE_KINDS

BEATS = {kind.signature: kind.beats for kind in METRE_KINDS}


@pytest.fixture(scope="module")
def pieces() -> list[MetricalPiece]:
    return [metrical_piece(np.random.default_rng(seed), 40.0) for seed in range(40)]


def test_the_same_seed_gives_the_same_piece() -> None:
    first, second, other = (metrical_piece(np.random.default_rng(seed), 20.0) for seed in (1, 1, 2))
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(first.notes, name), getattr(second.notes, name))
    np.testing.assert_array_equal(first.beats, second.beats)
    assert len(first.notes) != len(other.notes)


def test_beats_rise_and_bars_have_the_beats_of_their_metre(pieces: list[MetricalPiece]) -> None:
    for piece in pieces:
        assert (np.diff(piece.beats) > 0).all() and piece.beats[0] >= 0
        assert len(piece.beats) == len(piece.downbeats) == len(piece.metres)
        bars = np.flatnonzero(piece.downbeats)
        metres = [piece.metres[first] for first in bars[:-1]]
        assert np.diff(bars).tolist() == [BEATS[metre] for metre in metres]


def test_pieces_differ_in_metre_key_and_pickup(pieces: list[MetricalPiece]) -> None:
    assert len({piece.metres[0] for piece in pieces}) >= 6
    assert len({piece.major for piece in pieces}) >= 8
    pickups = [not piece.downbeats[0] for piece in pieces]
    assert 0.05 < np.mean(pickups) < 0.6


def test_beats_are_where_notes_begin(pieces: list[MetricalPiece]) -> None:
    """Most beats, and most of all downbeats, have an onset within 50 ms; between them are fewer."""
    for times, least in (("beats", 0.75), ("downbeats", 0.85)):
        shares = []
        for piece in pieces:
            chosen = piece.beats if times == "beats" else piece.beats[piece.downbeats]
            far = np.abs(chosen[:, None] - piece.notes.onset).min(1)
            shares.append(np.mean(far < 0.05))
        assert np.mean(shares) > least
