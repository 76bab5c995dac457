"""What follows from the notes of a piece for its files: beats, tempo map and score."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.grid_tempo import tempo_map_of
from amt.analysis.symbolic.metrical import (
    DEFAULT_WEIGHTS,
    SURE,
    estimate_grid,
    weights_beside,
)
from amt.inference.result_lines import note_count
from amt.io.smf import MidiError
from amt.io.tempo_map import TempoMap
from amt.notes import Notes
from amt.score.json_score import score_json
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes
from amt.score.render import PAPER, pdf_bytes, svg_pages
from amt.score.score import Score
from amt.score.straight import straight
from amt.score.svg import stacked

NO_BEATS = (
    "no beats were found, which sheet music and straight notes need: there are too few notes, or "
    "no regular pulse"
)
NO_NOTES = "there are no notes, of which sheet music or straight notes could be made"


class NoBeatsError(ValueError):
    """A piece has no beats that can be found; the message is one line."""

    def __init__(self, notes: Notes) -> None:
        super().__init__(NO_BEATS if len(notes) else NO_NOTES)


@dataclass(frozen=True)
class Notation:
    """How notes are written where beats matter.

    tempo: of MIDI files: quarter notes a minute; "map": it follows the beats; "certain": so if they
    are certain, or else 120; None: 120, or that of the piece if quantized. quantize: notes are
    moved to the beats, at one steady tempo. weights: how beats and hands are found, see
    `amt.analysis.symbolic.metrical` and `amt.score.hands`.
    """

    tempo: float | Literal["map", "certain"] | None = None
    quantize: bool = False
    weights: str = DEFAULT_WEIGHTS

    @staticmethod
    def beside(model: str) -> Notation:
        """For notes of a pretrained model, with the weights for beats and hands that go with it."""
        return Notation(weights=weights_beside(model))

    def of(self, notes: Notes, title: str = "") -> NotatedPiece:
        """A piece by its notes, which end where their keys are released, with the pedal."""
        return NotatedPiece(notes, title, self)


@dataclass(frozen=True, eq=False)
class NotatedPiece:
    """A piece, ready to be written in any format. All is computed when it is first used."""

    notes: Notes
    title: str
    notation: Notation

    @cached_property
    def grid(self) -> MetricalGrid | None:
        """The beats; None if none are found."""
        return estimate_grid(self.notes, self.notation.weights)

    @cached_property
    def score(self) -> Score:
        """Raises NoBeatsError."""
        return make_score(self.notes, self._beats(), self.title, self.notation.weights)

    @cached_property
    def musicxml(self) -> bytes:
        """MusicXML 4.0. Raises NoBeatsError."""
        return musicxml_bytes(self.score)

    @property
    def document(self) -> dict[str, object]:
        """The score as plain data. Raises NoBeatsError."""
        return score_json(self.score)

    @property
    def tempo_map(self) -> TempoMap | None:
        """Of its MIDI file; None: 120 beats a minute.

        Raises NoBeatsError if it is to be quantised, MidiError for a tempo that MIDI has not.
        """
        return self._tempo[0]

    @property
    def remark(self) -> str:
        """What is to be said of the tempo map; empty if it is as asked."""
        return self._tempo[1]

    @property
    def doubt(self) -> str:
        """What is to be said of a score or straight notes; empty if the beats are certain."""
        certain = self.grid is None or self.grid.certainty >= SURE
        return "" if certain else "beats uncertain"

    @property
    def summary(self) -> str:
        """One line: notes, bars, metre and key, and how certain the beats are."""
        score, count = self.score, len(self.notes)
        bars = [bar for bar in score.bars if not bar.pickup] or score.bars
        length = "1 bar" if len(bars) == 1 else f"{len(bars)} bars"
        found = f"{note_count(count)}, {length}, {bars[0].signature}, {score.key}"
        return f"{found} ({self.doubt})" if self.doubt else found

    def written(self, notes: Notes) -> Notes:
        """Notes of the piece as they are written; they may end later than its own, by the pedal.

        Raises NoBeatsError if they are to be quantised.
        """
        return self._straight(notes)[0] if self.notation.quantize else notes

    def content(self, format: str) -> bytes:
        """The content of a file: musicxml, pdf, svg, or json (`score_json`). Raises ValueError."""
        if format == "json":
            return (json.dumps(self.document, indent=1, allow_nan=False) + "\n").encode()
        if format == "musicxml":
            return self.musicxml
        if format == "pdf":
            return pdf_bytes(self.musicxml, self.title)
        return stacked(svg_pages(self.musicxml, PAPER)).encode()

    @cached_property
    def _tempo(self) -> tuple[TempoMap | None, str]:
        """The tempo map and a remark."""
        asked = self.notation.tempo
        if self.notation.quantize:
            return self._straight(self.notes)[1], self.doubt
        if not isinstance(asked, str):
            return TempoMap.steady(asked) if asked else None, ""
        if self.grid is None:
            return None, "no beats were found: 120 a minute"
        if asked == "certain" and self.doubt:
            return None, f"{self.doubt}: 120 a minute"
        try:
            found = tempo_map_of(self.grid, float(self.notes.onset.min()), self.notes.end)
        except MidiError:
            return None, "a pause is too long for a tempo map: 120 beats a minute"
        return found, self.doubt

    def _straight(self, notes: Notes) -> tuple[Notes, TempoMap]:
        """Notes moved to the beats."""
        bpm = self.notation.tempo
        steady = bpm if isinstance(bpm, float) else None
        return straight(notes, self._beats(), steady, self.notation.weights)

    def _beats(self) -> MetricalGrid:
        if self.grid is None:
            raise NoBeatsError(self.notes)
        return self.grid
