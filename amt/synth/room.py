"""Reverberation, background noise, shelf filter and headroom of rendered audio.

No dependency has synthetic rooms or coloured noise. `convolve` could be scipy.signal.oaconvolve,
which would change the last bits of all rendered audio.
"""

from __future__ import annotations

import numpy as np

from amt.io.impulse_responses import DIRECT_SECONDS, direct_sound

MAX_PEAK = 0.98
MAX_SECONDS = 1.5


def coloured_noise(
    rng: np.random.Generator, samples: int, tilt_db: float, sample_rate: int, lowest: float = 30.0
) -> np.ndarray:
    """Noise (samples,) of RMS 1 whose spectrum falls by `tilt_db` per octave above `lowest` Hz.

    It is periodic, so that it can be repeated without a click.
    """
    hertz = np.fft.rfftfreq(samples, 1 / sample_rate)
    shape = np.maximum(hertz, lowest) ** (-tilt_db / 20 / np.log10(2))
    shape[hertz < lowest] = 0
    spectrum = (rng.standard_normal(len(hertz)) + 1j * rng.standard_normal(len(hertz))) * shape
    noise = np.fft.irfft(spectrum, samples)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


def synthetic_impulse_response(
    rng: np.random.Generator, level_db: float, seconds: float, damping: float, sample_rate: int
) -> np.ndarray:
    """A small room (S,): direct sound of 1 at sample 0, early reflections, a decaying tail.

    level_db: energy of the reverberation relative to the direct sound. seconds: time to decay by 60
    dB. damping: how much faster high frequencies decay (0-1).
    """
    samples = max(int(min(seconds, MAX_SECONDS) * sample_rate), 64)
    time = np.arange(samples) / sample_rate
    tail = np.zeros(samples)
    for tilt, factor in ((6.0, 1.0), (0.0, 1 - 0.7 * damping)):
        noise = coloured_noise(rng, samples, tilt, sample_rate)
        tail += noise * 10 ** (-3 * time / (seconds * factor))
    tail *= np.minimum(time / rng.uniform(0.004, 0.02), 1)
    tail /= np.sqrt(np.sum(tail**2))
    delays = rng.uniform(0.0015, 0.03, size=8)
    sample = np.minimum((delays * sample_rate).astype(int), samples - 1)
    np.add.at(tail, sample, rng.choice([-1, 1], size=8) * 0.25 * np.exp(-delays / 0.015))
    return _with_direct_sound(tail, level_db)


def measured_impulse_response(
    measured: np.ndarray, level_db: float, sample_rate: int
) -> np.ndarray:
    """A measured impulse response with a direct sound of 1 at sample 0: (S,), at most 1.5 s.

    level_db: energy of the reverberation (all after the first millisecond) relative to the direct
    sound. Raises ValueError if there is none.
    """
    first = direct_sound(measured, sample_rate)
    tail = measured[first : first + round(MAX_SECONDS * sample_rate)].astype(np.float64)
    tail[: round(DIRECT_SECONDS * sample_rate)] = 0
    if not tail.any():
        raise ValueError("an impulse response has no reverberation after its direct sound")
    return _with_direct_sound(tail * np.linspace(1, 0, len(tail)), level_db)


def _with_direct_sound(tail: np.ndarray, level_db: float) -> np.ndarray:
    """The tail scaled to an energy of `level_db`, with a direct sound of 1 at sample 0."""
    tail[0] = 0
    tail *= 10 ** (level_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail.astype(np.float32)


def low_shelf(gain_db: float, hertz: float, sample_rate: int) -> np.ndarray:
    """Impulse response of a low shelf: `gain_db` far below `hertz`, 0 dB far above.

    A filter with one pole, which does not delay onsets; cut where it has fallen to 1e-4.
    """
    pole = np.exp(-2 * np.pi * hertz / sample_rate)
    low_pass = (1 - pole) * pole ** np.arange(np.ceil(np.log(1e-4) / np.log(pole)))
    low_pass *= 10 ** (gain_db / 20) - 1
    low_pass[0] += 1
    return low_pass.astype(np.float32)


def convolve(audio: np.ndarray, response: np.ndarray) -> np.ndarray:
    """`audio` (S,) convolved with `response`, cut to (S,): overlap-add, float32."""
    size = 1 << int(np.ceil(np.log2(max(2 * len(response), 1 << 14))))
    hop = size - len(response) + 1
    spectrum = np.fft.rfft(response, size).astype(np.complex64)
    out = np.zeros(len(audio) + size, dtype=np.float32)
    for start in range(0, len(audio), hop):
        block = np.fft.rfft(audio[start : start + hop], size)
        out[start : start + size] += np.fft.irfft(block * spectrum, size)
    return out[: len(audio)]


def keep_headroom(audio: np.ndarray) -> np.ndarray:
    """The audio, scaled down as a whole if its peak would exceed MAX_PEAK."""
    peak = float(np.abs(audio).max(initial=0))
    return audio if peak <= MAX_PEAK else audio * np.float32(MAX_PEAK / peak)
