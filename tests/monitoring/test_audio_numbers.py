"""Numbers of audio: known levels, bands, tunings and decays are measured as they are."""

from __future__ import annotations

import numpy as np
import pytest

from amt.features.tuning import estimate_tuning
from amt.io.audio import SAMPLE_RATE
from amt.monitoring.audio_numbers import SILENCE_DB, AudioNumbers, measure_audio
from amt.synth.room import convolve

SECONDS = 6.0


def times(seconds: float = SECONDS) -> np.ndarray:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def chord(cents: float = 0.0, level: float = 0.1) -> np.ndarray:
    """Sines at A3, E4, C5 and A5, each that much sharp."""
    pitches = np.array([57, 64, 72, 81]) + cents / 100
    hertz = 440 * 2 ** ((pitches - 69) / 12)
    return (level * np.sin(2 * np.pi * np.outer(hertz, times())).sum(axis=0)).astype(np.float32)


def clicks(seconds: float = SECONDS) -> np.ndarray:
    """A burst of noise of 20 ms every second, and faint noise."""
    rng = np.random.default_rng(0)
    audio = rng.standard_normal(len(times(seconds))) * 1e-4
    for second in range(int(seconds)):
        first = second * SAMPLE_RATE
        audio[first : first + 320] += rng.standard_normal(320) * 0.2
    return audio.astype(np.float32)


def measure(audio: np.ndarray) -> AudioNumbers:
    return measure_audio(audio, SAMPLE_RATE, estimate_tuning(audio, SAMPLE_RATE))


def test_level_and_peak_of_a_sine() -> None:
    found = measure(np.sin(2 * np.pi * 1000 * times()).astype(np.float32) * 0.5)
    assert found.seconds == SECONDS
    assert found.level_db == pytest.approx(-9.03, abs=0.01)
    assert found.peak_db == pytest.approx(-6.02, abs=0.01)


def test_a_lower_level_changes_levels_only() -> None:
    loud, quiet = measure(chord()), measure(chord() * np.float32(0.1))
    for name in ("level_db", "peak_db", "noise_db"):
        assert getattr(quiet, name) == pytest.approx(getattr(loud, name) - 20, abs=0.1)
    assert quiet.tuning_cents == pytest.approx(loud.tuning_cents, abs=0.01)
    assert quiet.bandwidth_hz == loud.bandwidth_hz


@pytest.mark.parametrize("cents", [-40.0, -10.0, 0.0, 25.0])
def test_tuning(cents: float) -> None:
    found = measure(chord(cents))
    assert found.tuning_cents == pytest.approx(cents, abs=1.0)
    assert found.tuning_clarity is not None and found.tuning_clarity > 0.95


def test_noise_has_no_tuning() -> None:
    noise = np.random.default_rng(0).standard_normal(len(times())).astype(np.float32) * 0.1
    clarity = measure(noise).tuning_clarity
    assert clarity is not None and clarity < 0.2


def test_noise_floor_under_clicks() -> None:
    found = measure(clicks(20))
    assert found.noise_db == pytest.approx(-80, abs=3)
    assert found.level_db > -40


@pytest.mark.parametrize("hertz", [1000, 3000])
def test_bandwidth(hertz: int) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(len(times())))
    spectrum[np.fft.rfftfreq(len(times()), 1 / SAMPLE_RATE) > hertz] = 0
    found = measure(np.fft.irfft(spectrum).astype(np.float32) * 0.1)
    assert found.bandwidth_hz == pytest.approx(hertz, abs=125)


def test_reverberation_is_longer_in_a_hall() -> None:
    time = times(1.5)
    tail = np.random.default_rng(1).standard_normal(len(time)) * 10 ** (-3 * time / 2.0) * 0.05
    tail[0] = 1
    dry, wet = measure(clicks()), measure(convolve(clicks(), tail.astype(np.float32)))
    assert dry.reverberation_s is not None and wet.reverberation_s is not None
    assert dry.reverberation_s < 0.5
    assert wet.reverberation_s == pytest.approx(2.0, rel=0.35)


@pytest.mark.parametrize("samples", [0, 1, 100, 8191])
def test_silence_and_clips_have_levels_only(samples: int) -> None:
    found = measure(np.zeros(samples, dtype=np.float32))
    assert (found.level_db, found.noise_db, found.tuning_cents) == (SILENCE_DB, None, None)
    assert measure(np.full(samples, 0.5, dtype=np.float32)).noise_db is None
