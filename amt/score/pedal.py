"""Pedal marks: where the sustain pedal goes down, changes and comes up, on the grid.

As in editions, a passage with pedal throughout has the marks of its first bars, then "simile".
"""

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
# Presses less than a bar apart make a passage. After its first bars, if so many or more presses
# follow, it is written as "simile"; then "senza Ped." where the pedal is left.
MARKED_BARS, SIMILE_PRESSES = 2, 3

# A press in beats: down, up, whether it changes the one before, and is changed by the one after.
Press = tuple[Fraction, Fraction, bool, bool]


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
    passages = _passages(merged, beats)
    marks = [mark for own in passages for mark in _passage_marks(own, beats)]
    if marks and marks[-1][1] == "without" and not _plays_on(notes, grid, marks[-1][0]):
        marks.pop()
    return [
        _mark(at, kind, bars, beats)
        for at, kind in sorted(marks, key=lambda mark: (mark[0], mark[1] != "stop"))
    ]


def _merged(
    presses: Sequence[tuple[Fraction, Fraction]],
) -> list[Press]:
    """Presses that are to be read, from those on the grid."""
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


def _passages(presses: Sequence[Press], beats: Beats) -> list[list[Press]]:
    """The presses of each passage with pedal throughout."""
    passages: list[list[Press]] = []
    for press in presses:
        if passages and press[0] - passages[-1][-1][1] < _bar_beats(passages[-1][-1][1], beats):
            passages[-1].append(press)
        else:
            passages.append([press])
    return passages


def _bar_beats(at: Fraction, beats: Beats) -> int:
    """The number of beats of the bar that holds a place in beats."""
    return beats.bar.count(beats.bar[min(int(at), len(beats.bar) - 1)])


def _passage_marks(passage: Sequence[Press], beats: Beats) -> list[tuple[Fraction, str]]:
    """The places of a passage's marks in beats, and their kinds."""
    bars = [beats.bar[min(int(press[0]), len(beats.bar) - 1)] for press in passage]
    shown = sum(bar < bars[0] + MARKED_BARS for bar in bars)
    simile = len(passage) - shown >= SIMILE_PRESSES
    kept = passage[:shown] if simile else passage
    marks = [(down, "change" if changed else "start") for down, _, changed, _ in kept]
    last = len(kept) - 1
    marks += [
        (up, "stop") for number, (_, up, _, on) in enumerate(kept) if number == last or not on
    ]
    if simile:
        marks += [(passage[shown][0], "simile"), (passage[-1][1], "without")]
    return marks


def _plays_on(notes: Notes, grid: MetricalGrid, at: Fraction) -> bool:
    """Whether notes begin after a place in beats."""
    return bool((grid.position(notes.onset) > float(at)).any())


def _mark(at: Fraction, kind: str, bars: Sequence[Bar], beats: Beats) -> PedalMark:
    """A mark at a place in beats."""
    number = min(int(at), len(beats.start) - 1)
    quarter = beats.start[number] + (at - number) * beats.length[number]
    bar = bisect_right([one.start for one in bars], quarter) - 1
    if quarter == bars[bar].start and kind == "stop" and bar > 0:
        bar -= 1
    return PedalMark(bar, min(quarter - bars[bar].start, bars[bar].length), kind)
