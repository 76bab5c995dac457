"""Features of keys from their context, and trees that learn from them."""

from __future__ import annotations

import numpy as np
import pytest

from amt.baselines.context import (
    FRAME_STEP,
    MIN_LOG_ODDS,
    NUM_CANDIDATES,
    context_features,
    fit_trees,
    refined_log_odds,
    sounding_keys,
)
from amt.notes import Notes


def random_log_odds(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(-3, 2, (2, 3, frames, 88)).astype(np.float32))  # type: ignore[return-value]


@pytest.mark.parametrize("frames", [1, 2, 5, 50, 100])
def test_short_slices_have_features(frames: int) -> None:
    found = context_features(*random_log_odds(frames))
    assert len(found.frames) == -(-frames // FRAME_STEP) and found.frames.max() < frames
    assert found.keys.shape == (3, len(found.frames), NUM_CANDIDATES)
    assert np.isfinite(found.features).all()


def test_slices_do_not_mix() -> None:
    frame, onset = random_log_odds(30)
    together = context_features(frame, onset)
    alone = context_features(frame[1:2], onset[1:2])
    np.testing.assert_array_equal(together.features[1:2], alone.features)


def test_a_key_sounds_from_its_onset_to_its_offset() -> None:
    notes = Notes([0.0, 1.0], [1.0, 2.0], [21, 108], [64, 64])
    sounds = sounding_keys(notes, np.array([-0.1, 0.0, 0.9, 1.0, 2.0]))
    assert sounds[:, 0].tolist() == [False, True, True, False, False]
    assert sounds[:, 87].tolist() == [False, False, False, True, False]
    assert not sounding_keys(Notes.empty(), np.zeros(2)).any()


def test_trees_learn_that_the_octave_above_a_likely_key_is_a_partial() -> None:
    """Keys 40 and 52 have the same log-odds, but 52 only sounds where 40 does not."""
    rng = np.random.default_rng(0)
    low, high = rng.random((2, 40)) < 0.5
    frame = np.full((40, 8, 88), -4.0, np.float32) + rng.normal(0, 0.1, (40, 8, 88))
    frame[low, :, 40] = frame[low, :, 52] = frame[high, :, 52] = 3.0
    onset = np.full_like(frame, -4.0)
    truth = np.zeros((40, 88), bool)
    truth[low, 40], truth[high & ~low, 52] = True, True
    found = context_features(frame, onset)
    sounds = np.take_along_axis(np.repeat(truth[:, None], 2, axis=1), found.keys, axis=2)
    trees = fit_trees(
        found.features[:30].reshape(-1, found.features.shape[-1]), sounds[:30].ravel(), 0
    )
    odds = refined_log_odds(trees, frame[30:], onset[30:])
    assert odds.shape == (10, 2, 88) and odds.dtype == np.float32
    assert ((odds > 0) == truth[30:, None]).mean() > 0.99
    assert (odds == MIN_LOG_ODDS).mean() == pytest.approx(1 - NUM_CANDIDATES / 88)
