"""Parts of the way to a score: hands, places, voices, spelling, signatures, clefs, marks."""

from collections.abc import Sequence
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest

from amt.analysis.symbolic.bars import covering
from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.notes import Notes, pedal_from_presses
from amt.score.accidentals import shown_accidentals, signature_alter
from amt.score.bars import bars_of
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes
from amt.score.notation import Element
from amt.score.placing import even_position
from amt.score.quantise import quantised
from amt.score.score import ScoreNote, Spelling
from amt.score.signatures import signature_of, written
from amt.score.spelling import spell
from amt.score.voices import Timed, voiced


def played(rows: Sequence[tuple[float, float, int]], presses: object = ()) -> Notes:
    """Notes from onset, offset and pitch in seconds."""
    onset, offset, pitch = np.array(rows).T
    pedal = pedal_from_presses(np.array(presses).reshape(-1, 2))
    return Notes(onset, offset, pitch, np.full(len(rows), 70), pedal)


def grid(beats: int = 16, numerator: int = 4, first: int = 0) -> MetricalGrid:
    downbeats = (np.arange(beats) - first) % numerator == 0
    return MetricalGrid(np.arange(beats) / 2, downbeats, (MetreSpan(0, numerator, 4),))


@pytest.mark.parametrize("division", [1, 2, 3, 4, 6])
def test_divisions_of_a_beat(division: int) -> None:
    rng = np.random.default_rng(0)
    places = [Fraction(k, division) for k in range(8 * division)]
    noise = rng.normal(0, 0.015, len(places))
    position = np.sort(np.array([float(place) for place in places]) + noise)
    found = quantised(position, np.full(9, 0.6), np.zeros(9, dtype=bool))
    assert found == places


def test_beats_with_as_many_chords_are_divided_alike() -> None:
    """A beat whose four notes hurry is not a triplet among sixteenths."""
    beats = [[0.0, 0.25, 0.5, 0.75] for _ in range(8)]
    beats[4] = [0.0, 0.34, 0.625, 0.88]
    position = np.array([number + at for number, own in enumerate(beats) for at in own])
    found = quantised(position, np.full(9, 0.6), np.zeros(9, dtype=bool))
    assert found == [Fraction(k, 4) for k in range(32)]


def test_uneven_sixteenths_are_no_quintuplet() -> None:
    def beat_among_eighths(offsets: Sequence[float]) -> list[Fraction]:
        inside = [offsets if beat == 4 else (0.0, 0.5) for beat in range(9)]
        position = np.array([beat + at for beat, own in enumerate(inside) for at in own])
        found = quantised(position, np.full(10, 0.9), np.zeros(10, dtype=bool))
        return [place - 4 for place in found if 4 <= place < 5]

    sixteenths, quintuplet = ([Fraction(k, part) for k in range(part)] for part in (4, 5))
    assert beat_among_eighths((0.0, 0.2, 0.37, 0.78)) == sixteenths
    assert beat_among_eighths((0.0, 0.21, 0.39, 0.61, 0.8)) == quintuplet


def test_an_early_note_belongs_to_its_beat() -> None:
    position = np.array([-0.05, 0.97, 2.02])
    found = quantised(position, np.full(4, 0.5), np.zeros(4, dtype=bool))
    assert found == [0, 1, 2]


def test_compound_beats_are_divided_by_three() -> None:
    position = np.array([0.0, 0.31, 0.68, 1.0, 1.36, 1.66, 2.0])
    found = quantised(position, np.full(3, 0.9), np.ones(3, dtype=bool))
    assert found == [Fraction(k, 3) for k in range(7)]


def test_a_note_before_the_first_beat_is_a_pickup() -> None:
    notes = played([(-0.5, -0.1, 60), (0.0, 0.4, 62)])
    bars = bars_of(covering(grid(), notes))
    assert [bars[0].pickup, bars[0].length, bars[1].length] == [True, 1, 4]
    early = played([(-0.03, 0.4, 60)])
    assert not bars_of(covering(grid(), early))[0].pickup


def test_the_last_bar_is_whole() -> None:
    bars = bars_of(covering(grid(beats=6), played([(0.0, 0.4, 60)])))
    assert [bar.length for bar in bars] == [4, 4]


def test_a_bar_of_another_length_has_its_own_metre() -> None:
    downbeats = np.isin(np.arange(13), (0, 4, 9))
    irregular = MetricalGrid(np.arange(13) / 2, downbeats, (MetreSpan(0, 4, 4),))
    assert [bar.signature for bar in bars_of(irregular)] == ["4/4", "5/4", "4/4"]


