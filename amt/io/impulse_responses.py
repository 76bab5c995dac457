"""Measured impulse responses of rooms: the position of the direct sound."""

from __future__ import annotations

import numpy as np

from amt.io.audio import SAMPLE_RATE

# The direct sound may be this far below the peak. It lasts this long, since the limited bandwidth
# of the microphone spreads it.
DIRECT_BELOW_PEAK_DB = 12.0
DIRECT_SECONDS = 0.001


def direct_sound(response: np.ndarray, sample_rate: int = SAMPLE_RATE) -> int:
    """Index of the sample of an impulse response (S,) at which the direct sound arrives.

    This is the strongest sample of the millisecond that begins where the response first comes
    within 12 dB of its peak; the peak itself may be a reflection.
    """
    level = np.abs(response)
    first = int(np.argmax(level >= level.max() * 10 ** (-DIRECT_BELOW_PEAK_DB / 20)))
    return first + int(np.argmax(level[first : first + round(DIRECT_SECONDS * sample_rate)]))
