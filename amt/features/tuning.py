"""How far a recording is from A4 = 440 Hz, and whether that changes, as on tapes that drift.

Each spectral peak (partial) deviates from the nearest key of the keyboard; deviations are angles, a
turn for a semitone, so that a mean is that of the vectors (as in the estimate of tuning of
Dressler and Streich, "Tuning frequency estimation using circular statistics", ISMIR 2007). Of
pianos the mean of a minute repeats within a third of a cent, whatever the speed of the playback.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FRAME = 4096  # samples: 0.26 s, and bins of 3.9 Hz, at 16 kHz
FRAMES_AT_ONCE = 256

A4_HZ = 440.0
PARTIALS_HZ = (220.0, 1760.0)  # A3 to A6: partials that are loud and hardly inharmonic
PARTIALS_DB = 40.0  # a partial is at most this far below the loudest one of its frame

BLOCK_SECONDS = 15.0
# Blocks with less amplitude than this share of the loudest, or less clear, follow their neighbours.
BLOCK_SHARE = 0.1
MIN_CLARITY = 0.25  # noise has less than 0.2, pianos from 0.33 upwards
# Blocks of recordings of real pianos that do not drift differ by up to 4 cents; a passage in the
# bass only may seem 15 flatter than one in the middle, as inharmonic strings are tuned.
DRIFT_CENTS = 20.0

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Tuning:
    """Deviation from A4 = 440 Hz (or from another semitone: the nearest one).

    cents: mean over the recording, in -50..50. clarity: 1 if all partials deviate alike, 0 if
    evenly in all directions. times (N,), in seconds, and curve (N,), in cents: how the deviation
    changes; empty if it does not, or if most of the recording has no clear pitch.
    """

    cents: float
    clarity: float
    times: np.ndarray
    curve: np.ndarray

    @property
    def drifts(self) -> bool:
        """Whether the deviation changes in the course of the recording."""
        return len(self.curve) > 0

    @property
    def is_clear(self) -> bool:
        """Whether there is a pitch to speak of. One that drifts has less clarity as a whole."""
        return self.drifts or self.clarity >= MIN_CLARITY


def estimate_tuning(audio: np.ndarray, sample_rate: int) -> Tuning | None:
    """The tuning of mono audio (S,), in 5 ms for a minute; None if it is too short or silent."""
    if len(audio) < 2 * FRAME:
        return None
    parts = [partial_sums(power, sample_rate) for power in power_spectra(audio)]
    vectors, amplitudes = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not amplitudes.sum():
        return None
    mean = vectors.sum() / amplitudes.sum()
    times, curve = _course(vectors, amplitudes, sample_rate)
    return Tuning(_cents(mean), float(abs(mean)), times, curve)


def power_spectra(audio: np.ndarray) -> Iterator[np.ndarray]:
    """Power spectra (N, FRAME / 2 + 1) in blocks; all bins of a frame add up to its mean square.

    The frames do not overlap.
    """
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    scale = 2 / (FRAME * float(np.square(window).sum()))
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * window)
        yield (np.square(spectrum.real) + np.square(spectrum.imag)) * scale


def partial_sums(power: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the partials in power spectra (N, FRAME / 2 + 1) the sum of each frame, complex (N,).

    A partial is a vector as long as its amplitude, in the direction of its deviation. Second: the
    sums of the amplitudes (N,). The frequency of a peak between bins is that of a parabola through
    three values in dB.
    """
    low, high = (round(hertz * FRAME / sample_rate) for hertz in PARTIALS_HZ)
    inside = power[:, low:high]
    floor = inside.max(axis=1, keepdims=True) * 10 ** (-PARTIALS_DB / 10)
    before, after = power[:, low - 1 : high - 1], power[:, low + 1 : high + 1]
    frame, column = np.nonzero((inside > before) & (inside >= after) & (inside > floor + _TINY))
    left, peak, right = (np.log(part[frame, column] + _TINY) for part in (before, inside, after))
    shift = (left - right) / (2 * (left - 2 * peak + right) - _TINY)
    hertz = (column + low + shift) * (sample_rate / FRAME)
    angle, amplitude = 2 * np.pi * 12 * np.log2(hertz / A4_HZ), np.exp(peak / 2)
    real, imaginary, total = (
        np.bincount(frame, values, len(power))
        for values in (amplitude * np.cos(angle), amplitude * np.sin(angle), amplitude)
    )
    return real + 1j * imaginary, total


def _course(
    vectors: np.ndarray, amplitudes: np.ndarray, sample_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    """`Tuning.times` and `Tuning.curve` of the sums of frames (N,)."""
    starts = np.arange(0, len(vectors), round(BLOCK_SECONDS * sample_rate / FRAME))
    sums, weights = (np.add.reduceat(values, starts) for values in (vectors, amplitudes))
    # A mean over three blocks, in which the louder one counts for more.
    sums, weights = (np.convolve(values, [0.25, 1, 0.25])[1:-1] for values in (sums, weights))
    known = (weights > BLOCK_SHARE * weights.max()) & (abs(sums) > MIN_CLARITY * weights)
    # A drift by more than half a semitone goes on in its direction.
    curve = np.unwrap(np.angle(sums[known])) * 50 / np.pi
    most = weights[known].sum() > weights.sum() / 2
    if not most or np.ptp(curve) < DRIFT_CENTS:
        return np.zeros(0), np.zeros(0)
    curve -= 100 * np.round(np.average(curve, weights=weights[known]) / 100)
    ends = np.append(starts[1:], len(vectors))
    times = (starts + ends)[known] / 2
    return _extended(times, curve, len(vectors), FRAME / sample_rate)


def _extended(
    times: np.ndarray, curve: np.ndarray, end: int, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """A course from the beginning to the end of a recording: first and last slope go on there.

    times, end: in frames of so many `seconds`.
    """
    first, last = np.diff(curve)[[0, -1]] / np.diff(times)[[0, -1]]
    start, stop = curve[0] - first * times[0], curve[-1] + last * (end - times[-1])
    return np.r_[0, times, end] * seconds, np.r_[start, curve, stop]


def _cents(vector: complex) -> float:
    return float(np.angle(vector)) * 50 / np.pi
