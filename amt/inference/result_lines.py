"""What is printed about a result; imports no model, so that a program without one may print it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amt.inference.writers import endings


def result_line(notes: int, seconds: float, took: float, remark: str = "") -> str:
    """About a recording of `seconds`, transcribed in `took` seconds; remark: on tuning, beats."""
    speed = f"{seconds / took:.0f} x real time"
    line = f"{note_count(notes)}, {seconds:.1f} s in {took:.1f} s ({speed})"
    return f"{line}; {remark}" if remark else line


def note_count(notes: int) -> str:
    """A number of notes in words."""
    return "1 note" if notes == 1 else f"{notes} notes"


def target_names(target: Path | str, formats: Sequence[str]) -> str:
    """The files of a result: out/x.mid, .json."""
    first, *rest = endings(formats)
    return ", ".join([f"{target}{first}", *rest])
