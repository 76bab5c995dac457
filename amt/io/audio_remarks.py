"""Lines on what is missing or uncertain in a recording that was decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from amt.io.decode import Decoded


def damage(parts: Sequence[Decoded], sample_rate: int) -> str:
    """Why samples of a file are missing, and from where on; empty if none are."""
    seconds = sum(len(part.audio) for part in parts) / sample_rate
    if reason := next((part.damage for part in parts if part.damage), ""):
        return f"broken after {seconds:.1f} s ({reason})"
    return next(_broken(parts, sample_rate), "")


def remarks(parts: Sequence[Decoded], sample_rate: int) -> Iterator[str]:
    """Lines to put after the name of the file."""
    seconds = sum(len(part.audio) for part in parts) / sample_rate
    if reason := next((part.damage for part in parts if part.damage), ""):
        yield f" is damaged ({reason}); {seconds:.1f} s of it could be decoded"
    for text in _broken(parts, sample_rate):
        yield f": {text}, taken as silence"
    if cancelled := sum(part.cancelled for part in parts):
        reason = f"its channels cancel each other for {cancelled:.1f} s (one is inverted?)"
        yield f": {reason}; they were mixed in phase"
    for start, part in zip(_starts(parts, sample_rate), parts, strict=False):
        if part.restart is not None:
            reason = f"its time stamps start again at {start + part.restart:.1f} s (joined films?)"
            yield f": {reason}; later times may be wrong"
    if (tracks := max(part.tracks for part in parts)) > 1:
        advice = "for the second: ffmpeg -i FILE -map 0:a:1 OUT.wav"
        yield f": it has {tracks} tracks of sound, the first is read; {advice}"


def _broken(parts: Sequence[Decoded], sample_rate: int) -> Iterator[str]:
    """How many samples are no numbers, and where; nothing if all are."""
    if count := sum(part.broken for part in parts):
        index = next(number for number, part in enumerate(parts) if part.broken)
        second = _starts(parts, sample_rate)[index] + parts[index].first_broken
        samples = "1 sample is no number" if count == 1 else f"{count} samples are no numbers"
        yield f"{samples}, the first at {second:.1f} s"


def _starts(parts: Sequence[Decoded], sample_rate: int) -> list[float]:
    """Seconds at which each part begins, and the end of the last."""
    return list(accumulate((len(part.audio) / sample_rate for part in parts), initial=0.0))
