"""Report the notes of a recording while it is transcribed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from amt.decoding.build import AnyDecoder
from amt.decoding.peaks import Ends
from amt.inference.windows import Window
from amt.notes import Notes

# Called with new notes, and the time before which all notes have been reported, in seconds.
OnNotes = Callable[[Notes, float], object]

# A part of the posteriors is decoded from this long before its first new note: as much as a hidden
# Markov model needs to forget how the part begins. Peak picking needs a few frames.
CONTEXT_SECONDS = 1.0
# An onset this many frames before the right margin no longer changes: a peak depends on two frames
# to each side, and the highest one within `min_interval` counts.
UNSETTLED_FRAMES = 5


class NoteReporter:
    """Reports notes in order of onset, each once, as soon as later windows cannot change its onset.

    A note that still sounds at the end of what has been computed, ends there. Each call decodes
    only frames that are new, and `CONTEXT_SECONDS` before them.
    """

    def __init__(
        self, decoder: AnyDecoder, frame_rate: float, ends: Ends, on_notes: OnNotes
    ) -> None:
        self.decoder, self.frame_rate, self.ends = decoder, frame_rate, ends
        self.on_notes = on_notes
        self.until = 0.0

    def add(self, posteriors: Mapping[str, Tensor], window: Window) -> None:
        """Report what `window` made certain; `posteriors` (T, 88) are valid up to its end."""
        first = max(0, math.floor((self.until - CONTEXT_SECONDS) * self.frame_rate))
        part = {name: values[first : window.end] for name, values in posteriors.items()}
        notes = self.decoder.decode(part, self.frame_rate, self.ends)
        notes = notes.shift(first / self.frame_rate)
        settled = (window.last - UNSETTLED_FRAMES) / self.frame_rate
        until = max(self.until, _gap_before(notes.onset, settled, 1 / self.frame_rate))
        self.on_notes(_between(notes, self.until, until), until)
        self.until = until

    def finish(self, notes: Notes, seconds: float) -> None:
        """Report the rest of the complete result."""
        self.on_notes(_between(notes, self.until, math.inf), seconds)


def _between(notes: Notes, start: float, stop: float) -> Notes:
    """Notes that begin, and pedal movements, in [start, stop) seconds."""
    time = notes.pedal.time
    pedal = notes.pedal.select((time >= start) & (time < stop))
    return replace(notes.select((notes.onset >= start) & (notes.onset < stop)), pedal=pedal)


def _gap_before(onset: np.ndarray, time: float, distance: float) -> float:
    """The latest time, at most `time`, with no onset within `distance` before or after it.

    There the notes can be divided: an onset that the next window moves slightly stays on its side.
    """
    for near in onset[::-1]:  # sorted
        if near <= time - distance:
            break
        if near < time + distance:
            time = near - distance
    return time