BEATS = [Fraction(k) for k in range(9)]


def test_notes_last_to_the_next_one() -> None:
    notes = [Timed(60 + k, Fraction(k), k + 0.5) for k in range(8)]
    assert {(one.voice, one.value) for one in voiced(notes, BEATS, 0.5)} == {(1, Fraction(1))}


def test_a_held_bass_is_a_second_voice() -> None:
    bass = Timed(48, Fraction(0), 3.9)
    others = [Timed(60 + k, Fraction(k, 2), k / 2 + 0.4) for k in range(1, 8)]
    found = voiced([bass, *others, Timed(50, Fraction(4), 8.0)], BEATS, 0.5)
    assert (found[0].voice, found[0].value) == (2, 4)
    assert {one.voice for one in found[1:]} == {1}


def test_a_held_melody_is_the_first_voice() -> None:
    melody = Timed(76, Fraction(0), 2.0)
    others = [Timed(60 + k, Fraction(k, 2), k / 2 + 0.4) for k in range(1, 4)]
    found = voiced([melody, *others, Timed(74, Fraction(2), 3.0)], BEATS, 0.5)
    assert [one.voice for one in found] == [1, 2, 2, 2, 1]
    assert found[0].value == 2


def test_what_is_held_ends_where_no_tie_is_needed() -> None:
    bass = Timed(48, Fraction(0), 2.3)
    others = [Timed(60 + k, Fraction(k, 4), k / 4 + 0.2) for k in range(1, 16)]
    assert voiced([bass, *others], BEATS, 0.5)[0].value == 2


def test_a_key_released_late_in_a_fast_piece_is_no_voice() -> None:
    late = [Timed(60 - k, Fraction(k), k + 1.9) for k in range(8)]
    assert {one.voice for one in voiced(late, BEATS, 0.2)} == {1}
    assert {one.voice for one in voiced(late, BEATS, 0.5)} == {1, 2}


def test_a_short_note_before_a_long_gap_leaves_a_rest() -> None:
    found = voiced([Timed(60, Fraction(0), 0.3), Timed(62, Fraction(4), 5.0)], BEATS, 0.5)
    assert found[0].value == 1
    held = voiced([Timed(60, Fraction(0), 3.5), Timed(62, Fraction(4), 5.0)], BEATS, 0.5)
    assert held[0].value == 4


def names(pitch: Sequence[int], fifths: int, mode: str = "major") -> list[str]:
    found = spell(np.arange(len(pitch)) * 0.3, np.array(pitch), np.full(len(pitch), fifths), mode)
    return [one.step + ("#" * one.alter or "b" * -one.alter) + str(one.octave) for one in found]


def test_spelling_follows_the_key() -> None:
    assert names([61, 66], 2) == ["C#4", "F#4"]
    assert names([61, 66], -5) == ["Db4", "Gb4"]
    assert names([59, 60], -7)[0] == "Cb4"


def test_a_note_is_spelled_as_the_leading_tone_of_the_next() -> None:
    assert names([60, 61, 60, 59, 60, 67], -4)[3] == "B3"
    assert names([67, 66, 67, 60], 0)[1] == "F#4"


@pytest.mark.parametrize(("fifths", "name"), [(-3, ("A", 0)), (-5, ("B", -2))])
def test_double_flats_are_of_keys_with_many_flats(fifths: int, name: tuple[str, int]) -> None:
    pitch = np.array([61, 66, 63, 68, 61, 66, 71, 61, 68, 66, 63, 61, 66, 71, 69, 61, 66, 63] * 2)
    found = spell(np.arange(len(pitch)) * 0.05, pitch, np.full(len(pitch), fifths))
    assert {(found[k].step, found[k].alter) for k in np.flatnonzero(pitch == 69)} == {name}


def test_signatures() -> None:
    assert [signature_of(key) for key in ("C major", "A minor", "D minor", "B major")] == [
        0,
        0,
        -1,
        5,
    ]
    assert [written(6, 0), written(6, -3), written(8, 0), written(1, 1)] == [6, -6, -4, 1]
    assert [signature_alter(step, 2) for step in "FCG"] == [1, 1, 0]
    assert [signature_alter(step, -2) for step in "BEA"] == [-1, -1, 0]


