"""A piece that can be asked about: its notes, and what is computed from them once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from amt.analysis.spelling import spell_pitch
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.key import key_at
from amt.analysis.symbolic.metrical import estimate_grid
from amt.analysis.symbolic.note_analysis import NoteAnalysis, analyse_notes
from amt.notes import Notes, extend_sustain, has_sustain, pedal_from_presses, sustain_presses


@dataclass(eq=False)
class Piece:
    """Notes of a recording or a MIDI file.

    notes: their offsets are key releases. seconds: when the recording ends. name: for readers.
    caption: caption, mood and its reason if a language model has written them. start: where a part
    of a piece begins. whole: the piece that it is a part of. transcribed: whether the notes were
    transcribed from audio, where the pedal is listened for; a file may say nothing of it.
    find_grid: finds the beats of the notes.
    """

    notes: Notes
    seconds: float
    name: str = ""
    caption: tuple[str, str, str] | None = None
    start: float = 0.0
    whole: Piece | None = None
    transcribed: bool = False
    find_grid: Callable[[Notes], MetricalGrid | None] = estimate_grid

    @cached_property
    def grid(self) -> MetricalGrid | None:
        """The beats and bars of the whole piece; None if none are found."""
        return self.whole.grid if self.whole else self.find_grid(self.notes)

    @cached_property
    def analysis(self) -> NoteAnalysis:
        """Key, tempo, chords and so on, of these notes, on the beats of the whole piece."""
        return analyse_notes(self.notes, self.grid)

    @cached_property
    def sounding(self) -> Notes:
        """The notes, each until the pedal lets it end."""
        return extend_sustain(self.notes)

    @property
    def source(self) -> Piece:
        """The whole piece: what needs context (beats, keys, chords) comes from its analysis."""
        return self.whole or self

    def within(self, start: float, stop: float) -> Piece:
        """The part from `start` to `stop` in seconds; its times stay those of the whole piece."""
        notes = self.notes.crop(start, stop)
        if has_sustain(self.notes):
            presses = np.clip(sustain_presses(self.notes), start, stop)
            pedal = pedal_from_presses(presses[presses[:, 1] > presses[:, 0]])
            notes = replace(notes, pedal=pedal) if len(pedal) else notes
        return Piece(notes, stop, self.name, start=start, whole=self.source)

    def key_name(self, time: float | None = None) -> str | None:
        """Name of the key of the piece, or of the key at a time; None if there is no clear key."""
        analysis = self.source.analysis
        if time is not None:
            return key_at(analysis.key_changes, time)
        return analysis.key.name if analysis.key else None

    def spell(self, pitch: int, time: float | None = None) -> str:
        """Name of a MIDI pitch in the key of the piece, or in the key at a time."""
        return spell_pitch(int(pitch), self.key_name(time))

    def bar(self, number: int) -> tuple[float, float]:
        """Start and stop of a bar, counted from 1, in seconds; -1 is the last one.

        Raises ValueError if the metre is not clear or the piece has fewer bars.
        """
        metre = self.source.analysis.metre
        if metre is None:
            raise ValueError("The bars are not clear enough to be counted: name a time instead.")
        edges = [*metre.downbeats, max(self.source.notes.end, metre.downbeats[-1])]
        number = len(metre.downbeats) if number == -1 else number
        if not 1 <= number <= len(metre.downbeats):
            raise ValueError(f"There are {len(metre.downbeats)} bars.")
        return edges[number - 1], edges[number]
