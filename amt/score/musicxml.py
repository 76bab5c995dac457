"""A score as MusicXML 4.0 (partwise): one part with two staves.

Written with the standard library. partitura 1.9.0 writes neither beams nor accidentals, and its
files are not valid. music21 10.5 takes 3.6 s for 4,400 notes where this takes 0.5 s, needs 114 MB,
and wants an object for each element that is written here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import partial
from math import lcm
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import amt
from amt.score.accidentals import shown_accidentals
from amt.score.beams import beams_of
from amt.score.score import HANDS, LEFT, RIGHT, Clef, OctaveShift, PedalMark, Score, Tempo
from amt.score.signs import NoteWriter, add
from amt.score.written import WrittenBar, written_bars

HEADER = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN"
  "http://www.musicxml.org/dtds/partwise.dtd">
"""
STAFF = {RIGHT: 1, LEFT: 2}
# Voices of the left hand follow after four of the right, as notation programs number them.
FIRST_VOICE = {RIGHT: 0, LEFT: 4}
CLEF_LINES = {"G": 2, "F": 4}
PEDAL_WORDS = {"simile": "simile", "without": "senza Ped."}
# The beat of a tempo mark, and how many of it are in a beat: halves are counted in quarters.
MARKED_BEATS = {
    Fraction(3, 2): ("quarter", True),
    Fraction(1): ("quarter", False),
    Fraction(1, 2): ("eighth", False),
}


def musicxml_bytes(score: Score) -> bytes:
    """The score as a MusicXML 4.0 document: the same bytes for the same score.

    A note has the id "n" and the index of its first performed note; what continues a tie has "-2",
    "-3" ... after it.
    """
    root = Element("score-partwise", version="4.0")
    add(SubElement(root, "work"), "work-title", score.title)
    encoding = SubElement(SubElement(root, "identification"), "encoding")
    add(encoding, "software", f"amt {amt.__version__}")
    for name in ("accidental", "beam"):
        SubElement(encoding, "supports", element=name, type="yes")
    _add_piano(SubElement(SubElement(root, "part-list"), "score-part", id="P1"))
    _add_part(SubElement(root, "part", id="P1"), score)
    ElementTree.indent(root)
    return HEADER + ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _add_piano(part: Element) -> None:
    """Name and instrument of the part; without an instrument MuseScore 3 reports an error."""
    add(part, "part-name", "Piano").set("print-object", "no")
    instrument = SubElement(part, "score-instrument", id="P1-I1")
    add(instrument, "instrument-name", "Piano")
    add(instrument, "instrument-sound", "keyboard.piano")
    add(SubElement(part, "midi-instrument", id="P1-I1"), "midi-program", 1)


def _add_part(part: Element, score: Score) -> None:
    bars = written_bars(score)
    divisions = _divisions(score, bars)
    writer = NoteWriter(divisions)
    lines = OctaveLines(score.octaves)
    for number, written in enumerate(bars):
        measure = _measure(part, score, number)
        _add_attributes(measure, score, number, divisions)
        _add_directions(measure, score, number, divisions)
        clefs = {(one.hand, one.position): one for one in score.clefs if one.bar == number}
        _add_hands(measure, written, writer, lines, clefs)
        if number + 1 == len(bars):
            add(SubElement(measure, "barline", location="right"), "bar-style", "light-heavy")


def _divisions(score: Score, bars: list[WrittenBar]) -> int:
    """The parts of a quarter note in which all times are whole numbers."""
    times = [element.stop for one in bars for voice in one.voices.values() for element in voice]
    times += [mark.position for mark in score.dynamics] + [mark.position for mark in score.pedals]
    return lcm(*(time.denominator for time in times))


def _measure(part: Element, score: Score, number: int) -> Element:
    """A bar; a pickup is bar 0 and does not count."""
    measure = SubElement(part, "measure", number=str(number + 1 - int(score.bars[0].pickup)))
    if score.bars[number].pickup:
        measure.set("implicit", "yes")
    return measure


def _add_attributes(measure: Element, score: Score, number: int, divisions: int) -> None:
    """Key, metre and clefs where they begin, at the start of a bar."""
    bar = score.bars[number]
    before = score.bars[number - 1] if number else None
    attributes = Element("attributes")
    if before is None:
        add(attributes, "divisions", divisions)
    if before is None or before.fifths != bar.fifths:
        add(SubElement(attributes, "key"), "fifths", bar.fifths)
    if before is None or before.signature != bar.signature:
        time = SubElement(attributes, "time")
        add(time, "beats", bar.numerator)
        add(time, "beat-type", bar.denominator)
    if before is None:
        add(attributes, "staves", len(HANDS))
    for one in score.clefs:
        if one.bar == number and not one.position:
            _add_clef(attributes, one)
    if len(attributes):
        measure.append(attributes)


def _add_clef(attributes: Element, clef: Clef) -> None:
    element = SubElement(attributes, "clef", number=str(STAFF[clef.hand]))
    add(element, "sign", clef.sign)
    add(element, "line", CLEF_LINES[clef.sign])


def _add_directions(measure: Element, score: Score, number: int, divisions: int) -> None:
    """The tempo, and the dynamic and pedal marks of a bar."""
    for tempo in score.tempo_marks:
        if tempo.bar == number:
            _add_tempo(measure, tempo.tempo)
    for mark in score.dynamics:
        if mark.bar == number:
            kind = _direction(measure, mark.position * divisions, RIGHT)
            SubElement(SubElement(kind, "dynamics"), mark.mark)
    for pedal in score.pedals:
        if pedal.bar == number:
            _add_pedal(measure, pedal, divisions)


