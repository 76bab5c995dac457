"""Random rhythms of one bar: when notes begin and how long they last, in beats."""

from __future__ import annotations

import numpy as np

# (start, length) of each note, in beats from the beginning of the bar.
Cell = tuple[tuple[float, float], ...]

# Notes are not closer than this, in seconds; even notes not farther apart than the second value.
CLOSEST, FARTHEST = 0.085, 0.5
# How often a bar has a note on its first beat; a note lasts over a later beat.
FIRST_BEAT, HELD_OVER = 0.93, 0.25
RESTS = 0.1


def free_cell(rng: np.random.Generator, beats: int, parts: int, tempo: float) -> Cell:
    """Beats that are held over, whole, dotted, or divided in `parts` or more."""
    held = rng.uniform(0, 2 * HELD_OVER)
    starts: list[float] = []
    for beat in range(beats):
        if rng.random() < (1 - FIRST_BEAT if beat == 0 else held):
            continue
        divisions = _divisions(rng, parts)
        close = [one for one in divisions if np.diff([*one, 1.0]).min() * 60 / tempo >= CLOSEST]
        starts.extend(beat + start for start in close[rng.integers(len(close))])
    if not starts:
        starts = [0.0]
    lengths = np.diff([*starts, float(beats)])
    short = rng.random(len(starts)) < RESTS
    lengths = np.where(short, np.minimum(lengths, 1 / parts), lengths)
    return tuple(zip(starts, lengths.tolist(), strict=True))


def _divisions(rng: np.random.Generator, parts: int) -> list[list[float]]:
    """Some ways to divide a beat; of these one is chosen with equal probability."""
    steps = {n: [index / n for index in range(n)] for n in (1, parts, 2 * parts)}
    found = [steps[1], steps[1], steps[parts]]
    if rng.random() < 0.5:
        found.append(steps[2 * parts])
    if parts == 3:
        found += [[0.0, 2 / 3], [0.0, 2 / 3], [0.0, 1 / 3], [0.0, 0.5, 2 / 3]]
    else:
        found += [[0.0, 0.75], [0.5], [0.0, 0.5, 0.75], [0.0, 0.25, 0.5]]
        if rng.random() < 0.3:
            found.append([0.0, 1 / 3, 2 / 3])
    return found


def even_cell(
    rng: np.random.Generator, beats: int, parts: int, tempo: float, slowest: bool = False
) -> Cell:
    """Equal notes, a whole number in a beat. slowest: as few as are usual in an accompaniment."""
    counts = [1, parts, 2 * parts, 4 * parts, 6 * parts, *([3, 6] if rng.random() < 0.3 else [])]
    usual = [n for n in counts if CLOSEST <= 60 / tempo / n <= FARTHEST]
    count = int(rng.choice(usual)) if usual else 1
    if slowest:
        count = parts if 60 / tempo / parts > 0.4 or (parts == 3 and rng.random() < 0.4) else 1
    return tuple((index / count, 1 / count) for index in range(beats * count))


def cadence(rng: np.random.Generator, beats: int) -> Cell:
    """The last bar of a phrase: a long note, sometimes after a short one."""
    last = float(beats)
    cells: list[Cell] = [((0.0, last),), ((0.0, max(last - 1, 1.0)),)]
    if beats > 1:
        cells.append(((0.0, 1.0), (1.0, last - 1)))
    return cells[rng.integers(len(cells))]


def upbeat(rng: np.random.Generator, beats: int, parts: int) -> Cell:
    """Notes before the first bar of a phrase, with negative starts; mostly none."""
    if rng.random() < 0.55:
        return ()
    lengths = [1 / parts, 1.0, 1.0, float(beats - 1), 2 / parts, 1 + 1 / parts]
    fitting = [length for length in lengths if 0 < length < beats]
    pickup = float(rng.choice(fitting)) if fitting else 1 / parts
    step = 1.0 if pickup >= 1 and pickup % 1 == 0 and rng.random() < 0.5 else 1 / parts
    count = round(pickup / step)
    return tuple((-pickup + index * step, step) for index in range(count))
