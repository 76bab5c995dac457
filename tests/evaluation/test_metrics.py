"""Metrics: mir_eval's own numbers on random tables, and cases computed by hand."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace

import mir_eval
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.evaluation import metrics
from amt.evaluation.metrics import (
    frame_scores,
    frequency,
    intervals,
    note_f1,
    note_scores,
    pedal_scores,
)
from amt.notes import Notes, Pedal


def table(*rows: tuple[float, float, int, int]) -> Notes:
    return Notes(*np.array(rows, dtype=float).reshape(-1, 4).T)


def performance(rng: np.random.Generator, count: int, seconds: float, keys: int) -> Notes:
    onset = rng.uniform(0, seconds, count)
    duration = rng.exponential(0.3, count) + 0.002
    pitch = rng.integers(60, 60 + keys, count)
    return Notes(onset, onset + duration, pitch, rng.integers(1, 128, count))


def imitation(rng: np.random.Generator, notes: Notes) -> Notes:
    """The notes displaced, some missing, some doubled."""
    copy = notes.select(rng.integers(0, max(len(notes), 1), len(notes)))
    onset = np.maximum(copy.onset + rng.normal(0, 0.04, len(copy)), 0)
    duration = (copy.offset - copy.onset) * rng.uniform(0.7, 1.3, len(copy)) + 0.002
    velocity = np.clip(copy.velocity + rng.integers(-30, 30, len(copy)), 1, 127)
    return Notes(onset, onset + duration, copy.pitch, velocity)


def directly(reference: Notes, estimate: Notes) -> dict[str, float]:
    """The same scores from mir_eval's own whole-table functions."""
    truth = (intervals(reference), frequency(reference.pitch))
    guess = (intervals(estimate), frequency(estimate.pitch))
    plain = mir_eval.transcription.precision_recall_f1_overlap
    velocity = mir_eval.transcription_velocity.precision_recall_f1_overlap
    loud = (*truth, reference.velocity), (*guess, estimate.velocity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about empty tables
        results = {
            "note": plain(*truth, *guess, offset_ratio=None),
            "note_100ms": plain(*truth, *guess, offset_ratio=None, onset_tolerance=0.1),
            "note_offset": plain(*truth, *guess, offset_ratio=0.2),
            "note_velocity": velocity(*loud[0], *loud[1], offset_ratio=None),
            "note_offset_velocity": velocity(*loud[0], *loud[1], offset_ratio=0.2),
        }
    return {
        f"{name}_{kind}": float(value)
        for name, values in results.items()
        for kind, value in zip(("precision", "recall", "f1"), values[:3], strict=True)
    }


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(0, 120), st.sampled_from([1, 3, 40]))
def test_scores_are_those_of_mir_eval(seed: int, count: int, keys: int) -> None:
    rng = np.random.default_rng(seed)
    reference = performance(rng, count, seconds=4.0, keys=keys)
    estimate = imitation(rng, reference)
    scores = note_scores(reference, estimate)
    for name, value in directly(reference, estimate).items():
        assert scores[name] == value, name


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_matching_in_blocks_is_matching_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = performance(rng, 100, seconds=20.0, keys=2)
    estimate = imitation(rng, reference)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "BLOCK_NOTES", 4)
        assert len(list(metrics._blocks(reference, estimate, 0.05))) > 10
        pairs = metrics.match(reference, estimate)
    truth = (intervals(reference), frequency(reference.pitch))
    guess = (intervals(estimate), frequency(estimate.pitch))
    whole = mir_eval.transcription.match_notes(*truth, *guess, offset_ratio=None)
    assert [tuple(pair) for pair in pairs] == whole


def test_a_perfect_transcription() -> None:
    notes = table((0, 1, 60, 50), (0.5, 1, 64, 90), (2, 3, 60, 127))
    scores = note_scores(notes, notes)
    assert scores and set(scores.values()) == {1.0}
    assert not any(name.startswith("pedal") for name in scores)


@pytest.mark.parametrize("semitones", [-12, -1, 1, 12])
def test_a_semitone_off_scores_nothing(semitones: int) -> None:
    notes = performance(np.random.default_rng(0), 50, seconds=60, keys=1)
    scores = note_scores(notes, replace(notes, pitch=notes.pitch + semitones))
    assert set(scores.values()) == {0.0}


def test_frequencies_are_hertz() -> None:
    np.testing.assert_allclose(frequency(np.array([21, 69, 108])), [27.5, 440, 4186.009], rtol=1e-6)


def test_by_hand() -> None:
    reference = table(
        (1.0, 2.0, 60, 40),  # all right
        (2.0, 4.0, 62, 80),  # 49 ms late; offset 390 ms late of 400 ms allowed
        (3.0, 3.1, 64, 120),  # offset 60 ms late of 50 ms allowed
        (4.0, 5.0, 65, 60),  # 80 ms early: only within 100 ms
        (5.0, 6.0, 67, 60),  # missed
    )
    estimate = table(
        (1.0, 2.0, 60, 40),
        (2.049, 4.39, 62, 80),
        (3.0, 3.16, 64, 120),
        (3.92, 5.0, 65, 60),
        (8.0, 9.0, 70, 60),  # invented
        (8.5, 9.0, 70, 60),  # invented
    )
    scores = note_scores(reference, estimate)
    assert scores["note_precision"] == 3 / 6
    assert scores["note_recall"] == 3 / 5
    assert scores["note_f1"] == pytest.approx(6 / 11)
    assert scores["note_100ms_f1"] == pytest.approx(8 / 11)
    assert scores["note_offset_f1"] == pytest.approx(4 / 11)
    assert scores["note_velocity_f1"] == pytest.approx(6 / 11)
    assert note_f1(reference, estimate) == scores["note_f1"]
    assert note_f1(reference, estimate, offset_ratio=0.2) == scores["note_offset_f1"]


