"""Notes, chords, rests and grace notes as elements of MusicXML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from xml.etree.ElementTree import Element, SubElement

from amt.score import notation
from amt.score.notation import Tuplet
from amt.score.score import Bar, ScoreNote

TYPES = {
    Fraction(8): "breve",
    Fraction(4): "whole",
    Fraction(2): "half",
    Fraction(1): "quarter",
    Fraction(1, 2): "eighth",
    Fraction(1, 4): "16th",
    Fraction(1, 8): "32nd",
    Fraction(1, 16): "64th",
    Fraction(1, 32): "128th",
    Fraction(1, 64): "256th",
}
ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}


def add(parent: Element, name: str, text: object) -> Element:
    """A child element with a text."""
    child = SubElement(parent, name)
    child.text = str(text)
    return child


class NoteWriter:
    """Writes notes into bars. divisions: of a quarter note.

    It counts how often each performed note was written, for the ids.
    """

    def __init__(self, divisions: int) -> None:
        self.divisions = divisions
        self.used: Counter[str] = Counter()
        self.staff, self.voice, self.hidden_rests = 1, 1, False

    def place(self, staff: int, voice: int, hidden_rests: bool) -> None:
        """What follows is of this staff and voice; its rests are not shown if `hidden_rests`."""
        self.staff, self.voice, self.hidden_rests = staff, voice, hidden_rests

    def add_backup(self, measure: Element, length: Fraction) -> None:
        """Go back to the start of the bar."""
        add(SubElement(measure, "backup"), "duration", int(length * self.divisions))

    def add_graces(self, measure: Element, notes: Sequence[ScoreNote]) -> None:
        """Grace notes: one is an eighth with a slash, several are sixteenths under a beam."""
        single = len(notes) == 1
        for number, one in enumerate(notes):
            note = SubElement(measure, "note", id=self._id(one))
            SubElement(note, "grace", slash="yes" if single else "no")
            _add_pitch(note, one)
            add(note, "voice", self.voice)
            add(note, "type", "eighth" if single else "16th")
            if one.spelling.alter:
                add(note, "accidental", ACCIDENTALS[one.spelling.alter])
            add(note, "staff", self.staff)
            for level in () if single else (1, 2):
                place = "begin" if number == 0 else "continue"
                kind = "end" if number + 1 == len(notes) else place
                add(note, "beam", kind).set("number", str(level))

    def add_element(
        self,
        measure: Element,
        element: notation.Element,
        beams: Sequence[str],
        shown: set[tuple[int, int]],
        bar: Bar,
    ) -> None:
        """A chord or rest. shown: which notes have an accidental, see `shown_accidentals`."""
        if not element.notes:
            self._add_rest(measure, element, bar)
        for number, one in enumerate(element.notes):
            note = SubElement(measure, "note", id=self._id(one))
            if number:
                SubElement(note, "chord")
            _add_pitch(note, one)
            accidental = ACCIDENTALS[one.spelling.alter]
            self._add_sign(
                note,
                element,
                accidental if (id(element), number) in shown else "",
                () if number else beams,
            )
            _add_notations(note, element, one, first=number == 0)

    def _add_rest(self, measure: Element, element: notation.Element, bar: Bar) -> None:
        note = SubElement(measure, "note")
        if self.hidden_rests:
            note.set("print-object", "no")
        whole = element.stop - element.start == bar.length
        SubElement(note, "rest", {"measure": "yes"} if whole else {})
        self._add_sign(note, element, "", (), typed=not whole)
        if element.tuplet:
            _add_notations(note, element, None, first=True)

    def _add_sign(
        self,
        note: Element,
        element: notation.Element,
        accidental: str,
        beams: Sequence[str],
        typed: bool = True,
    ) -> None:
        """Duration, ties, voice, value, accidental, tuplet, staff, beams: in the schema's order."""
        add(note, "duration", int((element.stop - element.start) * self.divisions))
        for kind in _ties(element):
            SubElement(note, "tie", type=kind)
        add(note, "voice", self.voice)
        if typed:
            add(note, "type", TYPES[element.written * 2 / 3 if element.dots else element.written])
            for _ in range(element.dots):
                SubElement(note, "dot")
        if accidental:
            add(note, "accidental", accidental)
        if element.tuplet:
            ratio = SubElement(note, "time-modification")
            add(ratio, "actual-notes", element.tuplet.actual)
            add(ratio, "normal-notes", element.tuplet.normal)
        add(note, "staff", self.staff)
        for number, beam in enumerate(beams, 1):
            add(note, "beam", beam).set("number", str(number))

    def _id(self, note: ScoreNote) -> str:
        name = f"n{note.performed[0]}"
        self.used[name] += 1
        return name if self.used[name] == 1 else f"{name}-{self.used[name]}"


def _add_pitch(note: Element, one: ScoreNote) -> None:
    pitch = SubElement(note, "pitch")
    add(pitch, "step", one.spelling.step)
    if one.spelling.alter:
        add(pitch, "alter", one.spelling.alter)
    add(pitch, "octave", one.spelling.octave)


def _ties(element: notation.Element) -> list[str]:
    """The ties of a chord, as MusicXML calls their ends."""
    return ["stop"] * element.tie_from + ["start"] * element.tie_to


def _add_notations(
    note: Element, element: notation.Element, one: ScoreNote | None, first: bool
) -> None:
    """Ties, and what stands once at a chord: tuplet, ornament; and the arpeggio."""
    notations = Element("notations")
    for kind in _ties(element):
        SubElement(notations, "tied", type=kind)
    for kind in _brackets(element.tuplet) if first else ():
        SubElement(notations, "tuplet", type=kind)
    if one and not element.tie_from:
        if one.ornament:
            SubElement(SubElement(notations, "ornaments"), one.ornament)
        if any(other.arpeggio for other in element.notes):
            SubElement(notations, "arpeggiate")
    if len(notations):
        note.append(notations)


def _brackets(tuplet: Tuplet | None) -> list[str]:
    return ["start"] * (tuplet is not None and tuplet.starts) + ["stop"] * (
        tuplet is not None and tuplet.stops
    )
