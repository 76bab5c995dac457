"""Pedal marks: where the sustain pedal goes down, changes and comes up, on the grid."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from amt.analysis.symbolic.grid import MetricalGrid
from amt.notes import Notes, sustain_presses
from amt.score.bars import Beats
from amt.score.score import Bar, PedalMark

# A pedal that is down again so soon, in beats, was changed. Shorter presses are left out, and so is
# what is pressed so soon after the press before, and a short press by itself: marks are to be read.
CHANGE_BEATS, LEAST_BEATS, BETWEEN_BEATS, ALONE_BEATS = 0.6, 0.4, 1, 1.5
# Marks stand at this part of a beat.
STEPS = 2


def pedal_marks(
    notes: Notes, grid: MetricalGrid, bars: Sequence[Bar], beats: Beats
) -> list[PedalMark]:
    """The marks of the presses of the sustain pedal; grid: it covers all notes."""
    presses = sustain_presses(notes)
    last = len(beats.start)
    places = [
        [min(max(Fraction(round(at * STEPS), STEPS), Fraction(0)), Fraction(last)) for at in own]
        for own in grid.position(presses.reshape(-1)).reshape(-1, 2).tolist()
    ]
    merged = _merged([(down, up) for down, up in places if up - down >= LEAST_BEATS])
    marks = [(down, "change" if changed else "start") for down, _, changed, _ in merged]
    marks += [(up, "stop") for _, up, _, goes_on in merged if not goes_on]
    return [
        _mark(at, kind, bars, beats)
        for at, kind in sorted(marks, key=lambda mark: (mark[0], mark[1] != "stop"))
    ]


def _merged(
    presses: Sequence[tuple[Fraction, Fraction]],
) -> list[tuple[Fraction, Fraction, bool, bool]]:
    """Presses with whether each changes the one before, and is changed by the one after."""
    rising: list[tuple[Fraction, Fraction]] = []
    for down, up in presses:
        if not rising or down - rising[-1][0] >= BETWEEN_BEATS:
            rising.append((down, up))
        else:
            rising[-1] = (rising[-1][0], max(up, rising[-1][1]))
    found = []
    for number, (down, up) in enumerate(rising):
        changed = number > 0 and down - rising[number - 1][1] <= CHANGE_BEATS
        goes_on = number + 1 < len(rising) and rising[number + 1][0] - up <= CHANGE_BEATS
        if changed or goes_on or up - down >= ALONE_BEATS:
            found.append((down, up, changed, goes_on))
    return found


def _mark(at: Fraction, kind: str, bars: Sequence[Bar], beats: Beats) -> PedalMark:
    """A mark at a place in beats."""
    number = min(int(at), len(beats.start) - 1)
    quarter = beats.start[number] + (at - number) * beats.length[number]
    bar = bisect_right([one.start for one in bars], quarter) - 1
    if quarter == bars[bar].start and kind == "stop" and bar > 0:
        bar -= 1
    return PedalMark(bar, min(quarter - bars[bar].start, bars[bar].length), kind)
