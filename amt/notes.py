"""The note table: notes and pedal movements of a piece, a reference or an estimate."""

from __future__ import annotations

from collections.abc import Callable
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
    """Pedal movements, in any order.

    time: (P,) seconds. controller: (P,) 64, 66 or 67. value: (P,) 0-127. channel: (P,) 0-15, or one
    number for all: the MIDI channel, each of which has pedals of its own. Raises ValueError if
    columns differ in length or a value is out of range.
    """

    time: np.ndarray = field(default_factory=lambda: np.zeros(0))
    controller: np.ndarray = field(default_factory=lambda: np.zeros(0))
    value: np.ndarray = field(default_factory=lambda: np.zeros(0))
    channel: np.ndarray = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        columns = {
            "time": _times("pedal", self.time),
            "controller": _integers("pedal controllers", self.controller, SUSTAIN, SOFT),
            "value": _integers("pedal values", self.value, 0, 127),
        }
        columns["channel"] = _channels(self.channel, columns["time"])
        _check_lengths("pedal", columns)
        for name, column in columns.items():
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.time)

    def select(self, index: np.ndarray) -> Pedal:
        """The movements at `index` (positions or a mask)."""
        return Pedal(
            self.time[index], self.controller[index], self.value[index], self.channel[index]
        )


@dataclass(frozen=True, eq=False)
class Notes:
    """A note table, sorted by onset, then pitch.

    onset, offset: (N,) seconds. pitch: (N,) MIDI numbers 0-127. velocity: (N,) 1-127. channel: (N,)
    0-15, or one number for all: the MIDI channel, whose sustain pedal holds the note. Raises
    ValueError if columns differ in length, times are not finite, other values are no whole numbers
    or out of range, or a note ends before it begins.
    """

    onset: np.ndarray
    offset: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    pedal: Pedal = field(default_factory=Pedal)
    channel: np.ndarray = field(default_factory=lambda: np.zeros(1))

    def __post_init__(self) -> None:
        columns = {
            "onset": _times("note", self.onset),
            "offset": _times("note", self.offset),
            "pitch": _integers("pitches", self.pitch, 0, 127),
            "velocity": _integers("velocities", self.velocity, 1, 127),
        }
        columns["channel"] = _channels(self.channel, columns["onset"])
        _check_lengths("note", columns)
        if (columns["offset"] < columns["onset"]).any():
            raise ValueError("a note ends before it begins")
        order = np.lexsort((columns["pitch"], columns["onset"]))
        for name, column in columns.items():
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
            self.channel[index],
        )

    def shift(self, seconds: float) -> Notes:
        """All times moved by `seconds`."""
        pedal = replace(self.pedal, time=self.pedal.time + seconds)
        return replace(self, onset=self.onset + seconds, offset=self.offset + seconds, pedal=pedal)

    def retime(self, change: Callable[[np.ndarray], np.ndarray]) -> Notes:
        """All times, (N,) in seconds, as a function that never falls gives them."""
        pedal = replace(self.pedal, time=change(self.pedal.time))
        return replace(self, onset=change(self.onset), offset=change(self.offset), pedal=pedal)

    def crop(self, start: float, stop: float) -> Notes:
        """Notes that begin in [start, stop) seconds, cut at `stop`; times are not shifted."""
        inside = self.select((self.onset >= start) & (self.onset < stop))
        movements = self.pedal.select((self.pedal.time >= start) & (self.pedal.time < stop))
        return replace(inside, offset=np.minimum(inside.offset, stop), pedal=movements)


def _times(name: str, column: np.ndarray) -> np.ndarray:
    column = np.asarray(column, dtype=np.float64)
    if not np.isfinite(column).all():
        raise ValueError(f"{name} times must be finite")
    return column


def _integers(name: str, column: np.ndarray, low: int, high: int) -> np.ndarray:
    column = np.asarray(column)
    valid = (column >= low) & (column <= high) & (column == np.floor(column))
    if not valid.all():
        wrong = column[~valid][0]
        raise ValueError(f"{name} must be whole numbers from {low} to {high}, got {wrong:g}")
    return column.astype(np.int64)


def _channels(channel: np.ndarray, times: np.ndarray) -> np.ndarray:
    channel = _integers("channels", channel, 0, 15)
    return np.broadcast_to(channel, times.shape) if channel.shape == (1,) else channel


