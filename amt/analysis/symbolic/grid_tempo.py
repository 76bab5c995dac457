"""A metrical grid as the tempo map of a MIDI file: bars line up, and notes keep their times.

A file begins at 0 s with a whole bar of the piece's metre, the music some time later. What lies
between is the lead-in: as many beats as complete the bar before the first downbeat, and more bars
if there is time for them. It has a tempo of its own, with which it ends where the first beat
begins. Where the music begins with the file, two things differ:

- Time for less than an eighth of a beat is part of the first beat, which then begins at 0 s: a bar
  of 4/4 in 20 ms would have a tempo of 12,000. Rounded to sixteenths, the notes are on the beat.
- A pickup at 0 s is a first bar of its own, shorter than the others.

A short lead-in can have a tempo above 999, the most that many sequencers have. They play the file
up to the length of that bar later, but their bars line up.
"""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.bars import EARLY
from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.io.tempo_map import TempoMap, TimeSignature, changes

# Part of the first beat that a lead-in needs; less time is added to that beat.
_LEAST_LEAD = 1 / 8


def tempo_map_of(grid: MetricalGrid, start: float, end: float) -> TempoMap:
    """The tempo map of a performance whose notes sound from `start` to `end` seconds.

    The tempo changes at beats. A bar with another number of beats than its metre has a time
    signature of its own. Raises MidiError if a beat is too long for MIDI (16 s).
    """
    latest = float(grid.seconds(grid.position(np.array([start])) + EARLY)[0])
    # One beat more, so that there is a period after the last beat before 0 s.
    covered = grid.covering(latest, end + float(grid.beats[-1] - grid.beats[-2]))
    first, begin = _first_beat(covered.beats, start, latest)
    seconds = np.append(begin, covered.beats[first + 1 :])
    quarters = covered.beat_quarters()[first:]
    pickup = int(covered.downbeats[first:].argmax())
    metre = covered.metre(int(covered.bar_of_beat()[first]))
    lead = _lead_beats(begin / (seconds[1] - begin), pickup, metre.beats) if begin else 0
    quarters = quarters - quarters[0] + lead * metre.beat_quarters
    head = _bars(0.0, lead + pickup, metre, incomplete_first=True)
    signatures = [*head, *_signatures(covered, first + pickup, float(quarters[pickup]))]
    if lead:
        seconds, quarters = np.append(0.0, seconds), np.append(0.0, quarters)
    return TempoMap(seconds, quarters, changes(signatures))


def _first_beat(beats: np.ndarray, start: float, latest: float) -> tuple[int, float]:
    """Index and time of the first beat of the file: not after `latest`, nor before 0 s.

    It begins with the first note, at `start`, if that is a bit earlier. A beat before 0 s begins
    at 0 s, if there is no other before `latest`.
    """
    first = int(np.searchsorted(beats, 0.0))
    first -= bool(first and beats[first] > latest)
    begin = min(float(beats[first]), start)
    return first, begin if begin >= _LEAST_LEAD * beats[first + 1] else 0.0


def _lead_beats(beats: float, pickup: int, size: int) -> int:
    """Beats of a lead-in in which there is time for `beats`, at least one.

    With the pickup they fill bars of `size` beats. Of all such numbers the one whose tempo is
    nearest to that of the first beat.
    """
    missing = -pickup % size or size
    more = missing + max(int((beats - missing) // size), 0) * size
    return more if more * (more + size) > beats**2 else more + size


def _signatures(grid: MetricalGrid, beat: int, quarter: float) -> list[TimeSignature]:
    """The signatures from a downbeat on, which begins at `quarter`."""
    found: list[TimeSignature] = []
    starts, lengths = grid.bar_starts(), grid.bars()[1]
    for bar in range(int(np.searchsorted(starts, beat)), len(starts)):
        metre, length = grid.metre(bar), int(lengths[bar])
        written = max(length, metre.beats) if bar == len(starts) - 1 else length
        found += _bars(quarter, written, metre)
        quarter += length * metre.beat_quarters
    return found


def _bars(
    quarter: float, beats: int, metre: MetreSpan, incomplete_first: bool = False
) -> list[TimeSignature]:
    """Signatures of bars that hold so many beats: whole ones, and one of another length.

    incomplete_first: that one comes first and is short; otherwise it is the last, and may be long.
    """
    whole, rest = divmod(beats, metre.beats)
    full = (metre.numerator, metre.denominator)
    sizes = [(metre.beats, full)] * whole
    if rest and incomplete_first:
        sizes.insert(0, (rest, metre.of_length(rest)))
    elif rest:
        length = rest + (metre.beats if sizes else 0)
        sizes = [*sizes[:-1], (length, metre.of_length(length))]
    found = []
    for length, numbers in sizes:
        found.append(TimeSignature(quarter, *numbers))
        quarter += length * metre.beat_quarters
    return found
