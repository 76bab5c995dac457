"""Fingerprints of recordings: the same audio is found again in another format or at another level.

After Haitsma and Kalker 2002, "A highly robust audio fingerprinting system": bit (t, m) says
whether the energy difference between bands m and m + 1 rose since frame t - 1. Written here, since
Chromaprint is a library in C that pip does not bring.
"""

from __future__ import annotations

import base64

import numpy as np
from scipy.signal import fftconvolve

from amt.io.audio import SAMPLE_RATE

HOP_SECONDS = 0.1
_WINDOW_SECONDS = 0.4
_BITS = 16
_LOWEST, _HIGHEST = 200.0, 4000.0
# Recordings longer than this are known by their beginning.
_MAX_SECONDS = 1200.0
# Two fingerprints of the same audio agree in this fraction of their bits, or more: 0.77 with lossy
# coding, noise and a shift of half a hop; of the same performance on two pianos at most 0.60.
SAME = 0.7
# Below this many frames nothing is said.
_MIN_FRAMES = 20


def fingerprint(audio: np.ndarray) -> str:
    """The fingerprint of audio (S,) at SAMPLE_RATE: 16 bits for each 0.1 s, in base64."""
    hop, size = (round(seconds * SAMPLE_RATE) for seconds in (HOP_SECONDS, _WINDOW_SECONDS))
    audio = audio[: round(_MAX_SECONDS * SAMPLE_RATE)]
    if len(audio) < size + hop:
        return ""
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[::hop]
    edges = np.geomspace(_LOWEST, _HIGHEST, _BITS + 2) * size / SAMPLE_RATE
    window = np.hanning(size).astype(np.float32)
    energy = np.array([_bands(frame * window, edges.round().astype(int)) for frame in frames])
    rising = np.diff(np.diff(energy, axis=1), axis=0) > 0
    return base64.b64encode(np.packbits(rising, axis=1).tobytes()).decode("ascii")


def common_part(one: str, other: str) -> float:
    """How much of the longer of two recordings is the same audio as the other, 0 to 1.

    Of two recordings one may be a part of the other; at least half of the shorter one must match.
    """
    first, second = _signs(one), _signs(other)
    shorter, longer = sorted((len(first), len(second)))
    least = max(_MIN_FRAMES, shorter // 2)
    if shorter < _MIN_FRAMES:
        return 0.0
    products = fftconvolve(first, second[::-1], axes=0).sum(axis=1)
    overlap = fftconvolve(np.ones(len(first)), np.ones(len(second))).round()
    equal = 0.5 + products / (2 * _BITS * np.maximum(overlap, 1))
    agreement = np.where(overlap >= least, equal, 0.0)
    best = int(agreement.argmax())
    return float(overlap[best] / longer) if agreement[best] >= SAME else 0.0


def _bands(frame: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The energy of a frame (S,) between the bins `edges` (B + 1,): (B,)."""
    power = np.abs(np.fft.rfft(frame)) ** 2
    return np.add.reduceat(power[: edges[-1]], edges[:-1])


def _signs(text: str) -> np.ndarray:
    """The bits of a fingerprint as -1 and 1: (T, 16)."""
    data = np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(-1, _BITS // 8)
    return np.unpackbits(data, axis=1).astype(np.float32) * 2 - 1