def _check_lengths(name: str, columns: dict[str, np.ndarray]) -> None:
    shapes = [column.shape for column in columns.values()]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1:
        raise ValueError(f"{name} columns must be one-dimensional and equally long, got {shapes}")


def has_sustain(notes: Notes) -> bool:
    """Whether the table contains movements of the sustain pedal, up or down."""
    return bool((notes.pedal.controller == SUSTAIN).any())


def sustain_presses(notes: Notes, threshold: int = PEDAL_DOWN) -> np.ndarray:
    """Intervals in which the sustain pedal is down: (P, 2) seconds of press and release, sorted.

    A pedal that is never released is down to the last offset or pedal movement. Of several channels
    the pedal of one, at least, is down.
    """
    movements = sustain_movements(notes.pedal)
    if not len(movements):
        return np.zeros((0, 2))
    down = np.append(False, pedal_down(movements, threshold))
    pressed, released = movements.time[~down[:-1] & down[1:]], movements.time[down[:-1] & ~down[1:]]
    released = np.append(released, max(notes.end, movements.time[-1]))[: len(pressed)]
    return np.stack([pressed, released], axis=1)


def sustain_movements(pedal: Pedal) -> Pedal:
    """The movements of the sustain pedal, sorted by time."""
    movements = pedal.select(pedal.controller == SUSTAIN)
    return movements.select(np.argsort(movements.time, kind="stable"))


def pedal_down(movements: Pedal, threshold: int = PEDAL_DOWN) -> np.ndarray:
    """Whether the pedal is down on any channel after each of the sorted `movements`: (P,)."""
    down = np.zeros(len(movements), dtype=bool)
    for channel in np.unique(movements.channel):
        own = movements.channel == channel
        last = np.cumsum(own)
        down |= np.append(False, movements.value[own] >= threshold)[last]
    return down


def pedal_from_presses(presses: np.ndarray) -> Pedal:
    """The pedal movements of `presses` (P, 2) in seconds; the inverse of `sustain_presses`."""
    value = np.tile([127, 0], len(presses))
    return Pedal(presses.reshape(-1), np.full(len(value), SUSTAIN), value)


def extend_sustain(notes: Notes, threshold: int = PEDAL_DOWN) -> Notes:
    """Lengthen each note to the release of the sustain pedal.

    A note whose key is released while CC64 >= `threshold` lasts until the pedal is released or the
    next onset of the same pitch, whichever is first (as in Hawthorne et al. 2018, "Onsets and
    Frames"). The pedal of a MIDI channel holds notes of this channel only. The pedal movements stay
    in the table. Without any the notes are returned unchanged.
    """
    movements = sustain_movements(notes.pedal)
    if not len(notes) or not len(movements):
        return notes
    extended = notes.offset.copy()
    for channel in np.unique(movements.channel):
        own = notes.channel == channel
        moved = movements.select(movements.channel == channel)
        extended[own] = _held_until(notes.offset[own], moved, threshold, notes.end)
    again = next_onsets(notes)
    cut = np.minimum(extended, np.maximum(again, notes.offset))
    return replace(notes, offset=cut)


def _held_until(offset: np.ndarray, movements: Pedal, threshold: int, end: float) -> np.ndarray:
    """When each note stops: at its offset, or if the pedal is down there, at its next release.

    A pedal that is never released is down to `end` or its last movement.
    """
    time, down = movements.time, movements.value >= threshold
    last = np.searchsorted(time, offset, side="right") - 1
    held = (last >= 0) & down[np.maximum(last, 0)]
    ups = time[~down]
    following = np.searchsorted(ups, offset, side="right")
    release = np.append(ups, max(end, float(time[-1])))[following]
    return np.where(held, np.maximum(offset, release), offset)


def next_onsets(notes: Notes) -> np.ndarray:
    """(N,) onset of the next note of the same pitch in seconds, infinity if there is none."""
    following = np.full(len(notes), np.inf)
    order = np.lexsort((notes.onset, notes.pitch))
    same = notes.pitch[order][1:] == notes.pitch[order][:-1]
    following[order[:-1][same]] = notes.onset[order][1:][same]
    return following
