"""A piano score: bars, and notes with hand, voice, position, value and spelling."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from amt.analysis.symbolic.grid import MetricalGrid
from amt.notes import Notes

RIGHT, LEFT = HANDS = ("right", "left")


@dataclass(frozen=True)
class Spelling:
    """A written pitch: letter, sharps (or minus the number of flats), octave of the letter."""

    step: str
    alter: int
    octave: int


@dataclass(frozen=True)
class ScoreNote:
    """A written note.

    hand: "right" or "left", also its staff. voice: 1 or 2 within the hand. bar: from 0. position:
    quarter notes from the start of the bar. value: quarter notes, also over bar lines; 0 of a grace
    note, which stands before the notes at its position, in order of `order`. ornament: a MusicXML
    name ("trill-mark"), or "". performed: indices of the performed notes that it stands for.
    """

    pitch: int
    velocity: int
    hand: str
    voice: int
    bar: int
    position: Fraction
    value: Fraction
    spelling: Spelling
    performed: tuple[int, ...]
    grace: bool = False
    order: int = 0
    arpeggio: bool = False
    ornament: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar: its metre, the part of it that is there, and its key.

    start: quarter notes from the start of the piece. length, beat: of the bar and of one beat, in
    quarter notes. pickup: it is shorter than its metre and does not count. fifths: sharps of the
    key signature, or minus the number of flats. mode: "major" or "minor".
    """

    numerator: int
    denominator: int
    start: Fraction
    length: Fraction
    beat: Fraction
    fifths: int = 0
    mode: str = "major"
    pickup: bool = False

    @property
    def signature(self) -> str:
        """As it is written: "6/8"."""
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True)
class Clef:
    """A clef of a hand's staff from a position on: sign "G" or "F"."""

    hand: str
    bar: int
    position: Fraction
    sign: str


@dataclass(frozen=True)
class OctaveShift:
    """Notes of a hand that are written an octave lower (octaves 1: 8va) or higher (-1: 8vb).

    start, stop: quarter notes from the start of the piece; nothing sounds over them.
    """

    hand: str
    start: Fraction
    stop: Fraction
    octaves: int


@dataclass(frozen=True)
class Dynamic:
    """A dynamic mark: "pp" to "ff"."""

    bar: int
    position: Fraction
    mark: str


@dataclass(frozen=True)
class PedalMark:
    """A mark of the sustain pedal: kind "start", "change", "stop", "simile" or "without".

    "simile": it is pressed on as before, without marks; "without": no longer.
    """

    bar: int
    position: Fraction
    kind: str


@dataclass(frozen=True)
class Tempo:
    """Beats a minute, and the length of the beat in quarter notes."""

    bpm: float
    beat: Fraction


@dataclass(frozen=True)
class TempoMark:
    """A tempo that holds from a bar (from 0) on."""

    bar: int
    tempo: Tempo


@dataclass(frozen=True, eq=False)
class Score:
    """A piano score with what it was made from: the performed notes and their grid.

    notes: by bar, position and pitch. The grid reaches from before the first to after the last
    note; each of its bars is a bar of the score.
    """

    title: str
    bars: tuple[Bar, ...]
    notes: tuple[ScoreNote, ...]
    clefs: tuple[Clef, ...]
    octaves: tuple[OctaveShift, ...]
    dynamics: tuple[Dynamic, ...]
    pedals: tuple[PedalMark, ...]
    tempo: Tempo
    tempo_marks: tuple[TempoMark, ...]
    performed: Notes
    grid: MetricalGrid

    @property
    def key(self) -> str:
        """Name of the first key: "D minor"."""
        return key_name(self.bars[0].fifths, self.bars[0].mode)


def key_name(fifths: int, mode: str) -> str:
    """Name of a key signature and mode: -1 and "minor" are D minor."""
    letter, accidentals = _letter(fifths + (3 if mode == "minor" else 0))
    return f"{letter}{'#' * accidentals if accidentals > 0 else 'b' * -accidentals} {mode}"


def _letter(fifths: int) -> tuple[str, int]:
    accidentals, letter = divmod(fifths + 1, 7)
    return "FCGDAEB"[letter], accidentals
