"""The two voices of a hand: which notes are held while others move.

A key held well over the next chord of its hand makes a second voice: the notes above are then the
upper voice, or those below the lower. Everything else is the first voice. The limits were chosen
on ASAP's training split: of the keys held so long most are written so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from amt.score.notation import dyadic, has_sign
from amt.score.values import value_until

UPPER, LOWER = 1, 2
# A key makes a second voice if it is held longer than to the next chord: by this part of the time
# to it, and at least so many quarter notes and seconds. It does so for so many quarters at most.
HELD_PART, HELD_QUARTERS, HELD_SECONDS, MOST_QUARTERS = 0.75, 0.5, 0.2, 8
# What is held ends near its release; of places so many quarter notes farther it is the one that
# needs no tie, and the one on a beat. So many places before and after the release are considered.
TIE_QUARTERS, BEAT_QUARTERS, PLACES = 0.4, 0.2, 3


@dataclass(frozen=True)
class Timed:
    """A note: its pitch, start and the release of its key in quarter notes from the beginning."""

    pitch: int
    start: Fraction
    release: float


@dataclass(frozen=True)
class Voiced:
    """The voice of a note, 1 (upper) or 2, and its value in quarter notes."""

    voice: int
    value: Fraction


@dataclass
class _Held:
    """Notes that are held while others move: their numbers, pitches, voice, and until when."""

    numbers: list[int]
    pitches: list[int]
    voice: int
    until: Fraction


@dataclass(frozen=True)
class _Ends:
    """Where something held may end, in quarter notes, sorted; and which of these are beats."""

    times: Sequence[Fraction]
    beats: frozenset[Fraction]

    def best(self, start: Fraction, following: Fraction, release: float) -> Fraction:
        """The end after `following` of what begins at `start` and whose keys are released."""
        first = bisect_right(self.times, following)
        place = max(bisect_right(self.times, release), first + 1)
        near = self.times[max(place - PLACES, first) : place + PLACES]
        return min(near, key=lambda end: self._cost(start, end, release))

    def _cost(self, start: Fraction, end: Fraction, release: float) -> float:
        tie = TIE_QUARTERS * (not has_sign(end - start))
        return abs(float(end) - release) + tie + BEAT_QUARTERS * (end not in self.beats)


def voiced(notes: Sequence[Timed], beats: Sequence[Fraction], quarter: float) -> list[Voiced]:
    """Voice and value of each note of one hand.

    beats: their starts, and the end of the piece, in quarter notes. quarter: its length in seconds.
    """
    chords: dict[Fraction, list[int]] = defaultdict(list)
    for number, note in enumerate(notes):
        chords[note.start].append(number)
    starts = [*sorted(chords), beats[-1]]
    ends = _Ends(sorted({*filter(dyadic, starts), *beats}), frozenset(beats))
    shortest = max(HELD_QUARTERS, HELD_SECONDS / quarter)
    voices, held = _voices(notes, chords, starts, ends, shortest)
    until = {number: one.until for one in held for number in one.numbers}
    found: dict[int, Voiced] = {}
    for start, following in pairwise(starts):
        moving = [number for number in chords[start] if number not in until]
        release = max((notes[number].release for number in moving), default=0.0)
        value = value_until(start, following, release, beats)
        for number in chords[start]:
            own = until[number] - start if number in until else value
            found[number] = Voiced(voices[number], own)
    return [found[number] for number in range(len(notes))]


def _voices(
    notes: Sequence[Timed],
    chords: dict[Fraction, list[int]],
    starts: Sequence[Fraction],
    ends: _Ends,
    shortest: float,
) -> tuple[dict[int, int], list[_Held]]:
    """The voice of each note, and what is held, for `shortest` quarters past the next chord."""
    voices: dict[int, int] = {}
    found: list[_Held] = []
    for place, start in enumerate(starts[:-1]):
        now = found[-1] if found and found[-1].until > start else None
        if now and not _beside(now, [notes[number].pitch for number in chords[start]]):
            now.until, now = start, None
        if now is None and (
            new := _new_held(notes, chords, starts[place : place + 3], ends, shortest)
        ):
            found.append(new)
            now = new
        for number in chords[start]:
            own = now is not None and number in now.numbers
            voices[number] = UPPER if now is None else now.voice if own else 3 - now.voice
    return voices, [one for one in found if one.until > notes[one.numbers[0]].start]


def _beside(held: _Held, pitches: Sequence[int]) -> bool:
    """Whether all pitches are on the side of what is held that the other voice has."""
    if held.voice == UPPER:
        return max(pitches) < min(held.pitches)
    return min(pitches) > max(held.pitches)


def _new_held(
    notes: Sequence[Timed],
    chords: dict[Fraction, list[int]],
    starts: Sequence[Fraction],
    ends: _Ends,
    shortest: float,
) -> _Held | None:
    """What of the chord at the first of three starts is held while the next ones move.

    None if nothing is, or what is lies between the moving notes.
    """
    if len(starts) < 3:
        return None
    start, following = starts[:2]
    gap = float(following - start)
    least = float(following) + max(HELD_PART * gap, shortest)
    long = [number for number in chords[start] if notes[number].release >= least]
    others = [number for number in chords[start] if number not in long]
    moving = [notes[number].pitch for number in others + chords[following]]
    for voice in (LOWER, UPPER) if long else ():
        if all(_apart(notes[number].pitch, voice, moving) for number in long):
            release = max(notes[number].release for number in long)
            until = ends.best(start, following, min(release, float(start) + MOST_QUARTERS))
            return _Held(long, [notes[number].pitch for number in long], voice, until)
    return None


def _apart(pitch: int, voice: int, moving: Sequence[int]) -> bool:
    return pitch < min(moving) if voice == LOWER else pitch > max(moving)
