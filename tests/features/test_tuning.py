"""The tuning of sounds of known tuning is found, and how it drifts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amt.features.tuning import FRAME, Tuning, estimate_tuning
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes
from amt.synth import piano


def chord(cents: np.ndarray | float, seconds: float = 8.0) -> np.ndarray:
    """Sines at A3, E4, C5 and A5, `cents` sharp: one number, or one for each sample."""
    size = round(seconds * SAMPLE_RATE)
    ratio = np.broadcast_to(2 ** (np.asarray(cents) / 1200), size)
    turns = np.cumsum(ratio) / SAMPLE_RATE
    hertz = 440 * 2 ** ((np.array([57, 64, 72, 81]) - 69) / 12)
    return (0.1 * np.sin(2 * np.pi * np.outer(hertz, turns)).sum(axis=0)).astype(np.float32)


def estimate(audio: np.ndarray) -> Tuning:
    found = estimate_tuning(audio, SAMPLE_RATE)
    assert found is not None
    return found


@pytest.mark.parametrize("cents", [-49.0, -40.0, -10.0, 0.0, 25.0, 49.0])
def test_a_constant_tuning(cents: float) -> None:
    found = estimate(chord(cents))
    assert found.cents == pytest.approx(cents, abs=1.0) and found.clarity > 0.9
    assert found.is_clear and not found.drifts and len(found.times) == 0


@pytest.mark.parametrize("cents", [70.0, -70.0, 130.0])
def test_beyond_half_a_semitone_it_is_the_nearest_one(cents: float) -> None:
    nearest = cents - 100 * round(cents / 100)
    assert estimate(chord(cents)).cents == pytest.approx(nearest, abs=1.0)


@pytest.mark.parametrize(("first", "last"), [(-30.0, 30.0), (20.0, -35.0), (0.0, 80.0)])
def test_a_drift_is_followed_across_half_a_semitone(first: float, last: float) -> None:
    seconds = 120.0
    audio = chord(np.linspace(first, last, round(seconds * SAMPLE_RATE)), seconds)
    found = estimate(audio)
    assert found.drifts and found.is_clear
    truth = np.interp(found.times, [0, seconds], [first, last])
    assert found.times[0] == 0 and abs(found.times[-1] - seconds) < 0.5
    np.testing.assert_allclose(found.curve[2:-2], truth[2:-2], atol=1.5)
    np.testing.assert_allclose(found.curve, truth, atol=abs(last - first) / 15)


@pytest.mark.parametrize("seconds", [3.0, 14.0, 20.0, 31.0, 46.0])
def test_short_recordings_that_drift(seconds: float) -> None:
    """Of one block there is a mean only; of more, a course."""
    found = estimate(chord(np.linspace(-30, 45, round(seconds * SAMPLE_RATE)), seconds))
    assert found.drifts == (seconds > 15) and len(found.times) == len(found.curve)
    assert np.all(np.diff(found.curve) > 0) and abs(found.cents - 7.5) < 4


@pytest.mark.parametrize("seed", range(4))
def test_a_passage_in_the_bass_is_no_drift(seed: int) -> None:
    rng = np.random.default_rng(seed)
    onset = np.arange(0.2, 79, 0.4)
    pitch = np.where(onset < 40, rng.integers(55, 80, len(onset)), rng.integers(24, 45, len(onset)))
    notes = Notes(onset, onset + 0.5, pitch, np.full(len(onset), 70))
    instrument = replace(piano.random_instrument(rng), tune_cents=0.0)
    found = estimate(piano.render(notes, instrument, rng, 80.0))
    assert not found.drifts and abs(found.cents) < 15


def test_hum_in_pauses_is_no_drift() -> None:
    audio = chord(0.0, 90.0)
    audio[20 * SAMPLE_RATE : 70 * SAMPLE_RATE] = 0
    audio += 0.02 * np.sin(2 * np.pi * 240 * np.arange(len(audio)) / SAMPLE_RATE)
    assert not estimate(audio).drifts


def test_a_drift_that_a_silence_interrupts_goes_on_after_it() -> None:
    audio = chord(np.linspace(-20, 20, 90 * SAMPLE_RATE), 90.0)
    audio[30 * SAMPLE_RATE : 61 * SAMPLE_RATE] = 0
    found = estimate(audio)
    assert found.drifts and not ((found.times > 38) & (found.times < 52)).any()
    assert found.curve[0] < -10 and found.curve[-1] > 10


def test_the_mean_of_a_drift_decides_which_semitone_it_is() -> None:
    """One that ends at 80 cents is about 40 sharp; one from 52 to 92 is about 28 flat."""
    size = 60 * SAMPLE_RATE
    assert estimate(chord(np.linspace(0, 80, size), 60.0)).curve[-1] > 50
    assert estimate(chord(np.linspace(52, 92, size), 60.0)).curve.max() < 0


def test_noise_has_no_clear_tuning() -> None:
    noise = np.random.default_rng(0).standard_normal(60 * SAMPLE_RATE).astype(np.float32) * 0.1
    found = estimate(noise)
    assert not found.is_clear and not found.drifts


@pytest.mark.parametrize("samples", [0, 1, 2 * FRAME - 1])
def test_clips_and_silence_have_none(samples: int) -> None:
    assert estimate_tuning(np.full(samples, 0.1, dtype=np.float32), SAMPLE_RATE) is None
    assert estimate_tuning(np.zeros(4 * FRAME, dtype=np.float32), SAMPLE_RATE) is None


def test_float64_is_taken_too() -> None:
    assert estimate(chord(20.0).astype(np.float64)).cents == pytest.approx(20, abs=1)
