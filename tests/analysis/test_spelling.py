"""Names of keys, pitches and chords with the accidentals of the key."""

import pytest
from generated_pieces import joined, piece
from hypothesis import given
from hypothesis import strategies as st
from steady_beats import steady_grid

from amt.analysis.spelling import (
    NATURAL,
    pitch_class_names,
    spell_key,
    spell_pitch,
    spell_root,
)
from amt.analysis.symbolic.chords import QUALITIES, identify_chord
from amt.analysis.symbolic.note_analysis import analyse_notes

MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
KEYS = [spell_key(tonic, mode) for mode in ("major", "minor") for tonic in range(12)]
# The notes of the scale; of minor keys the leading tone, and not the seventh below it.
SCALES = {
    "C major": "C D E F G A B",
    "F major": "F G A Bb C D E",
    "B major": "B C# D# E F# G# A#",
    "F# major": "F# G# A# B C# D# E#",
    "Db major": "Db Eb F Gb Ab Bb C",
    "A minor": "A B C D E F G#",
    "G# minor": "G# A# B C# D# E F##",
    "C# minor": "C# D# E F# G# A B#",
    "Eb minor": "Eb F Gb Ab Bb Cb D",
    "C minor": "C D Eb F G Ab B",
}


@pytest.mark.parametrize("key", SCALES)
def test_the_scale_of_a_key_has_its_accidentals(key: str) -> None:
    assert set(SCALES[key].split()) <= set(pitch_class_names(key))


def test_chromatic_notes_are_raised_in_major_and_lowered_where_usual() -> None:
    assert {"F#", "C#", "Bb", "Eb"} <= set(pitch_class_names("C major"))
    assert {"C#", "F#", "D#", "Bb"} <= set(pitch_class_names("A minor"))


@pytest.mark.parametrize(
    ("root", "intervals", "key", "name"),
    [
        (8, MINOR, "B major", "G#"),
        (8, MINOR, "Eb minor", "Ab"),
        (8, MAJOR, "C major", "Ab"),
        (10, MAJOR, "F major", "Bb"),
        (10, MAJOR, "F# major", "A#"),
        (3, MINOR, "B major", "D#"),
        (3, MINOR, "Db major", "Eb"),
        (3, QUALITIES["aug"], "G# minor", "D#"),
        (7, QUALITIES["dim7"], "G# minor", "F##"),
        (8, QUALITIES["dim7"], "A minor", "G#"),
        (0, QUALITIES["dim7"], "C major", "C"),
        (4, MINOR, "Db major", "E"),
    ],
)
def test_chords_are_spelled_as_a_whole(
    root: int, intervals: tuple[int, ...], key: str, name: str
) -> None:
    assert spell_root(root, intervals, key) == name


@given(st.integers(0, 127), st.sampled_from([*KEYS, None]))
def test_a_name_sounds_as_its_pitch(pitch: int, key: str | None) -> None:
    name = spell_pitch(pitch, key)
    letters = name.rstrip("-0123456789")
    octave = int(name[len(letters) :])
    sounding = NATURAL[letters[0]] + letters.count("#") - letters.count("b")
    assert 12 * (octave + 1) + sounding == pitch


def test_octaves_follow_the_letter() -> None:
    assert (spell_pitch(71, "Eb minor"), spell_pitch(60, "C# minor")) == ("Cb5", "B#3")


def test_keys_follow_the_key_of_the_piece() -> None:
    assert spell_key(3, "minor") == "Eb minor"
    assert spell_key(3, "minor", "F# major") == "D# minor"
    assert spell_key(8, "minor", "B major") == "G# minor"
    assert spell_key(8, "minor", "Ab major") == "Ab minor"
    assert spell_key(6, "major", "Eb minor") == "Gb major"


def test_a_chord_is_identified_by_its_notes() -> None:
    assert identify_chord([56, 59, 63], "B major") == "G#m"
    assert identify_chord([64, 67, 72, 60], None) == "C"
    assert identify_chord([57, 60, 64, 67], None) == "Am7"
    assert identify_chord([60, 61, 62], None) is None
    assert identify_chord([], None) is None


def test_the_analysis_is_spelled_by_the_key() -> None:
    notes = piece(2, tonic=11)
    found = analyse_notes(notes, steady_grid(notes.end, 0.6, 1.0))
    assert found.key is not None and found.key.name == "B major"
    names = {chord.name for chord in found.chords}
    assert {"B", "F#", "G#m", "C#m"} <= names
    assert not any("b" in name.removesuffix("m7b5") for name in names)
    assert found.spelling == pitch_class_names("B major")


def test_chords_are_spelled_by_the_key_at_their_time() -> None:
    """The same pitch classes: B major, then Ab major, whose chords are Ab and Db, not G# and C#."""
    sharp, flat = piece(1, tonic=11), piece(2, tonic=8)
    notes = joined(sharp, flat)
    found = analyse_notes(notes, steady_grid(notes.end, 0.6))
    change = sharp.onset[-1] - sharp.onset[0]
    before = {chord.name for chord in found.chords if chord.stop < change - 5}
    after = {chord.name for chord in found.chords if chord.start > change + 5}
    assert "C#m" in before and {"Ab", "Db"} <= after
    assert not {"Abm", "Dbm", "G#", "C#"} & (before | after)
