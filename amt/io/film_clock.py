"""The time of decoded sound on the clock of its film, by the time stamps that ffmpeg writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# Time stamps are rounded to milliseconds, and of browsers not regular; a note may be 50 ms off. At
# the start wma decoders drop up to 93 ms.
_GAP_SECONDS = 0.05
_START_SECONDS = 0.1
# Gaps that together exceed this are an error of the time stamps.
MAX_GAP_SECONDS = 3600.0
# Sound during which the time stamps do not advance: where the next film starts at 0 again, ffmpeg
# writes the last one until that is reached.
_STILL_SECONDS = 1.0


@dataclass(frozen=True)
class Gap:
    """Silence of `seconds` that belongs after the first `after` seconds of decoded sound."""

    after: float
    seconds: float


@dataclass
class FilmClock:
    """What the time stamps of a file show.

    gaps: where silence is missing. error: why some are left out, empty if none are. restart:
    seconds after which time stamps start again, None if they do not. end: of the film in seconds; 0
    without one.
    """

    gaps: list[Gap] = field(default_factory=list)
    error: str = ""
    restart: float | None = None
    end: float = 0.0


def read_clock(lines: Iterable[str], has_start: bool = True) -> FilmClock:
    """The clock by ffmpeg's framecrc: a line for each frame of sound (stream 0) and film (1).

    A line: stream, two time stamps, duration, size, checksum. has_start: whether sound may start
    after 0; a raw stream has no clock, and its time stamps count frames that are damaged.
    """
    clock, rates = FilmClock(), {"0": 1, "1": 1}
    sound: list[tuple[int, int]] = []
    for line in lines:
        stream, *values = line.split(",")
        if line.startswith("#tb "):
            rates[line[4]] = int(line.split("/")[1])
        elif stream == "0" and len(values) > 3:
            sound.append((int(values[1]), int(values[2])))
        elif stream == "1" and len(values) > 3:
            last = max(int(values[0]), int(values[1])) + int(values[2])
            clock.end = max(clock.end, last / rates["1"])
    _find_gaps(clock, sound, rates["0"], has_start)
    restart = _restart(sound, rates["0"])
    if restart is not None:
        before = (gap.seconds for gap in clock.gaps if gap.after <= restart)
        clock.restart = restart + sum(before)
    return clock


def _find_gaps(clock: FilmClock, sound: list[tuple[int, int]], rate: int, has_start: bool) -> None:
    """Fill in `gaps` and `error` by the times and durations of frames, in units of 1/rate s."""
    decoded, shift, left = 0, 0, MAX_GAP_SECONDS
    for time, duration in sound:
        missing = (time - decoded - shift) / rate
        least = _GAP_SECONDS if decoded else _START_SECONDS
        is_gap = missing > least and (decoded or has_start)
        if is_gap and missing > left:
            clock.error = f"its time stamps jump by {missing:.0f} s, which are left out"
        elif is_gap:
            clock.gaps.append(Gap(decoded / rate, missing))
            left -= missing
        if abs(missing) > least or not decoded:
            shift = time - decoded
        decoded += duration


def _restart(sound: list[tuple[int, int]], rate: int) -> float | None:
    """Seconds after which time stamps stand still for `_STILL_SECONDS`; None if they do not."""
    last, decoded, still = -1, 0, 0
    for time, duration in sound:
        still = still + duration if time <= last else 0
        last, decoded = max(time, last), decoded + duration
        if still > _STILL_SECONDS * rate:
            return (decoded - still) / rate
    return None
