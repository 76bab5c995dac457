"""What the server logs of recordings: numbers, reasons of rejection, and nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from recording_numbers import profile
from served import clip, encoded, model_folder, server

from amt.monitoring.entries import RECORDING, Entry, read_entries
from amt.monitoring.profile import write_profile
from amt.serving.logging import LOGGER
from amt.serving.settings import Settings

NAME = "aunt-mary-plays.wav"


@pytest.fixture
def logged() -> Iterator[list[dict]]:
    """The fields of what the server logs of recordings."""
    found: list[dict] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == RECORDING:
                found.append(record.fields)  # type: ignore[attr-defined]

    handler = Handler()
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    logging.disable(logging.NOTSET)  # As `log_to_stdout` does; commands switch it off.
    yield found
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


def test_numbers_are_logged_and_stored(folder: Path, tmp_path: Path, logged: list[dict]) -> None:
    with server(folder, monitoring=str(tmp_path / "lake"), max_audio_seconds=3.0) as client:
        sent = {"file": (NAME, clip())}
        assert client.post("/transcribe", files=sent).status_code == 200
        bad = [encoded(b"no audio"), encoded(clip(5.0))]
        answer = client.post("/predict", json={"instances": bad})
        assert [one["status"] for one in answer.json()["predictions"]] == [422, 413]
        metrics = client.get("/metrics").text
    entries = [Entry.from_json(fields) for fields in logged]
    assert [entry.rejected for entry in entries if entry.numbers] == [""]
    assert {entry.rejected for entry in entries} == {"", "not_audio", "too_long"}
    stored = read_entries(tmp_path / "lake")
    assert sorted(e.rejected for e in stored) == ["", "not_audio", "too_long"]
    assert stored[0].model == "small" and stored[0].version
    numbers = next(entry.numbers for entry in stored if entry.numbers)
    assert numbers.seconds == 1.0 and -22 < numbers.level_db < -18
    assert 'amt_rejected_recordings_total{reason="too_long"} 1.0' in metrics
    assert "amt_recording_level_db_count 1.0" in metrics
    assert NAME not in json.dumps(logged)


def test_f1_is_estimated_by_the_profile_of_the_model(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    for path, count in ((None, 0), (folder / "small.profile.json", 1)):
        if path:
            write_profile(path, profile(model="small"))
        with server(folder) as client:
            assert client.post("/transcribe", files={"file": (NAME, clip())}).status_code == 200
            assert f"amt_recording_estimated_f1_count {count}.0" in client.get("/metrics").text


def test_a_damaged_profile_does_not_stop_the_server(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "small.profile.json").write_text("{")
    with server(folder) as client:
        assert client.post("/transcribe", files={"file": (NAME, clip())}).status_code == 200


def test_one_setting_switches_it_off(folder: Path, logged: list[dict]) -> None:
    with server(folder, monitoring="off") as client:
        assert client.post("/transcribe", files={"file": (NAME, clip())}).status_code == 200
        assert client.post("/transcribe", files={"file": (NAME, b"x")}).status_code == 422
        assert "amt_recording_level_db_count 0.0" in client.get("/metrics").text
    assert logged == []


def test_a_malformed_place_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"AMT_MONITORING: .*gs://BUCKET"):
        Settings(monitoring="gs://Not A Bucket")
