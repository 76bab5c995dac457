"""Tempo maps of MIDI files: which second is which quarter note, and the time signatures.

MIDI states a tempo in whole microseconds a quarter note. Each change is rounded so that it makes
good for the rounding of the ones before it: errors do not add up, however many beats there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from amt.io.smf_chunks import MidiError

# 0.52 ms a tick at 120 beats a minute; MAESTRO has 1.04 and 1.3 ms. Some sequencers refuse more
# than 960, so that slower tempi alone get more.
TICKS_PER_BEAT = 960
# The header of a file has 15 bits for ticks a quarter, a change of tempo 24 bits for microseconds.
_MAX_DOUBLINGS, _MAX_TEMPO = 5, (1 << 24) - 1
# Longest tick of a tempo map, that of 60 beats a minute: times are right to half of it, 0.52 ms.
_TICK_SECONDS = 1 / TICKS_PER_BEAT


@dataclass(frozen=True)
class TimeSignature:
    """A time signature, from a position in quarter notes on, where a bar begins."""

    quarter: float
    numerator: int
    denominator: int


def changes(signatures: Iterable[TimeSignature]) -> tuple[TimeSignature, ...]:
    """The signatures, in order of time, that differ from the one before."""
    kept: list[TimeSignature] = []
    for one in signatures:
        if not kept or replace(kept[-1], quarter=one.quarter) != one:
            kept.append(one)
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class TempoMap:
    """Times that are known, between which the tempo is constant, and the time signatures.

    seconds, quarters: (K,), K >= 2, both from 0 and rising. After the last time the last tempo goes
    on. Raises MidiError where a file cannot hold the times, as a tempo of 3 a minute.
    """

    seconds: np.ndarray
    quarters: np.ndarray
    signatures: tuple[TimeSignature, ...] = ()

    def __post_init__(self) -> None:
        for name in ("seconds", "quarters"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if len(values) < 2 or values[0] != 0 or not (np.diff(values) > 0).all():
                raise MidiError(f"{name} of a tempo map begin with 0 and rise; two are needed")
        if len(self.seconds) != len(self.quarters):
            raise MidiError("a tempo map has as many seconds as quarters")
        slowest = self.slowest_quarter
        if slowest > _MAX_TEMPO / 1e6:
            raise MidiError(f"a quarter note lasts {slowest:.1f} s; MIDI has 16.7 s at most")

    @staticmethod
    def steady(bpm: float) -> TempoMap:
        """One tempo, in quarter notes a minute. Raises MidiError below 3.6."""
        return TempoMap(np.array([0.0, 60 / bpm]), np.array([0.0, 1.0]))

    @property
    def slowest_quarter(self) -> float:
        """Seconds of a quarter note at the slowest tempo."""
        return float((np.diff(self.seconds) / np.diff(self.quarters)).max())

    @property
    def ticks_per_beat(self) -> int:
        """Ticks a quarter note: as many as make no tick longer than _TICK_SECONDS."""
        doublings = np.ceil(np.log2(self.slowest_quarter / TICKS_PER_BEAT / _TICK_SECONDS - 1e-9))
        return TICKS_PER_BEAT << int(np.clip(doublings, 0, _MAX_DOUBLINGS))


@dataclass(frozen=True, eq=False)
class TickClock:
    """Changes of tempo as a file has them: the tick, second and microseconds a quarter of each.

    All (K,), the first at tick 0; ticks_per_beat: a quarter note.
    """

    tick: np.ndarray
    seconds: np.ndarray
    tempo: np.ndarray
    ticks_per_beat: int

    def ticks(self, time: np.ndarray) -> np.ndarray:
        """The ticks (N,) nearest to times (N,) in seconds."""
        part = np.searchsorted(self.seconds, time, side="right") - 1
        tick_seconds = self.tempo[part] / 1e6 / self.ticks_per_beat
        since = np.rint((time - self.seconds[part]) / tick_seconds)
        return self.tick[part] + since.astype(np.int64)


def steady_clock(ticks_per_beat: int, tempo: int) -> TickClock:
    """One tempo, in microseconds a quarter."""
    zero = np.zeros(1, dtype=np.int64)
    return TickClock(zero, np.zeros(1), np.array([tempo]), ticks_per_beat)


def tick_clock(tempo_map: TempoMap) -> TickClock:
    """The tempo map in whole ticks and microseconds."""
    ticks_per_beat = tempo_map.ticks_per_beat
    tick = np.rint(tempo_map.quarters * ticks_per_beat).astype(np.int64)
    quarters = np.diff(tick) / ticks_per_beat
    now, seconds, tempo = 0.0, [], []
    for target, length in zip(tempo_map.seconds[1:].tolist(), quarters.tolist(), strict=True):
        seconds.append(now)
        tempo.append(int(np.clip(round(1e6 * (target - now) / length), 1, _MAX_TEMPO)))
        now += tempo[-1] / 1e6 * length
    changed = np.diff(tempo, prepend=0) != 0
    return TickClock(
        tick[:-1][changed], np.array(seconds)[changed], np.array(tempo)[changed], ticks_per_beat
    )
