"""Synthesise Bach's first prelude (BWV 846) on the built-in piano, as input for `amt describe`.

python experiments/demo/prelude.py OUT.wav

The piece is well known and in the public domain. Each bar repeats one broken chord; the pedal
changes with each bar, velocity rises with pitch, and the tempo slows down at the end.
"""

from __future__ import annotations

import argparse

import numpy as np

from amt.inference.writers import load_player
from amt.io.audio import save
from amt.notes import Notes, pedal_from_presses

CHORDS = """
60 64 67 72 76  60 62 69 74 77  59 62 67 74 77  60 64 67 72 76  60 64 69 76 81  60 62 66 69 74
59 62 67 74 79  59 60 64 67 72  57 60 64 67 72  50 57 62 66 72  55 59 62 67 71  55 58 64 67 73
53 57 62 69 74  53 56 62 65 71  52 55 60 67 72  52 53 57 60 65  50 53 57 60 65  43 50 55 59 65
48 52 55 60 64  48 55 58 60 64  41 53 57 60 64  42 48 57 60 63  44 53 59 60 62  43 53 55 59 62
43 52 55 60 64  43 50 55 60 65  43 50 55 59 65  43 51 57 60 66  43 52 55 60 67  43 50 55 60 65
43 50 55 59 65  36 48 55 58 64
"""
CODA = """
36 48 53 57 60 65 60 57 60 57 53 57 53 50 53 50
36 47 67 71 74 77 74 71 74 71 67 71 62 65 64 62
"""
LAST = (36, 48, 64, 67, 72)
BROKEN = (0, 1, 2, 3, 4, 2, 3, 4) * 2
BEATS_A_MINUTE, STEPS_A_BAR = 66.0, 16


def prelude() -> Notes:
    """Notes and pedal; the first note starts at 0.5 s."""
    chords = np.array(CHORDS.split(), dtype=int).reshape(-1, 5)
    pitch = np.concatenate([chords[:, BROKEN].ravel(), np.array(CODA.split(), dtype=int)])
    time = _times(len(pitch))
    place = np.arange(len(pitch)) % STEPS_A_BAR
    # The two lowest notes of each half bar are held to its end.
    held = np.where(place % 8 < 2, 8 - place % 8, 1)
    ends = np.minimum(np.arange(len(pitch)) + held, len(pitch))
    velocity = 52 + 0.5 * (pitch - 60) + 6 * (place == 0) + 4 * np.sin(np.arange(len(pitch)) / 40)
    last, end = time[-1], time[-1] + 4.0
    onset = np.append(time[:-1], np.full(len(LAST), last))
    offset = np.append(time[ends], np.full(len(LAST), end))
    bars = np.append(time[:-1:STEPS_A_BAR], last)
    presses = np.stack([bars + 0.08, np.append(bars[1:], end) - 0.02], axis=1)
    return Notes(
        onset,
        offset,
        np.append(pitch, LAST),
        np.append(velocity, np.full(len(LAST), 48)).astype(int),
        pedal_from_presses(presses),
    )


def _times(steps: int) -> np.ndarray:
    """Onset of each semiquaver in seconds; the tempo varies a little over four bars."""
    place = np.arange(steps)
    variation = 1 + 0.04 * np.cos(2 * np.pi * place / (4 * STEPS_A_BAR))
    slowing = 1 + 0.8 * np.clip((place - steps + 32) / 32, 0, 1) ** 2
    return 0.5 + np.append(0, np.cumsum(15 / BEATS_A_MINUTE * variation * slowing))


def main() -> None:
    """Write the prelude to an audio file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", metavar="OUT.wav")
    save(parser.parse_args().output, load_player(None)(prelude()))


if __name__ == "__main__":
    main()