def test_grace_notes_arpeggios_and_trills() -> None:
    grace = [(0.93, 0.98, 73), (1.0, 1.45, 74)]
    arpeggio = [(2.0 + 0.045 * k, 2.9, pitch) for k, pitch in enumerate((45, 50, 54, 57))]
    trill = [(4.0 + 0.07 * k, 4.05 + 0.07 * k, 76 + k % 2) for k in range(12)]
    steady = [(k / 2, k / 2 + 0.45, 72) for k in (0, 1, 3, 6, 7)]
    score = make_score(played([*steady, *grace, *arpeggio, *trill]), grid())
    by_pitch = {note.pitch: note for note in score.notes}
    assert by_pitch[73].grace and not by_pitch[74].grace
    assert all(by_pitch[pitch].arpeggio for pitch in (45, 50, 54, 57))
    assert by_pitch[76].ornament == "trill-mark" and len(by_pitch[76].performed) == 12


def test_chords_struck_almost_at_once_are_no_arpeggios() -> None:
    pitches = (40, 45, 49, 52)
    steady = [(k / 2, k / 2 + 0.4, 76) for k in range(16)]
    chords = [(k + 0.02 * n, k + 0.9, pitch) for k in (0, 2) for n, pitch in enumerate(pitches)]
    rolled = [(k + 0.04 * n, k + 0.9, pitch) for k in (4, 6) for n, pitch in enumerate(pitches)]
    score = make_score(played(sorted([*steady, *chords, *rolled])), grid(17))
    signs = {note.bar for note in score.notes if note.arpeggio}
    assert signs == {2, 3}


def test_a_hand_that_stays_high_gets_the_treble_clef() -> None:
    low = [(k / 2, k / 2 + 0.4, 45 + k % 3) for k in range(8)]
    high = [(4 + k / 2, 4 + k / 2 + 0.4, 79 + k % 3) for k in range(8)]
    melody = [(k / 2, k / 2 + 0.4, 91 + k % 3) for k in range(16)]
    score = make_score(played([*low, *high, *melody]), grid())
    left = [(clef.bar, clef.sign) for clef in score.clefs if clef.hand == "left"]
    assert left == [(0, "F"), (2, "G")]


def test_a_clef_changes_at_the_beat_where_a_hand_goes_up() -> None:
    low = [(k / 2, k / 2 + 0.4, 45 + k % 3) for k in range(6)]
    high = [(3 + k / 2, 3 + k / 2 + 0.4, 79 + k % 3) for k in range(10)]
    melody = [(k / 2, k / 2 + 0.4, 91 + k % 3) for k in range(16)]
    score = make_score(played([*low, *high, *melody]), grid())
    left = [(clef.bar, clef.position, clef.sign) for clef in score.clefs if clef.hand == "left"]
    assert left == [(0, 0, "F"), (1, 2, "G")]
    measure = ElementTree.fromstring(musicxml_bytes(score)).findall(".//measure")[1]
    inside = [
        one.findtext("pitch/octave") or one.findtext("clef/sign")
        for one in measure
        if one.findtext("staff") == "2" or one.find("clef[@number='2']") is not None
    ]
    assert inside == ["2", "2", "G", "5", "5"]


def test_dynamics_are_few() -> None:
    rows = [(k / 2, k / 2 + 0.4, 72) for k in range(32)]
    onset, offset, pitch = np.array(rows).T
    velocity = np.where(np.arange(32) < 16, 48, 100)
    score = make_score(Notes(onset, offset, pitch, velocity), grid(32))
    assert [(mark.bar, mark.mark) for mark in score.dynamics] == [(0, "p"), (4, "f")]


def test_pedal_marks() -> None:
    rows = [(k / 2, k / 2 + 0.4, 60) for k in range(16)]
    score = make_score(played(rows, [(0.0, 0.9), (1.05, 1.9), (4.0, 5.0)]), grid())
    found = [(mark.bar, mark.position, mark.kind) for mark in score.pedals]
    assert found == [
        (0, 0, "start"),
        (0, 2, "change"),
        (0, 4, "stop"),
        (2, 0, "start"),
        (2, 2, "stop"),
    ]


def test_a_passage_with_pedal_throughout_is_simile_after_its_first_bars() -> None:
    rows = [(k / 2, k / 2 + 0.4, 60) for k in range(32)]
    presses = [(float(k), k + 0.95) for k in range(10)]
    score = make_score(played(rows, presses), grid(beats=33))
    found = [(mark.bar, mark.position, mark.kind) for mark in score.pedals]
    assert found == [
        (0, 0, "start"),
        (0, 2, "change"),
        (1, 0, "change"),
        (1, 2, "change"),
        (1, 4, "stop"),
        (2, 0, "simile"),
        (5, 0, "without"),
    ]
    words = ElementTree.fromstring(musicxml_bytes(score)).iter("words")
    assert [one.text for one in words] == ["simile", "senza Ped."]


