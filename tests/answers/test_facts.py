"""Facts against truths counted by hand; their arguments, parts of pieces, pieces without notes."""

import json
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from asked_pieces import lament, song
from generated_pieces import melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st
from steady_beats import steady_grid

from amt.answers.facts import FACT, FACTS, run_fact
from amt.answers.piece import Piece
from amt.notes import Notes

SONG, LAMENT = song(), lament()
REQUIRED = {"time": 3.0, "note": "C4", "chord": "Am"}
# Piece, fact, arguments, and part of the result.
TRUTHS: list[tuple[Piece, str, dict[str, Any], dict[str, Any]]] = [
    (SONG, "most_common_note", {}, {"note": "C5", "midi": 72, "count": 18, "of": 109}),
    (SONG, "least_common_note", {}, {"count": 1}),
    (SONG, "count_of_note", {"note": "Bb4"}, {"count": 5}),
    (SONG, "count_of_note", {"note": "A#4"}, {"count": 5}),
    (SONG, "count_of_note", {"note": "C"}, {"count": 29}),
    (SONG, "count_of_note", {"note": "C#4"}, {"count": 0, "first": None}),
    (SONG, "note_times", {"note": "G5"}, {"count": 2, "times": [14.5, 23.0], "last": [23.0]}),
    (SONG, "note_times", {"note": "C#4"}, {"count": 0, "times": [], "last": []}),
    (SONG, "note_count", {}, {"notes": 109}),
    (SONG, "note_count", {"stop": 10}, {"notes": 35, "from": 0, "to": 10}),
    (SONG, "note_count", {"start": 30}, {"notes": 4}),
    (SONG, "distinct_notes", {}, {"distinct_notes": 19, "keys": 88}),
    (SONG, "octaves", {}, {"semitones": 36, "octaves": 3.0}),
    (SONG, "range", {}, {"lowest": {"note": "G2", "midi": 43}, "semitones": 36}),
    (SONG, "highest_note", {}, {"note": "G5", "midi": 79, "first": 14.5, "count": 2}),
    (SONG, "lowest_note", {}, {"note": "G2", "midi": 43, "first": 18.0, "count": 1}),
    (SONG, "longest_note", {}, {"note": "F4", "time": 30.0, "seconds": 2.0}),
    (SONG, "shortest_note", {}, {"note": "C5", "time": 0.0, "seconds": 0.45}),
    (SONG, "last_note", {}, {"time": 30.0}),
    (SONG, "key", {}, {"key": "F major", "tonic": "F", "mode": "major"}),
    (SONG, "key_changes", {}, {"count": 0, "key": "F major"}),
    (SONG, "tempo", {}, {"bpm": 120.0}),
    (SONG, "metre", {}, {"signature": "4/4", "beats_per_bar": 4}),
    (SONG, "duration", {}, {"seconds": 32.0, "first_note": 0.0, "last_note_ends": 32.0}),
    (SONG, "density", {}, {"notes_per_second": 3.41}),
    (SONG, "polyphony", {}, {"most_notes": 4, "time": 0.0}),
    (SONG, "silence", {}, {"count": 0, "gaps": []}),
    (SONG, "loudest_moment", {}, {"time": 23.0, "velocity": 110}),
    (SONG, "softest_moment", {}, {"time": 30.0, "velocity": 30}),
    (SONG, "pedal", {}, {"presses": 4, "share": 0.1875, "median_seconds": 1.5}),
    (SONG, "pedal", {"time": 3.0}, {"down": True}),
    (SONG, "pedal", {"time": 3.8}, {"down": False}),
    (SONG, "pedal", {"start": 1, "stop": 5}, {"presses": 3, "share": 0.75}),
    (SONG, "chord_at", {"time": 12.0}, {"chord": "F", "words": "F major"}),
    (SONG, "chord_at", {"time": 19.0}, {"chord": "Gm", "words": "G minor"}),
    (SONG, "chords", {"bar": 2}, {"different": ["Bb"], "changes": 0, "bar": 2}),
    (SONG, "chords", {}, {"different": ["F", "Bb", "C", "Dm", "Gm"], "different_count": 5}),
    (SONG, "chord_times", {"chord": "A#"}, {"chord": "Bb", "words": "Bb major", "count": 3}),
    (LAMENT, "chord_times", {"chord": "Am", "start": 64, "stop": 128}, {"count": 3}),
    (LAMENT, "chord_times", {"chord": "Gmaj7"}, {"count": 0, "last": []}),
    (SONG, "most_common_chord", {}, {"chord": "F"}),
    (SONG, "most_repeated_pattern", {}, {"count": 6}),
    (SONG, "passage", {"bar": 10}, {"notes": 7, "chords": ["Gm"], "key": "F major", "bar": 10}),
    (SONG, "passage", {"start": 2, "stop": 6}, {"notes": 14, "chords": ["Bb", "F"]}),
    (SONG, "mood", {}, {"mood": "Happy"}),
    (LAMENT, "note_count", {}, {"notes": 192}),
    (LAMENT, "key", {}, {"key": "A minor"}),
    (LAMENT, "key", {"time": 80.0}, {"key": "C minor"}),
    (LAMENT, "key", {"start": 64, "stop": 96}, {"key": "C minor"}),
    (LAMENT, "key_changes", {}, {"count": 2, "key": "A minor"}),
    (LAMENT, "highest_note", {}, {"note": "Eb5", "midi": 75}),
    (LAMENT, "chord_at", {"time": 68.0}, {"chord": "Fm"}),
    (LAMENT, "tempo", {}, {"bpm": 60.0}),
    (LAMENT, "most_repeated_pattern", {}, {"count": 8}),
    (LAMENT, "mood", {}, {"mood": "Sad"}),
]


