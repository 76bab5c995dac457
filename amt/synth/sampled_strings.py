"""Another instrument from the same samples: a second string for each key, a faster decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from amt.io.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Unison:
    """A second string of each key, out of tune with the first by `cents`, `level_db` below it."""

    cents: float
    level_db: float


@dataclass(frozen=True)
class SampledStrings:
    """Strings made of samples: all keys have the same second string and decay.

    decay_db: dB a second by which notes fall faster than recorded.
    """

    unison: Unison | None
    decay_db: float

    def sound(self, sample: np.ndarray, ratio: float) -> np.ndarray:
        """A sample (S,) played `ratio` times as fast, with the second string and the decay."""
        shifted = _played_faster(sample, ratio)
        if self.unison:
            second = _played_faster(sample, ratio * 2 ** (self.unison.cents / 1200))
            gain = np.float32(10 ** (self.unison.level_db / 20))
            both = np.zeros(max(len(shifted), len(second)), dtype=np.float32)
            both[: len(shifted)] += shifted
            both[: len(second)] += gain * second
            shifted = both / np.sqrt(1 + gain**2)
        if self.decay_db:
            seconds = np.arange(len(shifted), dtype=np.float32) / SAMPLE_RATE
            shifted = shifted * 10 ** (-self.decay_db / 20 * seconds)
        return shifted


def _played_faster(audio: np.ndarray, ratio: float) -> np.ndarray:
    return soxr.resample(audio, SAMPLE_RATE * ratio, SAMPLE_RATE) if ratio != 1 else audio
