"""The note table: notes and pedal movements of a piece, a reference or an estimate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

MIN_PITCH = 21
MAX_PITCH = 108
NUM_KEYS = MAX_PITCH - MIN_PITCH + 1

SUSTAIN = 64
SOSTENUTO = 66
SOFT = 67
PEDALS = (SUSTAIN, SOSTENUTO, SOFT)

# The columns of a note table, in this order wherever a table is an array or a file.
COLUMNS = ("onset", "offset", "pitch", "velocity")
PEDAL_COLUMNS = ("time", "controller", "value")
# Column indices. Note tables for training have a fifth column: when the key is released.
ONSET, OFFSET, PITCH, VELOCITY, RELEASE = range(len(COLUMNS) + 1)

# The sustain pedal counts as down from this value of its controller (CC64).
PEDAL_DOWN = 64


@dataclass(frozen=True, eq=False)
class Pedal:
    """Pedal movements: time (P,) in seconds, controller (P,) 64, 66 or 67, value (P,) 0-127."""

    time: np.ndarray = field(default_factory=lambda: np.zeros(0))
    controller: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    value: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", np.asarray(self.time, dtype=np.float64))
        object.__setattr__(self, "controller", np.asarray(self.controller, dtype=np.int64))
        object.__setattr__(self, "value", np.asarray(self.value, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.time)

    def select(self, index: np.ndarray) -> Pedal:
        """The movements at `index` (positions or a mask)."""
        return Pedal(self.time[index], self.controller[index], self.value[index])


@dataclass(frozen=True, eq=False)
class Notes:
    """A note table, sorted by onset, then pitch.

    onset, offset: (N,) seconds. pitch: (N,) MIDI numbers. velocity: (N,) 1-127.
    Raises ValueError if columns differ in length, times are not finite or a note ends before it
    begins.
    """

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    pedal: Pedal = field(default_factory=Pedal)

    def __post_init__(self) -> None:
        columns = [
            np.asarray(self.onset, dtype=np.float64),
            np.asarray(self.offset, dtype=np.float64),
            np.asarray(self.pitch, dtype=np.int64),
            np.asarray(self.velocity, dtype=np.int64),
        ]
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            shapes = [column.shape for column in columns]
            raise ValueError(f"note columns must be one-dimensional and equally long, got {shapes}")
        if not (np.isfinite(columns[0]).all() and np.isfinite(columns[1]).all()):
            raise ValueError("note times must be finite")
        if (columns[1] < columns[0]).any():
            raise ValueError("a note ends before it begins")
        order = np.lexsort((columns[2], columns[0]))
        for name, column in zip(COLUMNS, columns, strict=True):
            object.__setattr__(self, name, column[order])

    def __len__(self) -> int:
        return len(self.onset)

    @staticmethod
    def empty() -> Notes:
        """A table without notes."""
        none = np.zeros(0)
        return Notes(none, none, none, none)

    @property
    def end(self) -> float:
        """Time of the last offset in seconds; 0 without notes."""
        return float(self.offset.max()) if len(self) else 0.0

    def select(self, index: np.ndarray) -> Notes:
        """The notes at `index` (positions or a mask), with all pedal movements."""
        return Notes(
            self.onset[index],
            self.offset[index],
            self.pitch[index],
            self.velocity[index],
            self.pedal,
        )

    def shift(self, seconds: float) -> Notes:
        """All times moved by `seconds`."""
        pedal = replace(self.pedal, time=self.pedal.time + seconds)
        return Notes(self.onset + seconds, self.offset + seconds, self.pitch, self.velocity, pedal)

    def crop(self, start: float, stop: float) -> Notes:
        """Notes that begin in [start, stop) seconds, cut at `stop`; times are not shifted."""
        inside = self.select((self.onset >= start) & (self.onset < stop))
        movements = self.pedal.select((self.pedal.time >= start) & (self.pedal.time < stop))
        return replace(inside, offset=np.minimum(inside.offset, stop), pedal=movements)


def has_sustain(notes: Notes) -> bool:
    """Whether the table contains movements of the sustain pedal, up or down."""
    return bool((notes.pedal.controller == SUSTAIN).any())


def sustain_presses(notes: Notes, threshold: int = PEDAL_DOWN) -> np.ndarray:
    """Intervals in which the sustain pedal is down: (P, 2) seconds of press and release, sorted.

    A pedal that is never released is down to the last offset or pedal movement.
    """
    movements = notes.pedal.select(notes.pedal.controller == SUSTAIN)
    if not len(movements):
        return np.zeros((0, 2))
    order = np.argsort(movements.time, kind="stable")
    time = movements.time[order]
    down = np.concatenate([[False], movements.value[order] >= threshold])
    pressed, released = time[~down[:-1] & down[1:]], time[down[:-1] & ~down[1:]]
    released = np.append(released, max(notes.end, time[-1]))[: len(pressed)]
    return np.stack([pressed, released], axis=1)


def pedal_from_presses(presses: np.ndarray) -> Pedal:
    """The pedal movements of `presses` (P, 2) in seconds; the inverse of `sustain_presses`."""
    value = np.tile([127, 0], len(presses))
    return Pedal(presses.reshape(-1), np.full(len(value), SUSTAIN), value)


def extend_sustain(notes: Notes, threshold: int = PEDAL_DOWN) -> Notes:
    """Lengthen each note to the release of the sustain pedal.

    A note whose key is released while CC64 >= `threshold` lasts until the pedal is released or the
    next onset of the same pitch, whichever is first (as in Hawthorne et al. 2018, "Onsets and
    Frames"). The pedal movements stay in the table. Without any the notes are returned unchanged.
    """
    movements = notes.pedal.select(notes.pedal.controller == SUSTAIN)
    if not len(notes) or not len(movements):
        return notes
    order = np.argsort(movements.time, kind="stable")
    time, down = movements.time[order], movements.value[order] >= threshold
    held, release = _pedal_release(notes.offset, time, down, notes.end)
    extended = np.where(held, np.maximum(notes.offset, release), notes.offset)
    again = next_onsets(notes)
    cut = np.minimum(extended, np.maximum(again, notes.offset))
    return replace(notes, offset=cut)


def _pedal_release(
    offset: np.ndarray, time: np.ndarray, down: np.ndarray, end: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the pedal is down at each offset, and when it is next released (`end` if never)."""
    last = np.searchsorted(time, offset, side="right") - 1
    held = (last >= 0) & down[np.maximum(last, 0)]
    ups = time[~down]
    following = np.searchsorted(ups, offset, side="right")
    release = np.append(ups, max(end, float(time[-1])))[following]
    return held, release


def next_onsets(notes: Notes) -> np.ndarray:
    """(N,) onset of the next note of the same pitch in seconds, infinity if there is none."""
    following = np.full(len(notes), np.inf)
    order = np.lexsort((notes.onset, notes.pitch))
    same = notes.pitch[order][1:] == notes.pitch[order][:-1]
    following[order[:-1][same]] = notes.onset[order][1:][same]
    return following
