"""Level, noise floor, bandwidth, tuning and decay of a recording, in 20 ms for a minute of audio.

Each is one pass over spectra of frames that do not overlap, or over levels of short blocks. They
are made to be compared between recordings; they follow no standard of measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

SILENCE_DB = -120.0  # in place of minus infinity
FRAME = 4096  # samples: 0.26 s, and bins of 3.9 Hz, at 16 kHz
BLOCK = 256  # samples: 16 ms at 16 kHz
BAND_BINS = 32  # bins of one band: 125 Hz at 16 kHz
FRAMES_AT_ONCE = 256

NOISE_QUANTILE = 0.1  # of the frames: those in which no note sounds in a band
BANDWIDTH_DB = 60.0  # below the strongest band

TUNING_HZ = (220.0, 1760.0)  # A3 to A6: partials that are loud and hardly inharmonic
TUNING_DB = 40.0  # a partial is at most this far below the loudest one of its frame
A4_HZ = 440.0

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
    125 Hz within 60 dB of the strongest. tuning_cents: mean deviation of partials from A4 = 440 Hz,
    in -50..50. tuning_clarity: 1 if all partials deviate alike, 0 if evenly in all directions.
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


@torch.no_grad()
def measure_audio(audio: np.ndarray, sample_rate: int) -> AudioNumbers:
    """The numbers of mono audio (S,), floating-point in about -1..1."""
    seconds = len(audio) / sample_rate
    level = _db(float(np.dot(audio, audio)) / max(len(audio), 1))
    peak = max(float(audio.max(initial=0)), -float(audio.min(initial=0)))
    if level <= SILENCE_DB or len(audio) < 2 * FRAME:
        return AudioNumbers(seconds, level, _db(peak**2))
    bands, partials = _spectra(torch.from_numpy(audio), sample_rate)
    noise = _db(float(np.quantile(bands, NOISE_QUANTILE, axis=0).sum()))
    clarity, cents = abs(partials), float(np.angle(partials)) * 50 / np.pi
    return AudioNumbers(
        seconds=seconds,
        level_db=level,
        peak_db=_db(peak**2),
        noise_db=noise,
        bandwidth_hz=_bandwidth(bands.mean(axis=0), sample_rate),
        tuning_cents=cents if clarity else None,
        tuning_clarity=clarity if clarity else None,
        reverberation_s=_reverberation(audio, sample_rate),
    )


def _db(power: float) -> float:
    return float(max(10 * np.log10(max(power, _TINY)), SILENCE_DB))


def _spectra(audio: torch.Tensor, sample_rate: int) -> tuple[np.ndarray, complex]:
    """Mean square of each frame in bands of BAND_BINS bins, (N, B); and the mean partial.

    A partial is a complex number of length 1 whose angle is its deviation from the nearest key, a
    turn for a semitone; the mean is weighted by amplitude.
    """
    bands, total, weight = [], 0j, 0.0
    for power in _power(audio):
        bands.append(power[:, 1:].unflatten(1, (-1, BAND_BINS)).sum(dim=2).numpy())
        angle, amplitude = _partials(power.numpy(), sample_rate)
        total += complex((np.exp(1j * angle) * amplitude).sum())
        weight += float(amplitude.sum())
    return np.concatenate(bands), total / weight if weight else 0j


def _power(audio: torch.Tensor) -> Iterator[torch.Tensor]:
    """Power spectra (N, FRAME / 2 + 1) in blocks; all bins of a frame add up to its mean square."""
    window = torch.hann_window(FRAME)
    frames = audio[: len(audio) // FRAME * FRAME].float().unflatten(0, (-1, FRAME))
    for block in frames.split(FRAMES_AT_ONCE):
        spectrum = torch.fft.rfft(block * window)
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        yield power.mul_(2 / (FRAME * float(window.square().sum())))


def _partials(power: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles and amplitudes (P,) of the partials in power spectra (N, FRAME / 2 + 1).

    The frequency of a peak between bins is that of a parabola through three values in dB.
    """
    low, high = (round(hertz * FRAME / sample_rate) for hertz in TUNING_HZ)
    inside = power[:, low:high]
    floor = inside.max(axis=1, keepdims=True) * 10 ** (-TUNING_DB / 10)
    before, after = power[:, low - 1 : high - 1], power[:, low + 1 : high + 1]
    frame, column = np.nonzero((inside > before) & (inside >= after) & (inside > floor + _TINY))
    left, peak, right = (np.log(part[frame, column] + _TINY) for part in (before, inside, after))
    shift = (left - right) / (2 * (left - 2 * peak + right) - _TINY)
    hertz = (column + low + shift) * (sample_rate / FRAME)
    return 2 * np.pi * 12 * np.log2(hertz / A4_HZ), np.exp(peak / 2)


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
