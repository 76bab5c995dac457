"""Evaluation of whole pieces: rows, means by piece, crops, and both kinds of offsets."""

from __future__ import annotations

import pytest
from oracle import FRAME_RATE, Oracle, pedalled_notes, random_notes, silence

from amt.errors import FileWarning
from amt.evaluation.evaluate import Evaluation, evaluate, of_sets
from amt.evaluation.metrics import note_scores
from amt.evaluation.tuning import tuning_examples
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes


def test_rows_and_means() -> None:
    right, other = random_notes(0, 30, 10), random_notes(1, 20, 10)
    pieces = [("right", silence(10), right), ("other", silence(4), other)]
    evaluation = evaluate(Oracle(right), iter(pieces))
    first, second = evaluation.rows
    assert (first["name"], first["seconds"]) == ("right", 10)
    assert (second["name"], second["seconds"]) == ("other", 4)
    assert first["note_offset_velocity_f1"] == 1.0
    assert {k: v for k, v in second.items() if k in note_scores(other, right)} == note_scores(
        other, right
    )
    assert float(second["note_f1"]) < 0.2
    assert evaluation.means["note_f1"] == (1.0 + float(second["note_f1"])) / 2
    assert set(evaluation.means) == set(note_scores(right, right))
    assert evaluation.speed > 0


def test_a_score_that_some_pieces_lack_is_averaged_over_the_others() -> None:
    rows = [
        {"name": "a", "seconds": 1.0, "took": 0.5, "note_f1": 0.2, "pedal_f1": 0.4},
        {"name": "b", "seconds": 3.0, "took": 0.5, "note_f1": 0.4},
    ]
    evaluation = Evaluation(rows)
    assert evaluation.means == pytest.approx({"note_f1": 0.3, "pedal_f1": 0.4})
    assert evaluation.speed == 4.0


def test_sets_and_pianos_have_means_where_there_are_several() -> None:
    rows = [
        {"name": "a", "note_f1": 0.2, "piano": "x"},
        {"name": "b", "note_f1": 0.4, "piano": "y"},
    ]
    one = Evaluation([{"name": "c", "note_f1": 0.9}])
    together = of_sets({"maps": Evaluation(rows), "maestro": one})
    assert [row["set"] for row in together.rows] == ["maps", "maps", "maestro"]
    assert together.means == pytest.approx({"note_f1": 0.5})
    found = {name: means["note_f1"] for name, means in together.group_means.items()}
    assert found == pytest.approx({"maps": 0.3, "maestro": 0.9, "maps/x": 0.2, "maps/y": 0.4})
    assert of_sets({"maestro": one}).group_means == {}


def test_no_pieces() -> None:
    evaluation = evaluate(Oracle(Notes.empty()), [])
    assert (evaluation.rows, evaluation.means, evaluation.speed) == ([], {}, 0.0)


def test_first_seconds_crop_audio_and_reference() -> None:
    notes = Notes([1.0, 4.5, 8.0], [2.0, 7.0, 9.0], [60, 62, 64], [64, 64, 64])
    oracle = Oracle(notes.crop(0, 5))
    row = evaluate(oracle, [("piece", silence(10), notes)], first_seconds=5.0).rows[0]
    assert oracle.samples == [5 * SAMPLE_RATE]
    assert row["seconds"] == 5.0
    assert row["note_offset_f1"] == 1.0
    assert float(row["frame_f1"]) > 0.99
    (posteriors, references), *_ = tuning_examples(oracle, [("piece", silence(10), notes)], 5.0)
    assert len(posteriors["onset"]) == 5 * FRAME_RATE
    assert references.sound.pitch.tolist() == [60, 62]


def test_both_ends_of_notes_and_the_pedal_are_scored() -> None:
    notes = pedalled_notes()
    means = evaluate(Oracle(notes), [("piece", silence(5), notes)]).means
    assert means["note_offset_f1"] == means["note_release_f1"] == means["pedal_f1"] == 1.0
    by_key = evaluate(Oracle(notes), [("piece", silence(5), notes)], extend_sustain=False).means
    assert by_key["note_offset_f1"] == 0.5
    assert by_key["note_release_f1"] == 1.0


def test_without_movements_the_pedal_is_not_scored() -> None:
    notes = random_notes(0, 20, 5)
    means = evaluate(Oracle(notes), [("piece", silence(5), notes)]).means
    assert not {"note_release_f1", "pedal_f1"} & set(means)


def test_a_piece_without_reference_notes_is_not_scored() -> None:
    notes = Notes([7.0], [8.0], [60], [64])
    pieces = [("late", silence(10), notes), ("early", silence(10), notes.shift(-6))]
    with pytest.warns(FileWarning, match=r"late: not scored, no reference notes in its first 5 s"):
        evaluation = evaluate(Oracle(notes.shift(-6)), pieces, first_seconds=5.0)
    assert [row["name"] for row in evaluation.rows] == ["early"]
    assert evaluation.means["note_f1"] == 1.0
