"""Noise of the piano's action: hammer strokes and key releases."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amt.synth.instrument import Instrument
from amt.synth.room import coloured_noise
from amt.synth.strings import NOTE_RMS_DB

# For each band: lowest and highest frequency (Hz), decay time as a factor on hammer_noise_decay,
# and the dB it loses towards velocity 0.
BANDS = ((60.0, 250.0, 2.5, 0.0), (250.0, 2000.0, 1.0, 6.0), (2000.0, 7500.0, 0.5, 18.0))
NOISE_SECONDS = 2


def hammer_noise(
    instrument: Instrument,
    pitch: int,
    strength: float,
    rng: np.random.Generator,
    sample_rate: int,
) -> np.ndarray:
    """Noise of the hammer from the onset on, for a velocity of 127 * `strength`: float32 (n,)."""
    loss = 0.9 * instrument.dynamic_range_db * (1 - strength**instrument.velocity_curve)
    treble = float(np.interp(pitch, [60, 108], [0, 6]))
    softness = np.array([band[3] for band in BANDS]) * (1 - strength) ** 1.5
    level = NOTE_RMS_DB + instrument.hammer_noise_db + treble - loss - softness
    gains = (10 ** (level / 20)).astype(np.float32)
    return gains @ _noise_bursts(instrument, rng, sample_rate)


def key_release_noise(
    instrument: Instrument, rng: np.random.Generator, sample_rate: int
) -> np.ndarray:
    """Noise of key and damper from the key release on: float32 (n,)."""
    level = NOTE_RMS_DB + instrument.key_release_noise_db + rng.normal(0, 3)
    return _noise_bursts(instrument, rng, sample_rate)[0] * np.float32(10 ** (level / 20))


def _noise_bursts(instrument: Instrument, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """A random excerpt of the noise of each band, with the band's envelope: (bands, n)."""
    noise, envelopes = _noise_and_envelopes(instrument, sample_rate)
    length = envelopes.shape[1]
    start = int(rng.integers(noise.shape[1] - length))
    return noise[:, start : start + length] * envelopes


@lru_cache(maxsize=4)
def _noise_and_envelopes(instrument: Instrument, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in each band (bands, samples), of RMS 1 in all, and the envelopes of a stroke."""
    rng = np.random.default_rng([instrument.seed, 3])
    samples = NOISE_SECONDS * sample_rate
    hertz = np.fft.rfftfreq(samples, 1 / sample_rate)
    full_band = coloured_noise(rng, samples, instrument.hammer_noise_tilt_db, sample_rate, 60.0)
    spectrum = np.fft.rfft(full_band)
    noise = [np.fft.irfft(spectrum * ((hertz >= low) & (hertz < high))) for low, high, *_ in BANDS]
    decay = instrument.hammer_noise_decay * np.array([band[2] for band in BANDS])
    time = np.arange(int(6 * decay.max() * sample_rate)) / sample_rate
    envelopes = np.exp(-time / decay[:, None]) * np.minimum(time / 0.001, 1)
    return np.stack(noise).astype(np.float32), envelopes.astype(np.float32)
