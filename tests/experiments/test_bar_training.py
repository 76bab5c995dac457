"""The training material of the bar network: beats of other levels, wrong beats, crops."""

from __future__ import annotations

import numpy as np
import pytest
from beat_material import UNKNOWN, Take, invented_takes
from train_bars import BEATS, at_other_level, crop, with_errors

from amt.analysis.symbolic.bar_features import CHANNELS
from amt.analysis.symbolic.bar_network import LEVELS


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    return [played[0] for played, _ in invented_takes(8, seed=3)]


def test_beats_of_another_level_keep_the_bars(takes: list[Take]) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for take in takes * 8:
        other, level = at_other_level(rng, take)
        seen.add(level)
        assert (np.diff(other.beats) > 0).all()
        np.testing.assert_array_equal(
            other.beats[other.downbeats], take.beats[take.downbeats][: other.downbeats.sum()]
        )
        ratio = len(other.beats) / len(take.beats)
        assert ratio == pytest.approx(LEVELS[level], rel=0.1)
    assert len(seen) >= 4


def test_wrong_beats_are_in_order_and_no_downbeats(takes: list[Take]) -> None:
    rng = np.random.default_rng(0)
    for take in takes * 4:
        wrong = with_errors(rng, take)
        assert (np.diff(wrong.beats) > 0).all()
        assert set(wrong.beats[wrong.downbeats]) <= set(take.beats[take.downbeats])
        assert len(wrong.beats) == len(wrong.downbeats) == len(wrong.metre) == len(wrong.strict)


def test_a_crop_has_targets_for_every_beat(takes: list[Take]) -> None:
    found = crop(np.random.default_rng(1), takes[0])
    assert found["features"].shape == (BEATS, CHANNELS) and np.isfinite(found["features"]).all()
    known = found["known"] > 0
    assert known.any() and (found["level"][known] != UNKNOWN).all()
    assert not found["downbeat"][~known].any()
    assert {name: column.shape for name, column in found.items() if name != "features"} == {
        name: (BEATS,) for name in ("downbeat", "known", "metre", "level")
    }