@pytest.mark.parametrize(
    ("asked", "fact", "arguments", "truth"),
    TRUTHS,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fact_is_true(
    asked: Piece, fact: str, arguments: dict[str, Any], truth: dict[str, Any]
) -> None:
    found = run_fact(asked, fact, arguments)
    assert {name: found[name] for name in truth} == truth


def test_the_names_of_the_notes() -> None:
    assert run_fact(SONG, "distinct_notes", {})["names"] == ["C", "D", "E", "F", "G", "A", "Bb"]


def test_where_the_key_changes() -> None:
    changes = run_fact(LAMENT, "key_changes", {})["changes"]
    assert [change["key"] for change in changes] == ["C minor", "A minor"]
    assert [change["time"] for change in changes] == pytest.approx([64, 96], abs=2)


def test_the_notes_of_the_pattern_and_of_a_moment() -> None:
    found = run_fact(SONG, "most_repeated_pattern", {})
    assert [note["note"] for note in found["notes"]] == ["C5", "D5", "C5", "A4"]
    starts = [occurrence["start"] for occurrence in found["times"]]
    assert starts == [0, 4, 8, 12, 20, 24]
    held = run_fact(SONG, "notes_at", {"time": 18.0})["notes"]
    assert [note["note"] for note in held] == ["G2", "Bb2", "D3", "G4"]


def test_notes_that_only_the_pedal_holds_sound() -> None:
    found = run_fact(SONG, "notes_at", {"time": 1.3})
    assert [note["note"] for note in found["held_by_pedal"]] == ["D5"]


def test_a_short_melody_has_a_pattern() -> None:
    notes = melody([60, 62, 64, 60, 62, 64, 60, 62, 64, 67])
    found = run_fact(Piece(notes, notes.end), "most_repeated_pattern", {})
    assert [note["note"] for note in found["notes"]] == ["C4", "D4", "E4"]
    assert found["count"] == 3
    scale = Piece(melody([60, 62, 64, 65, 67]), 2.5)
    assert "unknown" in run_fact(scale, "most_repeated_pattern", {})


def test_equal_chords_that_follow_one_another_are_one() -> None:
    found = run_fact(LAMENT, "chords", {})["chords"]
    names = [chord["chord"] for chord in found]
    assert all(one != other for one, other in pairwise(names))
    again = [chord["start"] for chord in found if chord["chord"] == "Am"]
    assert [
        one["start"] for one in run_fact(LAMENT, "chord_times", {"chord": "Am"})["times"]
    ] == again


def test_a_note_in_two_octaves_at_once_comes_at_one_time() -> None:
    found = run_fact(SONG, "note_times", {"note": "Bb"})
    assert (found["count"], found["time_count"], found["times"][:2]) == (9, 8, [2.0, 10.0])


def test_chords_without_a_beat_are_those_of_notes_that_begin_together() -> None:
    onset = np.repeat([0.0, 2.3, 3.1], 3)
    notes = Notes(onset, onset + 0.7, [60, 64, 67, 57, 60, 64, 57, 60, 64], [60] * 9)
    found = run_fact(Piece(notes, 4.0), "chords", {})
    assert [(chord["start"], chord["chord"]) for chord in found["chords"]] == [
        (0.0, "C"),
        (2.3, "Am"),
    ]


def test_silence_is_found_at_both_ends_and_between() -> None:
    notes = Notes([2.0, 5.0], [3.0, 6.0], [60, 62], [60, 60])
    found = run_fact(Piece(notes, 9.0), "silence", {})
    gaps = [(gap["start"], gap["stop"]) for gap in found["gaps"]]
    assert gaps == [(0, 2), (3, 5), (6, 9)]
    assert (found["seconds"], found["longest"]) == (7.0, {"start": 6.0, "stop": 9.0})


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_results_are_plain_and_sentences_are_sentences(fact: Any) -> None:
    needed = {name: REQUIRED[name] for name in fact.required}
    silent = Piece(Notes.empty(), 3.0)
    pieces = [SONG, LAMENT, silent, Piece(melody([60]), 0.5)]
    parts = [{}, {"start": 2.0, "stop": 7.0}, {"bar": 2}] if fact.of_parts else [{}]
    for asked in pieces:
        for part in parts:
            result = fact.compute(asked, **needed, **part)
            json.dumps(result, allow_nan=False)
            text = fact.sentence(result)
            assert text[0].isupper() and text.endswith(".") and "  " not in text
    assert fact.description.endswith(".")
    assert set(fact.required) <= set(fact.parameters["properties"])


@pytest.mark.parametrize(
    ("fact", "arguments", "message"),
    [
        ("no_fact", {}, "there is no fact"),
        ("chord_at", {}, "needs time"),
        ("chord_at", {"time": "0:12"}, "must be a number"),
        ("chord_at", {"time": float("nan")}, "must be a number"),
        ("chord_at", {"time": -1}, "must be from 0"),
        ("chord_at", {"time": 1, "bar": 2}, "takes time, got bar"),
        ("note_count", {"start": 5, "stop": 5}, "start must be before stop"),
        ("note_count", {"bar": 1.5}, "whole number"),
        ("most_common_note", {"top": True}, "must be a number"),
        ("most_common_note", {"top": 10**9}, "from 1 to 20"),
        ("count_of_note", {"note": "H4"}, "must be a name"),
        ("chord_times", {"chord": "Hm"}, "must be a name"),
        ("chord_times", {"chord": "Csus"}, "must be a name"),
        ("count_of_note", {"note": 60}, "must be a text"),
        ("count_of_note", {"note": "C" * 101}, "at most 100"),
    ],
)
def test_wrong_arguments_are_refused(fact: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_fact(SONG, fact, arguments)


def test_what_lies_beyond_the_recording_is_said() -> None:
    assert run_fact(SONG, "chord_at", {"time": 99})["unknown"] == "The recording ends at 0:32."
    assert run_fact(SONG, "note_count", {"start": 40})["unknown"] == "The recording ends at 0:32."
    assert "16 bars" in run_fact(SONG, "note_count", {"bar": 17})["unknown"]


def test_a_part_is_named_in_the_sentence() -> None:
    part = run_fact(SONG, "highest_note", {"bar": 10})
    assert FACT["highest_note"].sentence(part).startswith("In bar 10 (0:18 to 0:20), the highest")


notes_tables = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 20), st.integers(21, 108), st.integers(1, 127)),
    max_size=12,
).map(lambda rows: np.array(rows, dtype=float).reshape(-1, 4).T)


@settings(deadline=None, max_examples=20)
@given(notes_tables, st.floats(0, 60), st.booleans())
def test_any_piece_can_be_asked(columns: np.ndarray, when: float, has_beats: bool) -> None:
    onset, seconds, pitch, velocity = columns
    notes = Notes(onset, onset + seconds, pitch, velocity)
    grid = steady_grid(30.0, 0.7, 2.0) if has_beats else None
    asked = Piece(notes, max(notes.end, 1.0), find_grid=lambda _: grid)
    for fact in FACTS:
        needed = {name: (REQUIRED | {"time": when})[name] for name in fact.required}
        result = fact.compute(asked, **needed)
        json.dumps(result, allow_nan=False)
        assert fact.sentence(result)


def test_all_facts_of_five_minutes_take_little_time() -> None:
    notes = piece(3, bars=125)
    asked = Piece(notes, notes.end, find_grid=lambda _: steady_grid(notes.end, 0.6, 1.0))
    assert notes.end > 299 and asked.analysis.notes == len(notes)
    start = time.thread_time()
    for fact in FACTS:
        fact.compute(asked, **{name: REQUIRED[name] for name in fact.required})
    assert time.thread_time() - start < 0.3
