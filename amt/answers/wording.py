"""How times, counts and lists are said in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def clock(seconds: float) -> str:
    """A time as m:ss, from an hour on h:mm:ss, to the nearest second."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(start: float, stop: float) -> str:
    """A part of a piece: "0:05 to 0:12"; within one second "0:05"."""
    first, last = clock(start), clock(stop)
    return first if first == last else f"{first} to {last}"


def spans(parts: Sequence[Sequence[float]]) -> list[str]:
    """Parts of a piece, as `span`; in tenths of a second where seconds would hide parts or gaps."""
    edges = [round(edge) for part in parts for edge in part]
    if all(before < after for before, after in pairwise(edges)):
        return [span(start, stop) for start, stop in parts]
    return [f"{tenths(start)} to {tenths(stop)}" for start, stop in parts]


def tenths(seconds: float) -> str:
    """A time as m:ss.s."""
    whole, rest = divmod(round(10 * max(seconds, 0.0)), 10)
    return f"{clock(whole)}.{rest}"


def clocks(moments: Sequence[float]) -> list[str]:
    """Times in order, as `clock`; in tenths of a second where two of them are in one second."""
    whole = [clock(moment) for moment in moments]
    return whole if len(set(whole)) == len(whole) else [tenths(moment) for moment in moments]


def plural(count: float, one: str, many: str = "") -> str:
    """A number and its noun: "1 note", "312 notes"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def times(count: int) -> str:
    """How often: "once", "twice", "23 times"."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def listing(parts: Sequence[str], most: int = 8, total: int = 0) -> str:
    """Parts as "A, B and C"; beyond `most` as "A, B, C and 5 more".

    total: how many parts there are, if `parts` has only the first of them.
    """
    shown, count = list(parts), max(total, len(parts))
    if count > most:
        shown = [*parts[: most - 1], f"{count - most + 1} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def seconds_text(seconds: float) -> str:
    """A length of time: "0.4 seconds", "12 seconds", "2 minutes and 5 seconds"."""
    if seconds < 9.95:
        number = f"{seconds:.1f}".removesuffix(".0")
        return plural(1, "second") if number == "1" else f"{number} seconds"
    minutes, rest = divmod(round(seconds), 60)
    parts = [plural(minutes, "minute")] if minutes else []
    parts += [plural(rest, "second")] if rest or not minutes else []
    return listing(parts)


def percent(share: float) -> str:
    """A share as a whole percentage: "62 %"."""
    return f"{100 * share:.0f} %"