def _add_pedal(measure: Element, mark: PedalMark, divisions: int) -> None:
    """A pedal mark. A change is an end and a start: Verovio 6.4 loses the line at type "change"."""
    if mark.kind in PEDAL_WORDS:
        direction = _direction(measure, mark.position * divisions, LEFT)
        add(direction, "words", PEDAL_WORDS[mark.kind]).set("font-style", "italic")
        return
    for kind in ("stop", "start") if mark.kind == "change" else (mark.kind,):
        direction = _direction(measure, mark.position * divisions, LEFT)
        SubElement(direction, "pedal", type=kind, line="yes", sign="no")


def _direction(measure: Element, offset: Fraction, hand: str) -> Element:
    """The type of a direction below a staff, so long after the start of the bar."""
    direction = SubElement(measure, "direction", placement="below")
    kind = SubElement(direction, "direction-type")
    if offset:
        add(direction, "offset", int(offset))
    add(direction, "staff", STAFF[hand])
    return kind


def _add_tempo(measure: Element, tempo: Tempo) -> None:
    """The tempo mark above the start of a bar, in quarters, dotted quarters or eighths."""
    direction = SubElement(measure, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    beat = tempo.beat if tempo.beat in MARKED_BEATS else Fraction(1)
    unit, dotted = MARKED_BEATS[beat]
    add(metronome, "beat-unit", unit)
    if dotted:
        SubElement(metronome, "beat-unit-dot")
    add(metronome, "per-minute", round(tempo.bpm * float(tempo.beat / beat)))
    add(direction, "staff", STAFF[RIGHT])
    SubElement(direction, "sound", tempo=str(round(tempo.bpm * float(tempo.beat), 2)))


class OctaveLines:
    """Writes the beginnings and ends of 8va and 8vb between the notes, where readers take them."""

    def __init__(self, shifts: Iterable[OctaveShift]) -> None:
        shifts = sorted(shifts, key=lambda one: one.start)
        self.shifts = {hand: [one for one in shifts if one.hand == hand] for hand in HANDS}
        self.starts = {(one.hand, one.start): one for one in shifts}
        self.stops = {(one.hand, one.stop): one for one in shifts}

    def octaves(self, hand: str, bar: Fraction, position: Fraction) -> int:
        """By how many octaves a note is written lower that starts at a position in a bar."""
        own, time = self.shifts[hand], bar + position
        number = bisect_right(own, time, key=lambda one: one.start) - 1
        return own[number].octaves if number >= 0 and time < own[number].stop else 0

    def add_stop(self, measure: Element, hand: str, time: Fraction) -> None:
        """The end of a line, if one ends there; each is written once."""
        if self.stops.pop((hand, time), None):
            self._add(measure, hand, "stop")

    def add_start(self, measure: Element, hand: str, time: Fraction) -> None:
        """The beginning of a line, if one begins there: notes are written `down` under 8va."""
        if one := self.starts.pop((hand, time), None):
            self._add(measure, hand, "down" if one.octaves > 0 else "up")

    def _add(self, measure: Element, hand: str, kind: str) -> None:
        place = "below" if kind == "up" else "above"
        direction = SubElement(measure, "direction", placement=place)
        parent = SubElement(direction, "direction-type")
        SubElement(parent, "octave-shift", type=kind, size="8", number=str(STAFF[hand]))
        add(direction, "staff", STAFF[hand])


def _add_hands(
    measure: Element,
    written: WrittenBar,
    writer: NoteWriter,
    lines: OctaveLines,
    clefs: Mapping[tuple[str, Fraction], Clef],
) -> None:
    """The voices of both hands, each from the start of the bar.

    Rests of a second voice are shown between its notes, not before and after them. clefs: of the
    bar by hand and position; those within the bar stand in the first voice.
    """
    first = True
    for hand in HANDS:
        voices = {voice: own for (side, voice), own in written.voices.items() if side == hand}
        elements = [element for own in voices.values() for element in own]
        shown = shown_accidentals(
            written.bar.fifths,
            sorted(elements, key=lambda one: one.start),
            partial(lines.octaves, hand, written.bar.start),
        )
        for voice, own in voices.items():
            if not first:
                writer.add_backup(measure, written.bar.length)
            first = False
            starts = [element.start for element in own if element.notes]
            for element, beams in zip(own, beams_of(written.bar, own), strict=True):
                lines.add_stop(measure, hand, written.bar.start + element.start)
                lines.add_start(measure, hand, written.bar.start + element.start)
                if voice == 1 and element.start and (hand, element.start) in clefs:
                    _add_clef(SubElement(measure, "attributes"), clefs[hand, element.start])
                outside = not starts or not starts[0] <= element.start < starts[-1]
                writer.place(STAFF[hand], FIRST_VOICE[hand] + voice, voice > 1 and outside)
                graces = written.graces.get((hand, voice, element.start), [])
                writer.add_graces(measure, graces if element.notes else [])
                writer.add_element(measure, element, beams, shown, written.bar)
        lines.add_stop(measure, hand, written.bar.start + written.bar.length)