def test_velocity_is_rescaled_then_compared() -> None:
    count = 100
    time = np.arange(count, dtype=float)
    velocity = np.arange(count) + 10
    reference = Notes(time, time + 0.5, np.full(count, 60), velocity)
    halved = replace(reference, velocity=velocity // 2)  # same order, half as loud
    assert note_scores(reference, halved)["note_velocity_f1"] == 1.0
    wrong = velocity.copy()
    wrong[50] = 120
    off = note_scores(reference, replace(reference, velocity=wrong))
    assert off["note_f1"] == 1.0
    assert off["note_velocity_recall"] == 99 / 100


def test_a_double_counts_once() -> None:
    reference = table((1, 2, 60, 64))
    estimate = table((1, 2, 60, 64), (1.04, 2, 60, 64))
    scores = note_scores(reference, estimate)
    assert (scores["note_precision"], scores["note_recall"]) == (0.5, 1.0)


def test_the_largest_matching_is_found() -> None:
    """Greedy nearest-first matching would pair 1.03 with 1.04 and lose the others."""
    reference, estimate = (
        table((1.0, 2, 60, 64), (1.04, 2, 60, 64)),
        table((1.03, 2, 60, 64), (1.08, 2, 60, 64)),
    )
    assert note_scores(reference, estimate)["note_f1"] == 1.0


def test_tolerance_includes_its_own_value() -> None:
    reference = table((1, 2, 60, 64))
    assert note_f1(reference, table((1.05, 2, 60, 64))) == 1.0
    assert note_f1(reference, table((1.0502, 2, 60, 64))) == 0.0


@pytest.mark.parametrize("full_reference", [True, False])
def test_empty_tables_score_nothing(full_reference: bool) -> None:
    notes = table((1, 2, 60, 64))
    pair = (notes, Notes.empty()) if full_reference else (Notes.empty(), notes)
    assert set(note_scores(*pair).values()) == {0.0}
    assert set(note_scores(Notes.empty(), Notes.empty()).values()) == {0.0}


def test_notes_without_duration_can_be_right() -> None:
    notes = table((1, 1, 60, 64), (2, 2, 60, 30))
    scores = note_scores(notes, notes)
    assert scores["note_offset_velocity_f1"] == 1.0


def test_frames_by_hand() -> None:
    reference = table((0.07, 0.10, 60, 64))  # at 0.07, 0.08, 0.09
    estimate = table((0.08, 0.12, 60, 64), (0.08, 0.09, 127, 64))  # four and one
    scores = frame_scores(reference, estimate)
    assert scores["frame_precision"] == 2 / 5
    assert scores["frame_recall"] == 2 / 3
    assert scores["frame_f1"] == pytest.approx(0.5)


def test_overlapping_notes_of_a_key_sound_once() -> None:
    reference = table((0.0, 0.05, 60, 64), (0.02, 0.1, 60, 64))
    assert frame_scores(reference, table((0.0, 0.1, 60, 64)))["frame_f1"] == 1.0


def pedalled(*movements: tuple[float, int]) -> Notes:
    time, value = np.array(movements).reshape(-1, 2).T
    notes = table((0, 10, 60, 64))
    return replace(notes, pedal=Pedal(time, np.full(len(time), 64), value))


def test_pedal_by_hand() -> None:
    reference = pedalled((1, 127), (2, 0), (3, 64), (3.5, 90), (4, 63), (8, 127))
    assert pedal_scores(reference, reference)["pedal_f1"] == 1.0
    # The first press comes 60 ms late; the second is right; the third lasts to the end, 10 s.
    estimate = pedalled((1.06, 127), (2, 0), (3.04, 127), (4.09, 0), (8, 127), (9.9, 0), (11, 90))
    scores = pedal_scores(reference, estimate)
    assert scores["pedal_recall"] == 2 / 3
    assert scores["pedal_precision"] == 2 / 4


def test_pedal_only_where_both_have_it() -> None:
    with_pedal, without = pedalled((1, 127), (2, 0)), table((0, 10, 60, 64))
    assert pedal_scores(with_pedal, without) == {}
    assert pedal_scores(without, with_pedal) == {}
    assert pedal_scores(pedalled((1, 0)), pedalled((1, 5))) == {}
    assert pedal_scores(with_pedal, pedalled((1, 0)))["pedal_f1"] == 0.0
    other = replace(with_pedal.pedal, controller=np.array([67, 67]))
    assert pedal_scores(with_pedal, replace(with_pedal, pedal=other)) == {}


def test_ten_thousand_notes_take_seconds() -> None:
    rng = np.random.default_rng(1)
    reference = performance(rng, 10_000, seconds=1500, keys=40)
    begin = time.perf_counter()
    scores = note_scores(reference, imitation(rng, reference))
    assert time.perf_counter() - begin < 10
    assert 0.3 < scores["note_f1"] < 0.9
