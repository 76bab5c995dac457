"""What is printed about a result; imports no model, so that a program without one may print it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amt.inference.writers import endings


def result_line(notes: int, seconds: float, took: float, remark: str = "") -> str:
    """About a recording of `seconds`, transcribed in `took` seconds; remark: on its beats."""
    count = "1 note" if notes == 1 else f"{notes} notes"
    line = f"{count}, {seconds:.1f} s in {took:.1f} s ({seconds / took:.0f} x real time)"
    return f"{line}; {remark}" if remark else line


def target_names(target: Path | str, formats: Sequence[str]) -> str:
    """The files of a result: out/x.mid, .json."""
    first, *rest = endings(formats)
    return ", ".join([f"{target}{first}", *rest])
