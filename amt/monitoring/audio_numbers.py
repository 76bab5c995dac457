"""Level, noise floor, bandwidth, tuning and decay of a recording, in 20 ms for a minute of audio.

Each is one pass over spectra of frames that do not overlap, or over levels of short blocks. They
are made to be compared between recordings; they follow no standard of measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.features.tuning import FRAME, Tuning, power_spectra

SILENCE_DB = -120.0  # in place of minus infinity
BLOCK = 256  # samples: 16 ms at 16 kHz
BAND_BINS = 32  # bins of one band: 125 Hz at 16 kHz

NOISE_QUANTILE = 0.1  # of the frames: those in which no note sounds in a band
BANDWIDTH_DB = 60.0  # below the strongest band

DECAY_BLOCKS = 16  # over which a slope is fitted: 256 ms at 16 kHz
DECAY_QUANTILE = 0.95
MIN_FALL = 3.0  # dB per second: slower is no decay
MIN_DECAYS = 10

_TINY = 1e-12


@dataclass(frozen=True)
class AudioNumbers:
    """What is measured of the audio of a recording; None where it is too silent or too short.

    seconds: duration. level_db, peak_db: RMS and largest sample, in dB of full scale. noise_db: the
    level that remains where each band is softest. bandwidth_hz: upper edge of the highest band of
    125 Hz within 60 dB of the strongest. tuning_cents, tuning_clarity: as in `Tuning`.
    reverberation_s: seconds in which the sound falls by 60 dB where it falls fastest. Dampers stop
    strings within a tenth of a second, so that the room sets its lower limit.
    """

    seconds: float
    level_db: float
    peak_db: float
    noise_db: float | None = None
    bandwidth_hz: float | None = None
    tuning_cents: float | None = None
    tuning_clarity: float | None = None
    reverberation_s: float | None = None


def measure_audio(audio: np.ndarray, sample_rate: int, tuning: Tuning | None) -> AudioNumbers:
    """The numbers of mono audio (S,), floating-point in about -1..1; its tuning is known."""
    seconds = len(audio) / sample_rate
    level = _db(float(np.dot(audio, audio)) / max(len(audio), 1))
    peak = max(float(audio.max(initial=0)), -float(audio.min(initial=0)))
    if level <= SILENCE_DB or len(audio) < 2 * FRAME:
        return AudioNumbers(seconds, level, _db(peak**2))
    bands = _band_powers(audio)
    noise = _db(float(np.quantile(bands, NOISE_QUANTILE, axis=0).sum()))
    return AudioNumbers(
        seconds=seconds,
        level_db=level,
        peak_db=_db(peak**2),
        noise_db=noise,
        bandwidth_hz=_bandwidth(bands.mean(axis=0), sample_rate),
        tuning_cents=tuning.cents if tuning else None,
        tuning_clarity=tuning.clarity if tuning else None,
        reverberation_s=_reverberation(audio, sample_rate),
    )


def _db(power: float) -> float:
    return float(max(10 * np.log10(max(power, _TINY)), SILENCE_DB))


def _band_powers(audio: np.ndarray) -> np.ndarray:
    """Mean square of each frame in bands of BAND_BINS bins, (N, B)."""
    parts = [power[:, 1:].reshape(len(power), -1, BAND_BINS) for power in power_spectra(audio)]
    return np.concatenate([part.sum(axis=2) for part in parts])


def _bandwidth(bands: np.ndarray, sample_rate: int) -> float:
    """Upper edge in Hz of the highest of the bands (B,) that is not BANDWIDTH_DB weaker."""
    strong = np.flatnonzero(bands >= bands.max() * 10 ** (-BANDWIDTH_DB / 10))
    return float((strong[-1] + 1) * BAND_BINS * sample_rate / FRAME)


def _reverberation(audio: np.ndarray, sample_rate: int) -> float | None:
    """Seconds for 60 dB at the DECAY_QUANTILE of the rates at which the sound falls.

    Of the second difference of the samples: in high frequencies strings decay fast, rooms do not.
    """
    high = np.diff(audio, 2)
    blocks = high[: len(high) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = 10 * np.log10(np.einsum("ns,ns->n", blocks, blocks) / BLOCK + _TINY)
    line = np.arange(DECAY_BLOCKS) - (DECAY_BLOCKS - 1) / 2
    # np.convolve turns the line around, so that a falling level gives positive rates.
    fall = np.convolve(level, line / np.square(line).sum(), "valid") * sample_rate / BLOCK
    fall = fall[fall > MIN_FALL]
    return float(60 / np.quantile(fall, DECAY_QUANTILE)) if len(fall) >= MIN_DECAYS else None
