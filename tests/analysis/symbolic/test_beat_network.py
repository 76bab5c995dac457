"""The beat network and its posteriors: shapes, windows, right beats."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from amt.analysis.symbolic.beat_features import CHANNELS, FRAME_RATE
from amt.analysis.symbolic.beat_network import METRES, PERIODS, BeatNetwork
from amt.analysis.symbolic.beat_posteriors import (
    HOP,
    WINDOW,
    BeatPosteriors,
    beat_posteriors,
)
from amt.analysis.symbolic.beat_weights import load_beat_network
from amt.notes import COLUMNS, Notes
from amt.synth.metrical import MetricalPiece, metrical_piece

NAMES = ("asap", "open")


@pytest.fixture
def network() -> BeatNetwork:
    torch.manual_seed(0)
    return BeatNetwork(width=8, dim=16, blocks=2, heads=2).eval()


def scale(seconds: float) -> Notes:
    onset = np.arange(0.2, seconds, 0.5)
    return Notes(onset, onset + 0.41, 60 + np.arange(len(onset)) % 12, np.full(len(onset), 64))


def test_shapes(network: BeatNetwork) -> None:
    with torch.no_grad():
        found = network(torch.zeros(2, 40, CHANNELS))
    assert {name: tuple(logits.shape) for name, logits in found.items()} == {
        "beat": (2, 40),
        "downbeat": (2, 40),
        "metre": (2, 40, len(METRES)),
        "period": (2, 40, len(PERIODS)),
    }


@pytest.mark.parametrize("seconds", [0.5, 3.33, 40.0, 41.0, 100.0])
def test_every_frame_has_probabilities(network: BeatNetwork, seconds: float) -> None:
    notes = scale(seconds)
    found = beat_posteriors(notes, network)
    assert found.frame_rate == FRAME_RATE
    frames = len(found.beat)
    assert notes.onset[-1] * FRAME_RATE < frames <= (notes.onset[-1] + 5) * FRAME_RATE
    assert len({len(part) for part in (found.downbeat, found.metre, found.period)}) == 1
    assert ((found.beat >= 0) & (found.beat <= 1)).all()
    for part in (found.metre, found.period):
        np.testing.assert_allclose(part.sum(1), 1, atol=1e-5)


def test_no_notes_have_no_frames(network: BeatNetwork) -> None:
    found = beat_posteriors(Notes.empty(), network)
    assert found.beat.shape == (0,) and found.metre.shape == (0, len(METRES))


def test_windows_join_where_they_are_alike(network: BeatNetwork) -> None:
    """What repeats every HOP frames is the same in every window, and so are the posteriors."""
    period = HOP / FRAME_RATE
    parts = [scale(period).shift(period * number) for number in range(6)]
    notes = Notes(*(np.concatenate([getattr(p, name) for p in parts]) for name in COLUMNS))
    found = beat_posteriors(notes, network).beat
    second = (WINDOW - HOP) // 2 + HOP
    assert found[second : second + HOP].std() > 1e-4
    np.testing.assert_allclose(
        found[second : second + HOP], found[second + HOP : second + 2 * HOP], atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_beats_of_an_invented_piece_with_rubato_are_found(name: str) -> None:
    pieces = [metrical_piece(np.random.default_rng([99, seed]), 40.0) for seed in range(4)]
    found = [beat_posteriors(piece.notes, load_beat_network(name)) for piece in pieces]
    assert np.mean([f1(one, piece) for one, piece in zip(found, pieces, strict=True)]) > 0.6


def f1(found: BeatPosteriors, piece: MetricalPiece) -> float:
    """F1 of the frames that are more likely a beat than not, and than the frames around them."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(found.beat, 4), 9).max(1)
    beats = np.flatnonzero((found.beat > 0.5) & (found.beat == around)) / found.frame_rate
    near = np.abs(piece.beats[:, None] - beats[None]) < 0.07
    return 2 * near.any(1).sum() / (len(beats) + len(piece.beats))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_notes_give_the_same_posteriors(name: str) -> None:
    notes = metrical_piece(np.random.default_rng(0), 60.0).notes
    first, second = (beat_posteriors(notes, load_beat_network(name)) for _ in range(2))
    np.testing.assert_array_equal(first.beat, second.beat)


def test_a_long_piece_takes_seconds() -> None:
    """Five minutes take half a second on one quiet core."""
    notes, network = scale(300.0), load_beat_network("open")
    began = time.process_time()
    beat_posteriors(notes, network)
    assert time.process_time() - began < 8