def test_the_part_has_its_instrument() -> None:
    """MuseScore 3 reports an error without."""
    notes = played([(k / 2, k / 2 + 0.4, 60 + k) for k in range(8)])
    part = ElementTree.fromstring(musicxml_bytes(make_score(notes, grid()))).find(".//score-part")
    assert part is not None and part.findtext(".//instrument-sound") == "keyboard.piano"
    kinds = ("score-instrument", "midi-instrument")
    assert [one.tag for kind in kinds for one in part.findall(f"{kind}[@id='P1-I1']")] == [*kinds]


def test_bars_after_the_last_note_are_left_out() -> None:
    notes = played([(0.0, 0.4, 60), (0.5, 0.9, 62)])
    score = make_score(notes, grid(beats=13))
    assert len(score.bars) == len(score.grid.bar_starts()) == 1


def test_chords_struck_unevenly_are_chords() -> None:
    chords = [(k + late, k + 0.9, pitch) for k in range(4) for late, pitch in ((0, 60), (0.05, 67))]
    score = make_score(played(chords), grid())
    assert not any(note.grace for note in score.notes)
    assert {note.position for note in score.notes} == {0, 2}


def test_places_follow_a_ritardando_inside_the_beat() -> None:
    beats = np.cumsum([0, 0.5, 0.5, 0.5, 0.7, 1.0, 1.4])
    slower = MetricalGrid(beats, np.arange(7) % 4 == 0, (MetreSpan(0, 4, 4),))
    middle = (beats[3:5] + beats[4:6]) / 2
    assert (even_position(slower, middle) > slower.position(middle)).all()
    assert even_position(slower, beats) == pytest.approx(np.arange(7))
    assert even_position(slower, np.array([-0.5, 5.3])) == pytest.approx([-1, 6.5], abs=0.01)


def test_notes_far_from_the_staff_are_written_an_octave_nearer() -> None:
    right = [(k / 2, k / 2 + 0.4, 72 if k < 4 or k > 11 else 100) for k in range(16)]
    left = [(k / 2, k / 2 + 0.4, 48 if k < 12 else 23) for k in range(16)]
    score = make_score(played(sorted([*right, *left])), grid())
    found = [(one.hand, one.start, one.stop, one.octaves) for one in score.octaves]
    assert found == [("right", 4, 12, 1), ("left", 12, 16, -1)]


def test_octave_lines_stand_between_the_notes() -> None:
    pitches = [72, 72, 97, 97, 97, 97, 65, 65]
    both = [(k / 2, k / 2 + 0.4, own) for k, pitch in enumerate(pitches) for own in (48, pitch)]
    notes = played(both)
    root = ElementTree.fromstring(musicxml_bytes(make_score(notes, grid())))
    right = [one for one in root.iter() if one.findtext("staff") == "1"]
    events = [one.findtext("pitch/octave") or one.find(".//octave-shift") for one in right]
    types = [one if isinstance(one, str) else one.get("type") for one in events if one is not None]
    assert types == ["5", "5", "down", "7", "7", "7", "7", "stop", "4", "4"]


def test_accidentals_hold_on_the_written_line() -> None:
    names = [Spelling("F", 1, 5), Spelling("F", 0, 6), Spelling("F", 0, 5)]
    notes = [
        ScoreNote(0, 64, "right", 1, 0, Fraction(k), Fraction(1), name, (k,))
        for k, name in enumerate(names)
    ]
    elements = [Element(note.position, note.position + 1, Fraction(1), (note,)) for note in notes]
    found = shown_accidentals(0, elements, lambda start: int(start == 1))
    assert [(id(element), 0) in found for element in elements] == [True, True, False]


def test_rests_of_a_second_voice_are_shown_between_its_notes() -> None:
    held, moving = [(0.0, 2.0, 84)], [(k + 0.5, k + 0.6, 77) for k in range(2)]
    bass = [(k / 2, k / 2 + 0.4, 40 + k) for k in range(8)]
    score = make_score(played([*held, *moving, *bass]), grid(9))
    shown = [
        one.get("print-object") != "no"
        for one in ElementTree.fromstring(musicxml_bytes(score)).iter("note")
        if one.find("rest") is not None and one.findtext("voice") == "2"
    ]
    assert shown == [False, True]
