"""The noises of the action: the hammer's thump and click, the key and damper coming back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amt.synth.instrument import Instrument
from amt.synth.room import coloured_noise
from amt.synth.strings import NOTE_RMS_DB

# Lowest and highest frequency (Hz) of each band, how long it rings against knock_decay, and how
# many dB it loses towards velocity 0.
BANDS = ((60.0, 250.0, 2.5, 0.0), (250.0, 2000.0, 1.0, 6.0), (2000.0, 7500.0, 0.5, 18.0))
BANK_SECONDS = 2


def knock(
    instrument: Instrument,
    pitch: int,
    strength: float,
    rng: np.random.Generator,
    sample_rate: int,
) -> np.ndarray:
    """What the hammer adds to a note of `strength` (0-1) from its onset on: float32 (n,)."""
    loss = 0.9 * instrument.dynamic_range_db * (1 - strength**instrument.velocity_curve)
    treble = float(np.interp(pitch, [60, 108], [0, 6]))
    dull = np.array([band[3] for band in BANDS]) * (1 - strength) ** 1.5
    level = NOTE_RMS_DB + instrument.knock_db + treble - loss - dull
    gains = (10 ** (level / 20)).astype(np.float32)
    return gains @ _excerpt(instrument, rng, sample_rate)


def key_up(instrument: Instrument, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """What is heard when a key is released, from the release on: float32 (n,)."""
    level = NOTE_RMS_DB + instrument.key_noise_db + rng.normal(0, 3)
    return _excerpt(instrument, rng, sample_rate)[0] * np.float32(10 ** (level / 20))


def _excerpt(instrument: Instrument, rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Another stretch of noise every time, under the envelope of each band: (bands, n)."""
    noise, envelopes = _bank(instrument, sample_rate)
    length = envelopes.shape[1]
    place = int(rng.integers(noise.shape[1] - length))
    return noise[:, place : place + length] * envelopes


@lru_cache(maxsize=4)
def _bank(instrument: Instrument, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in each band (bands, samples), of RMS 1 over all, and the envelopes of a knock."""
    rng = np.random.default_rng([instrument.seed, 3])
    samples = BANK_SECONDS * sample_rate
    hertz = np.fft.rfftfreq(samples, 1 / sample_rate)
    whole = np.fft.rfft(coloured_noise(rng, samples, instrument.knock_tilt_db, sample_rate, 60.0))
    noise = [np.fft.irfft(whole * ((hertz >= low) & (hertz < high))) for low, high, *_ in BANDS]
    decay = instrument.knock_decay * np.array([band[2] for band in BANDS])
    time = np.arange(int(6 * decay.max() * sample_rate)) / sample_rate
    envelopes = np.exp(-time / decay[:, None]) * np.minimum(time / 0.001, 1)
    return np.stack(noise).astype(np.float32), envelopes.astype(np.float32)
