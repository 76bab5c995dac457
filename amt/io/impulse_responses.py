"""Measured rooms: impulse responses, and where in them the direct sound arrives."""

from __future__ import annotations

import numpy as np

from amt.io.audio import SAMPLE_RATE

# How far below the peak of a measured room its direct sound may lie, and how long it lasts: a
# microphone's band spreads it.
DIRECT_BELOW_PEAK_DB = 12.0
DIRECT_SECONDS = 0.001


def direct_sound(response: np.ndarray, sample_rate: int = SAMPLE_RATE) -> int:
    """The sample of an impulse response (S,) at which its direct sound arrives, the first of all.

    It is the strongest sample within a millisecond of where the response first comes near its peak:
    a reflection may be stronger than the direct sound.
    """
    level = np.abs(response)
    first = int(np.argmax(level >= level.max() * 10 ** (-DIRECT_BELOW_PEAK_DB / 20)))
    return first + int(np.argmax(level[first : first + round(DIRECT_SECONDS * sample_rate)]))
