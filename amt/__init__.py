"""Automatic piano transcription: audio in, notes out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amt.inference.transcriber import Transcriber
    from amt.io.midi import read_midi, write_midi
    from amt.notes import Notes

__version__ = "0.1.0"
__all__ = ["Notes", "Transcriber", "read_midi", "write_midi"]

# The module of each public name, imported when the name is first used: `import amt` stays fast.
_LAZY = {
    "Notes": "amt.notes",
    "Transcriber": "amt.inference.transcriber",
    "read_midi": "amt.io.midi",
    "write_midi": "amt.io.midi",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'amt' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
