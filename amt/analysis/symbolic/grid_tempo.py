"""A metrical grid as the tempo map of a MIDI file: bars line up, and notes keep their times.

A file begins at 0 s and with a whole bar if possible, the music with its first beat some time
later. What lies between is the lead-in: as many beats as complete the bar, if its tempo is then at
most twice or half that of the first beat; or else as many as there is time for, in a first bar with
a time signature of its own.
"""

from __future__ import annotations

import numpy as np

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.io.tempo_map import TempoMap, TimeSignature, changes

# A lead-in that is shorter begins with the first beat.
_SHORTEST_LEAD = 1e-4
# The lead-in has a tempo of its own, up to this factor, if that makes its bar complete.
_MOST_STRETCH = 2.0
# A lead-in shorter than half a beat is measured in 32nd notes.
_FRACTION, _FRACTION_QUARTERS = 32, 1 / 8


def tempo_map_of(grid: MetricalGrid, start: float, end: float) -> TempoMap:
    """The tempo map of a performance whose notes sound from `start` to `end` seconds.

    The tempo changes at beats. A bar with another number of beats than its metre, or the rest of a
    bar before 0 s, has a time signature of its own. Raises MidiError if `start` is negative or a
    beat is too long for MIDI (16 s).
    """
    # One beat more, so that there is a period after the last beat before 0 s.
    covered = grid.covering(start, end + float(grid.beats[-1] - grid.beats[-2]))
    first = int(np.searchsorted(covered.beats, -_SHORTEST_LEAD))
    seconds = covered.beats[first:]
    quarters = covered.beat_quarters()[first:]
    pickup = int(covered.downbeats[first:].argmax())
    metre = covered.metre(int(covered.bar_of_beat()[first]))
    lead, head = _lead_in(seconds, pickup, metre)
    shifted = quarters - quarters[0] + lead
    signatures = [*head, *_signatures(covered, first + pickup, float(shifted[pickup]))]
    if lead:
        seconds, shifted = np.append(0.0, seconds), np.append(0.0, shifted)
    return TempoMap(np.append(0.0, seconds[1:]), shifted, changes(signatures))


def _lead_in(
    seconds: np.ndarray, pickup: int, metre: MetreSpan
) -> tuple[float, list[TimeSignature]]:
    """Quarter notes before the first beat, and the signatures up to the first downbeat."""
    beats = float(seconds[0] / (seconds[1] - seconds[0])) if seconds[0] > _SHORTEST_LEAD else 0.0
    count = _lead_beats(beats, pickup, metre.beats)
    if beats and not count:
        fractions = max(round(beats * metre.beat_quarters / _FRACTION_QUARTERS), 1)
        lead = fractions * _FRACTION_QUARTERS
        rest = _bars(lead, pickup, metre, incomplete_first=True)
        return lead, [TimeSignature(0.0, fractions, _FRACTION), *rest]
    lead = count * metre.beat_quarters
    return lead, _bars(0.0, count + pickup, metre, incomplete_first=True)


def _lead_beats(beats: float, pickup: int, size: int) -> int:
    """Whole beats of a lead-in in which there is time for `beats`; 0 if there is too little."""
    if not beats:
        return 0
    missing = -pickup % size
    turns = max(round((beats - missing) / size), 0)
    complete = missing + turns * size
    if complete and 1 / _MOST_STRETCH <= complete / beats <= _MOST_STRETCH:
        return complete
    return round(beats)


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
