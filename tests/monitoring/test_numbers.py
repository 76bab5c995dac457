"""The numbers of a recording: what they hold, and that they survive JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from recording_numbers import recordings
from small_model import small_checkpoint

from amt.inference.certainty import Certainty
from amt.inference.transcriber import Options, Transcriber
from amt.monitoring.measuring import measure_recording, run_and_measure
from amt.monitoring.numbers import SCALARS, RecordingNumbers, measure
from amt.notes import Notes

CERTAINTY = Certainty(0.9, 0.1, 0.8, 0.7, 2.5, 0.5)
NOTES = Notes(
    np.array([0.0, 1.0, 1.5]),
    np.array([1.0, 2.0, 2.0]),
    np.array([21, 60, 108]),
    np.array([1, 64, 127]),
)
NOISE = (np.random.default_rng(0).standard_normal(64000) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def transcriber(tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    return Transcriber.load(small_checkpoint(tmp_path_factory.mktemp("model") / "small.ckpt"))


def test_notes_are_counted() -> None:
    found = measure(NOISE, 16000, NOTES, CERTAINTY, warnings=2)
    assert found.notes_per_second == pytest.approx(3 / 4)
    assert (found.pitches[0], found.pitches[39], found.pitches[87]) == (1, 1, 1)
    assert (found.velocities[0], found.velocities[8], found.velocities[15]) == (1, 1, 1)
    assert sum(found.pitches) == sum(found.velocities) == 3
    assert (found.warnings, found.pedal, found.expected_f1) == (2, 0.5, 0.8)


def test_json_and_back() -> None:
    numbers = recordings(1)[0]
    text = json.dumps(numbers.to_json(), allow_nan=False)
    assert len(text) < 1200
    found = RecordingNumbers.from_json(json.loads(text))
    assert found.pitches == numbers.pitches
    for name in SCALARS:
        assert getattr(found, name) == pytest.approx(getattr(numbers, name), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("level_db", None),
        ("level_db", "loud"),
        ("noise_db", float("nan")),
        ("pitches", [1, 2]),
        ("velocities", None),
    ],
)
def test_wrong_numbers_are_refused(name: str, value: Any) -> None:
    document = recordings(1)[0].to_json() | {name: value}
    with pytest.raises(ValueError):
        RecordingNumbers.from_json(document)


def test_measuring_changes_no_note(transcriber: Transcriber) -> None:
    plain = transcriber.run(NOISE, Options("key"))
    found, numbers = run_and_measure(transcriber, NOISE, Options("key"))
    assert len(plain.notes) and sum(numbers.pitches) == len(plain.notes)
    for column in ("onset", "offset", "pitch", "velocity"):
        assert (getattr(found.notes, column) == getattr(plain.notes, column)).all()
    assert (found.notes.pedal.time == plain.notes.pedal.time).all()
    assert plain.certainty is None


def test_a_silent_recording_has_numbers(transcriber: Transcriber) -> None:
    numbers, _ = measure_recording(transcriber, np.zeros(16000, dtype=np.float32))
    assert numbers.noise_db is None
    json.dumps(numbers.to_json(), allow_nan=False)
