"""The bar network: its features, what it makes of posteriors, and bars that are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amt.analysis.symbolic.bar_features import CHANNELS, LAGS, PLACES, bar_features
from amt.analysis.symbolic.bar_network import LEVELS, BarNetwork
from amt.analysis.symbolic.bar_posteriors import period_posterior, with_bars
from amt.analysis.symbolic.beat_network import METRES, PERIODS
from amt.analysis.symbolic.beat_posteriors import BeatPosteriors
from amt.analysis.symbolic.beat_weights import bundled_names, load_bar_network
from amt.notes import Notes
from amt.synth.metrical import metrical_piece

BEATS = 1 + 0.5 * np.arange(24)


def waltz() -> Notes:
    """A low note on every third of BEATS, a chord on the others; a note half a beat after each."""
    low = [(time, 40) for time in BEATS[::3]]
    chords = [(t, p) for n, t in enumerate(BEATS) if n % 3 for p in (60, 64, 67)]
    halves = [(time + 0.25, 72) for time in BEATS]
    onset, pitch = np.array(sorted(low + chords + halves)).T
    return Notes(onset, onset + 0.2, pitch, np.full(len(onset), 64))


def flat(frames: int) -> BeatPosteriors:
    even = [np.full((frames, n), 1 / n) for n in (len(METRES), len(PERIODS))]
    return BeatPosteriors(50, np.full(frames, 0.5), np.full(frames, 0.1), *even)


def test_features_place_notes_in_beats() -> None:
    found = bar_features(waltz(), BEATS)
    assert found.shape == (len(BEATS), CHANNELS) and found.dtype == np.float32
    number = np.expm1(found[:, :PLACES])
    assert number[:, 0].round().tolist() == [1, 3, 3] * 8
    assert number[:, PLACES // 2].round().tolist() == [1] * 24
    assert not np.delete(number, [0, PLACES // 2], axis=1).any()


def test_features_are_most_alike_a_bar_before() -> None:
    start = 2 * PLACES + 24 + len(LAGS)
    alike = bar_features(waltz(), BEATS)[12:, start : start + len(LAGS)].mean(0)
    assert [LAGS[n] for n in np.flatnonzero(alike > 0.99)] == [3, 6, 9, 12]


def test_notes_outside_the_beats_are_left_out() -> None:
    notes = waltz()
    part = bar_features(notes, BEATS[6:12])
    np.testing.assert_allclose(part[:, :PLACES], bar_features(notes, BEATS)[6:12, :PLACES])
    assert np.isfinite(bar_features(Notes.empty(), BEATS)).all()
    assert np.isfinite(bar_features(notes, np.array([1.0, 1.0 + 1e-9, 2.0]))).all()


def test_posteriors_change_near_beats_alone() -> None:
    torch.manual_seed(0)
    network = BarNetwork(width=8, hidden=4).eval()
    before = flat(700)
    after = with_bars(before, waltz(), BEATS, network)
    frames = np.rint(BEATS * 50).astype(int)
    assert (after.downbeat[frames] != 0.1).all() and (after.downbeat <= after.beat).all()
    assert (after.downbeat[frames[:-1] + 12] == 0.1).all()
    np.testing.assert_allclose(after.metre.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(after.period.sum(1), 1, atol=1e-5)
    assert after.beat is before.beat


def test_the_period_is_that_of_the_level() -> None:
    seconds, level = np.array([0.4, 0.4]), np.eye(len(LEVELS))[[0, LEVELS.index(2.0)]]
    found = period_posterior(seconds, level, PERIODS)
    assert PERIODS[found.argmax(1)] == pytest.approx([0.4, 0.8], rel=0.07)
    np.testing.assert_allclose(found.sum(1), 1)


@pytest.mark.parametrize("name", bundled_names())
def test_bars_of_invented_pieces_are_found(name: str) -> None:
    network = load_bar_network(name)
    right = []
    for seed in range(6):
        piece = metrical_piece(np.random.default_rng([98, seed]), 60.0)
        features = torch.from_numpy(bar_features(piece.notes, piece.beats))[None]
        found = network(features)["downbeat"][0].numpy() > 0
        both = (found & piece.downbeats).sum()
        right.append(2 * both / (found.sum() + piece.downbeats.sum()))
    assert np.mean(right) > 0.6
