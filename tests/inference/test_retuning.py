"""What is out of tune is resampled, and its notes are where they are in the recording."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from amt.evaluation.metrics import note_f1
from amt.features.tuning import Tuning, estimate_tuning
from amt.inference.retuning import (
    UNCHANGED,
    follow_curve,
    parse_retuning,
    retune,
    tuning_document,
    tuning_remark,
)
from amt.inference.transcriber import Options, Transcriber
from amt.inference.windows import Windowing
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes, Pedal
from amt.synth import piano

NOTHING = np.zeros(0)


def constant(cents: float, clarity: float = 0.7) -> Tuning:
    return Tuning(cents, clarity, NOTHING, NOTHING)


def tone(hertz: float, seconds: float = 4.0) -> np.ndarray:
    turns = np.arange(round(seconds * SAMPLE_RATE)) * hertz / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * turns)).astype(np.float32)


def frequency(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 1 << 20))
    return float(spectrum.argmax() * SAMPLE_RATE / (1 << 20))


def clicks(seconds: int) -> np.ndarray:
    audio = np.zeros(seconds * SAMPLE_RATE, dtype=np.float32)
    audio[np.arange(1, seconds) * SAMPLE_RATE] = 1
    return audio


@pytest.mark.parametrize("cents", [-45.0, 16.0, 45.0])
def test_a_constant_deviation_is_taken_out(cents: float) -> None:
    audio = tone(440 * 2 ** (cents / 1200))
    changed, clock = retune(audio, SAMPLE_RATE, constant(cents))
    assert frequency(changed) == pytest.approx(440, rel=2e-4)
    assert clock.time(0) == 0 and clock.time(len(changed) / SAMPLE_RATE) == 4.0
    assert clock.time(len(changed) / SAMPLE_RATE + 1) == pytest.approx(5.0)


@pytest.mark.parametrize(("hertz", "retuning"), [(415.0, 415.0), (466.16, 466.16)])
def test_a_given_pitch_of_a4_is_taken_out_whatever_is_heard(hertz: float, retuning: float) -> None:
    changed, _ = retune(tone(hertz), SAMPLE_RATE, constant(0.0), retuning)
    assert frequency(changed) == pytest.approx(440, rel=2e-4)


@pytest.mark.parametrize(
    ("tuning", "retuning"),
    [
        (constant(14), "auto"),
        (constant(40, 0.2), "auto"),
        (None, "auto"),
        (constant(40), "off"),
    ],
)
def test_what_is_near_enough_or_unclear_is_left_as_it_is(tuning, retuning) -> None:  # type: ignore[no-untyped-def]
    audio = tone(440.0)
    changed, clock = retune(audio, SAMPLE_RATE, tuning, retuning)
    assert changed is audio and clock is UNCHANGED
    times = np.array([0.0, 0.1, 7.3])
    assert np.array_equal(clock(times), times)


def test_no_samples_are_left_as_they_are() -> None:
    nothing = np.zeros(0, dtype=np.float32)
    assert retune(nothing, SAMPLE_RATE, None, 415.0)[0] is nothing


@pytest.mark.parametrize("cents", [(-40.0, 40.0), (60.0, -10.0)])
def test_clicks_are_found_where_they_were_while_the_speed_changes(
    cents: tuple[float, float],
) -> None:
    changed, clock = follow_curve(clicks(60), SAMPLE_RATE, np.array([0.0, 60]), np.array(cents))
    found = clock(np.flatnonzero(changed > 0.5) / SAMPLE_RATE)
    # Between two samples a click has two of half its height.
    np.testing.assert_allclose(np.unique(found.round()), np.arange(1, 60))
    np.testing.assert_allclose(found, found.round(), atol=1e-3)


def test_a_drift_is_taken_out() -> None:
    seconds = 90
    ratio = 2 ** (np.linspace(-40, 40, seconds * SAMPLE_RATE) / 1200)
    audio = (0.3 * np.sin(2 * np.pi * np.cumsum(ratio) * 440 / SAMPLE_RATE)).astype(np.float32)
    changed, _ = retune(audio, SAMPLE_RATE, estimate_tuning(audio, SAMPLE_RATE))
    after = estimate_tuning(changed, SAMPLE_RATE)
    assert after is not None and not after.drifts and abs(after.cents) < 1


@pytest.mark.parametrize("text", ["440", "auto", "off", "415.3"])
def test_a_command_takes_words_and_frequencies(text: str) -> None:
    assert str(parse_retuning(text)).removesuffix(".0") == text


@pytest.mark.parametrize("text", ["", "on", "nan", "100", "1000", "-440"])
def test_other_words_and_frequencies_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="auto, off, or the frequency of A4, 294 to 660 Hz"):
        parse_retuning(text)
    for wrong in (100.0, [415], True, np.float32(100)):
        with pytest.raises(ValueError, match="tuning="):
            Options(tuning=wrong)  # type: ignore[arg-type]
    assert Options(tuning=np.float32(430)).tuning == Options(tuning=np.int64(430)).tuning == 430.0


def test_what_is_written() -> None:
    drift = Tuning(5.0, 0.1, np.array([7.5, 22.5]), np.array([-20.04, 30.0]))
    assert tuning_document(constant(-31.24), True) == {"cents": -31.2, "corrected": True}
    assert tuning_document(constant(31.2, 0.1), False) is None
    assert tuning_document(None, False) is None
    assert tuning_document(None, True, 415.0) == {"cents": None, "corrected": True, "a4": 415.0}
    given = {"cents": 5.0, "corrected": False, "a4": 440.0}
    assert tuning_document(drift, False, 440.0) == given
    course = [[7.5, -20.0], [22.5, 30.0]]
    assert tuning_document(drift, True) == {"cents": 5.0, "corrected": True, "course": course}


def test_what_is_said() -> None:
    flat: dict[str, Any] = {"cents": -31.2, "corrected": True}
    course = [[0.0, -20.4], [60.0, 30.0], [90.0, 12.0]]
    assert tuning_remark(flat) == "31 cents flat, corrected"
    assert tuning_remark(flat | {"cents": 12.0}) == "12 cents sharp, corrected"
    drifting = tuning_remark(flat | {"course": course})
    assert drifting == "pitch drifts from -20 to +30 cents, corrected"
    assert tuning_remark(flat | {"corrected": False}) == tuning_remark(None) == ""
    assert tuning_remark({"cents": None, "corrected": True, "a4": 415.0}) == "taken as A4 = 415 Hz"


def scale(seconds: float) -> Notes:
    """Four notes a second in all registers, with a pedal."""
    onset = np.arange(0.3, seconds - 1, 0.25)
    pitch = 45 + (np.arange(len(onset)) * 7) % 36
    pedal = Pedal([2.0, 3.5], [64, 64], [127, 0])
    return Notes(onset, onset + 0.2, pitch, np.full(len(onset), 80), pedal)


@pytest.fixture(scope="module")
def fast() -> Transcriber:
    return Transcriber.from_pretrained("fast", precision="float32")


@pytest.mark.parametrize("cents", [-48.0, 48.0])
def test_the_notes_of_a_piano_out_of_tune_are_those_of_one_in_tune(
    fast: Transcriber, cents: float
) -> None:
    notes = scale(12.0)
    audio = piano.render(notes, piano.Instrument(tune_cents=cents), np.random.default_rng(0), 12.0)
    found = fast.run(audio, Options("key", keyed=True))
    assert found.retuned and found.tuning is not None
    assert found.tuning.cents == pytest.approx(cents, abs=8)
    assert found.seconds == 12.0 and found.keyed is not None
    assert note_f1(notes, found.notes) > 0.95 and note_f1(notes, found.keyed) > 0.95


def test_without_the_correction_notes_are_lost(fast: Transcriber) -> None:
    notes, sharp = scale(12.0), piano.Instrument(tune_cents=48)
    audio = piano.render(notes, sharp, np.random.default_rng(0), 12.0)
    off = fast.run(audio, Options(tuning="off"))
    assert not off.retuned and note_f1(notes, off.notes) < 0.9
    found, _ = replace(fast, tuning="off").both_ends(audio)
    assert np.array_equal(found.onset, off.notes.onset)
    assert replace(fast, tuning="off").run(audio, Options(tuning="auto")).retuned


@pytest.mark.parametrize("drift", [0.0, 40.0])
def test_reported_notes_and_progress_are_on_the_clock_of_the_recording(
    fast: Transcriber, drift: float
) -> None:
    flat = piano.Instrument(tune_cents=-25)
    audio = piano.render(scale(40.0), flat, np.random.default_rng(0), 40.0)
    course = np.array([0.0, 40.0]), np.array([drift, -drift])
    audio = follow_curve(audio, SAMPLE_RATE, *course)[0][: 30 * SAMPLE_RATE]
    calls: list[tuple[Notes, float]] = []
    done: list[tuple[float, float]] = []
    short = Transcriber(fast.model, fast.decoder, Windowing(seconds=6.0, margin=1.0))
    found = short.run(
        audio,
        progress=lambda *call: done.append(call),
        on_notes=lambda *call: calls.append(call),
    )
    onsets = np.concatenate([notes.onset for notes, _ in calls])
    assert len(calls) > 3 and calls[-1][1] == 30.0
    assert found.retuned and found.tuning is not None and found.tuning.drifts == (drift > 0)
    np.testing.assert_allclose(onsets, found.notes.onset, atol=2e-3)
    assert done[0] == (0.0, 30.0) and done[-1] == (30.0, 30.0) and done == sorted(done)
