"""The whole analysis of a piece, and its statistics."""

import json
import time
from dataclasses import asdict

import numpy as np
import pytest
from generated_pieces import melody, piece
from hypothesis import given, settings
from hypothesis import strategies as st
from steady_beats import steady_grid

from amt.analysis.pitch import pitch_class_seconds, pitch_name
from amt.analysis.symbolic.note_analysis import analyse_notes
from amt.analysis.symbolic.statistics import note_density, pedal_usage, pitch_range
from amt.analysis.symbolic.viterbi import runs, viterbi_path
from amt.notes import SOFT, SUSTAIN, Notes, Pedal


def test_results_are_plain_types() -> None:
    notes = piece(1, bars=24)
    found = analyse_notes(notes, steady_grid(notes.end, 0.6, 1.0))
    plain = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert plain["key"]["name"] == "C major"
    assert plain["tempo"]["bpm"] == pytest.approx(100)
    assert plain["beats"][:3] == pytest.approx([1, 1.6, 2.2])
    assert plain["metre"]["signature"] == "4/4"
    assert plain["metre"]["changes"] == [{"bar": 1, "time": 1.0, "signature": "4/4"}]
    assert plain["chords"]
    assert [section["label"] for section in plain["sections"]] == ["A"]
    assert sum(plain["pitch_classes"].values()) == pytest.approx(1)
    assert plain["pitch_classes"]["C"] > plain["pitch_classes"]["C#"] == 0
    assert plain["pedalling"] is None


def test_results_without_notes_are_empty() -> None:
    plain = asdict(analyse_notes(Notes.empty(), None))
    assert plain.pop("notes") == 0 and plain.pop("seconds") == 0
    assert len(plain.pop("spelling")) == 12
    assert all(value in (None, [], {}) for value in plain.values())


notes_tables = st.lists(
    st.tuples(st.floats(-5, 50), st.floats(0, 20), st.integers(21, 108), st.integers(1, 127)),
    max_size=40,
).map(lambda rows: np.array(rows, dtype=float).reshape(-1, 4).T)


@settings(deadline=None, max_examples=60)
@given(notes_tables, st.booleans())
def test_any_note_table_is_analysed(columns: np.ndarray, has_beats: bool) -> None:
    onset, seconds, pitch, velocity = columns
    grid = steady_grid(25.0, 0.7, 3.0) if has_beats else None
    found = analyse_notes(Notes(onset, onset + seconds, pitch, velocity), grid)
    assert found.notes == len(onset)
    assert (found.metre is None) != has_beats
    json.dumps(asdict(found), allow_nan=False)


def test_a_long_piece_is_analysed_quickly() -> None:
    notes = piece(3, bars=500)
    grid = steady_grid(notes.end, 0.6, 1.0)
    analyse_notes(notes, grid)
    start = time.process_time()
    analyse_notes(notes, grid)
    assert notes.end > 1200
    # An idle machine needs a fifth of it.
    assert time.process_time() - start < 2


def test_range_and_the_most_common_note() -> None:
    found = pitch_range(melody([60, 64, 64, 67, 72, 72], [1.0, 1.0, 1.0, 1.0, 2.0, 1.0]))
    assert found is not None
    assert (found.lowest.name, found.highest.midi, found.semitones) == ("C4", 72, 12)
    assert (found.most_common.name, found.most_common.midi) == ("C5", 72)
    assert found.most_common_count == 2
    assert [pitch_name(pitch) for pitch in (21, 61, 69, 108)] == ["A0", "C#4", "A4", "C8"]


def test_density_and_dynamics() -> None:
    onset = np.array([0.0, 0.0, 0.5, 3.0])
    notes = Notes(onset, onset + 1, [60, 64, 67, 72], [20, 60, 60, 100])
    density = note_density(notes)
    assert density is not None
    assert density.notes_per_second == 1
    assert (density.most_in_a_second, density.most_polyphony) == (3, 3)
    assert density.mean_polyphony == pytest.approx(4 / 2.5)
    dynamics = analyse_notes(notes, None).dynamics
    assert dynamics is not None and dynamics.mean == 60 and dynamics.soft < 60 < dynamics.loud


def test_notes_with_almost_no_duration_have_no_density() -> None:
    notes = Notes([0.0, 0.0], [0.0, 1e-308], [21, 21], [1, 1])
    assert note_density(notes) is None


def test_pedalling() -> None:
    played = melody([60] * 20)
    pedal = Pedal(np.array([0.0, 2.0, 4.0, 5.0]), np.full(4, SUSTAIN), np.array([127, 0, 127, 0]))
    notes = Notes(played.onset, played.onset + 0.5, played.pitch, played.velocity, pedal)
    found = pedal_usage(notes)
    assert found is not None
    assert (found.presses, found.per_minute, found.median_seconds) == (2, 12, 1.5)
    assert found.down == pytest.approx(0.3)


def test_an_unused_pedal_differs_from_missing_pedal_data() -> None:
    played = melody([60] * 4)
    up = Pedal(np.zeros(1), np.array([SUSTAIN]), np.zeros(1))
    soft = Pedal(np.zeros(1), np.array([SOFT]), np.array([127]))
    columns = (played.onset, played.offset, played.pitch, played.velocity)
    found = pedal_usage(Notes(*columns, up))
    assert found is not None and (found.presses, found.down) == (0, 0)
    assert pedal_usage(Notes(*columns, soft)) is None


@settings(deadline=None)
@given(notes_tables, st.lists(st.floats(-5, 60), min_size=2, max_size=6, unique=True))
def test_pitch_class_seconds_by_definition(columns: np.ndarray, edges: list[float]) -> None:
    onset, seconds, pitch, velocity = columns
    notes = Notes(onset, onset + seconds, pitch, velocity)
    edges = sorted(edges)
    expected = np.zeros((len(edges) - 1, 12))
    for begin, end, key in zip(notes.onset, notes.offset, notes.pitch, strict=True):
        for row in range(len(edges) - 1):
            inside = min(end, edges[row + 1]) - max(begin, edges[row])
            expected[row, key % 12] += max(inside, 0.0)
    assert pitch_class_seconds(notes, np.array(edges)) == pytest.approx(expected, abs=2e-6)


def test_viterbi_path_weighs_scores_against_changes() -> None:
    scores = np.array([[1, 0], [0.4, 0.5], [1, 0], [0, 1], [0, 1], [0, 1.0]])
    change = 1 - np.eye(2)
    assert viterbi_path(scores, 0.0 * change).tolist() == [0, 1, 0, 1, 1, 1]
    assert viterbi_path(scores, change).tolist() == [0, 0, 0, 1, 1, 1]
    assert viterbi_path(scores, 5 * change).tolist() in ([0] * 6, [1] * 6)
    assert viterbi_path(np.zeros((0, 2)), change).tolist() == []
    assert runs(np.array([0, 0, 1, 1, 0])) == [(0, 2), (2, 4), (4, 5)]
    assert runs(np.zeros(0)) == []
