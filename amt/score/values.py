"""How long a note is written: until the next chord of its voice, or shorter with a rest.

Hands that play with the pedal release keys early: how long a key is down says little about the
value, and beats that are filled are easier to read. A rest is written only where the key is down
for a small part of a long time. The limits were chosen on ASAP's training split, where a value is
the time to the next chord of the hand in 86 of 100 notes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

# Part of the time to the next chord for which a key is down, below which a rest follows: where this
# time is less than a beat, or one and a half, and has a dot; up to four beats; longer.
REST_DOTTED, REST_LONG, REST_PAUSE = 0.35, 0.22, 0.5
PAUSE_BEATS = 4


def value_until(
    start: Fraction, following: Fraction, release: float, beats: Sequence[Fraction]
) -> Fraction:
    """Value of a note in quarter notes, from its start to `following` or to a rest before.

    release: when its key is let go. beats: the starts of all beats, and the end of the piece.
    """
    number = min(bisect_right(beats, start) - 1, len(beats) - 2)
    beat = beats[number + 1] - beats[number]
    gap = following - start
    held = max(release - float(start), 0.0)
    if held >= _least_part(gap / beat) * gap:
        return gap
    step = beat if gap > beat else beat / (3 if beat.numerator == 3 else 2)
    done = start - beats[number]
    value = (done // step + 1) * step - done
    while value < held:
        value += step
    return min(value, gap)


def _least_part(beats: Fraction) -> float:
    """The part of a time in beats for which a key must be down if no rest is to follow."""
    if beats > PAUSE_BEATS:
        return REST_PAUSE
    if beats in (Fraction(3, 4), Fraction(3, 2)):
        return REST_DOTTED
    return REST_LONG if beats > 1 else 0.0
