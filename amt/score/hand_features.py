"""What the network for hands knows of each note: register, times, and the notes around it.

Apart from the register all is relative to the note, so that what is learned of one key and tempo
holds for others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.notes import Notes
from amt.score.chords import CHORD_SECONDS

# Notes before and after a note, in the order of the table, that are looked at.
NEIGHBOURS = 32
# Borders between neighbours: seconds from onset to onset, semitones.
TIMES = np.array((-2.4, -1, -0.5, -0.25, -0.12, -CHORD_SECONDS), dtype=np.float32)
TIMES = np.concatenate([TIMES, -TIMES[::-1]])
INTERVALS = np.array((0.5, 2.5, 4.5, 6.5, 9.5, 12.5, 16.5, 24.5))
INTERVALS = np.concatenate([-INTERVALS[::-1], INTERVALS])
# A neighbour is counted by when it begins; in one more row if it began before and is held.
HELD = len(TIMES) - 1
ROWS, COLUMNS = HELD + 1, len(INTERVALS) + 1
# The column of each interval from -127 to 127.
COLUMN = np.searchsorted(INTERVALS, np.arange(-127, 128))
# Centres and width of the registers, semitones.
REGISTERS, REGISTER_WIDTH = np.arange(27, 106, 6), 4
CENTRE = 62
# Windows within which mean, range and number of pitches are taken: seconds before and after.
WINDOWS = (0.4, 1.2, 4.0)
LOUDNESS_SECONDS = 1.0
SHORTEST, LONGEST = 0.01, 4.0
CHANNELS = 1 + len(REGISTERS) + 6 + ROWS * COLUMNS + 4 * len(WINDOWS)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The 2 * NEIGHBOURS notes around each note, (N, K) each.

    there: False beyond the first and last note. time: seconds from onset to onset. held: seconds
    from the note's onset to the neighbour's offset. interval: semitones. velocity: its own.
    """

    there: np.ndarray
    time: np.ndarray
    held: np.ndarray
    interval: np.ndarray
    velocity: np.ndarray


def hand_features(notes: Notes) -> np.ndarray:
    """What is known of each note: (N, CHANNELS) float32. Offsets: where keys are released."""
    around = _neighbours(notes)
    columns = [*_register(notes), *_times(notes, around), *_loudness(notes, around)]
    counts = np.log1p(_counts(around))
    windows = [column for seconds in WINDOWS for column in _window(around, seconds)]
    return np.column_stack([*columns, counts, *windows]).astype(np.float32)


def _neighbours(notes: Notes) -> Neighbours:
    count = len(notes)
    steps = np.delete(np.arange(-NEIGHBOURS, NEIGHBOURS + 1), NEIGHBOURS)
    place = np.arange(count)[:, None] + steps
    there = (place >= 0) & (place < count)
    place = np.clip(place, 0, count - 1)
    return Neighbours(
        there,
        (notes.onset[place] - notes.onset[:, None]).astype(np.float32),
        (notes.offset[place] - notes.onset[:, None]).astype(np.float32),
        notes.pitch[place] - notes.pitch[:, None],
        notes.velocity[place],
    )


def _register(notes: Notes) -> list[np.ndarray]:
    height = (notes.pitch - CENTRE) / 12
    distance = (notes.pitch[:, None] - REGISTERS) / REGISTER_WIDTH
    return [height, *np.exp(-0.5 * distance**2).T]


def _times(notes: Notes, around: Neighbours) -> list[np.ndarray]:
    """Time since the chord before, to the next, and to the same key again; length of the note."""
    later = around.there & (around.time > CHORD_SECONDS)
    earlier = around.there & (around.time < -CHORD_SECONDS)
    again = around.there & (around.time > 0) & (around.interval == 0)
    return [
        _scaled(np.where(earlier, -around.time, LONGEST).min(1)),
        _scaled(np.where(later, around.time, LONGEST).min(1)),
        _scaled(np.where(again, around.time, LONGEST).min(1)),
        _scaled(notes.offset - notes.onset),
    ]


def _scaled(seconds: np.ndarray) -> np.ndarray:
    return np.log(np.clip(seconds, SHORTEST, LONGEST)) / 2 + 1


def _loudness(notes: Notes, around: Neighbours) -> list[np.ndarray]:
    """Velocity, and how much louder than the mean of the notes around."""
    near = around.there & (np.abs(around.time) < LOUDNESS_SECONDS)
    mean = (around.velocity * near).sum(1) / np.maximum(near.sum(1), 1)
    return [notes.velocity / 64 - 1, (notes.velocity - mean) / 20]


def _counts(around: Neighbours) -> np.ndarray:
    """The number of neighbours by time and interval: (N, ROWS * COLUMNS)."""
    row = np.searchsorted(TIMES, around.time) - 1
    first = np.arange(len(row))[:, None] * ROWS
    column = COLUMN[around.interval + 127]
    begins = around.there & (row >= 0) & (row < HELD)
    held = around.there & (around.time < -CHORD_SECONDS) & (around.held > CHORD_SECONDS)
    cells = [((first + row) * COLUMNS + column)[begins], ((first + HELD) * COLUMNS + column)[held]]
    counts = np.bincount(np.concatenate(cells), minlength=len(row) * ROWS * COLUMNS)
    return counts.reshape(len(row), ROWS * COLUMNS)


def _window(around: Neighbours, seconds: float) -> list[np.ndarray]:
    """Mean, lowest and highest interval to the notes within so many seconds; their number."""
    inside = around.there & (np.abs(around.time) < seconds)
    interval = np.where(inside, around.interval, 0)
    number = np.maximum(inside.sum(1), 1)
    mean = interval.sum(1) / number
    return [mean / 12, interval.min(1) / 12, interval.max(1) / 12, np.log(number) / 2 - 1]
