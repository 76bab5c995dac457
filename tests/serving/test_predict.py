"""The predict route: results, options, invalid instances and invalid requests."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from served import clip, encoded

from amt.inference.transcriber import Options, Transcriber
from amt.io.audio import SAMPLE_RATE, load_bytes
from amt.io.midi import read_midi
from amt.notes import Notes
from amt.serving.model import Model
from amt.serving.pool import Result
from amt.serving.responses import prediction


def predict(client: TestClient, *instances: Any, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.post("/predict", json={"instances": instances, "parameters": parameters})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def expected_notes(folder: Path, data: bytes) -> Notes:
    transcriber = Transcriber.load(folder / "small.ckpt")
    return transcriber.transcribe(load_bytes(data, transcriber.sample_rate))


def test_notes_equal_those_of_the_transcriber(client: TestClient, folder: Path) -> None:
    data = clip(2.5, kind="FLAC")
    (answer,) = predict(client, encoded(data))
    notes = expected_notes(folder, data)
    assert len(notes) > 5
    assert [note["pitch"] for note in answer["notes"]] == notes.pitch.tolist()
    np.testing.assert_allclose([n["onset"] for n in answer["notes"]], notes.onset, atol=1e-4)
    np.testing.assert_allclose([n["offset"] for n in answer["notes"]], notes.offset, atol=1e-4)
    assert [note["velocity"] for note in answer["notes"]] == notes.velocity.tolist()
    assert answer["duration"] == 2.5 and answer["pedal"] == []


def test_predictions_are_in_the_order_of_the_instances(client: TestClient) -> None:
    durations = [0.5, 2.0, 1.0, 1.5]
    answers = predict(client, *(encoded(clip(seconds)) for seconds in durations))
    assert [answer["duration"] for answer in answers] == durations


def test_every_format(client: TestClient, folder: Path, tmp_path: Path) -> None:
    data = clip(2.0)
    formats = ["notes", "midi", "piano_roll"]
    (answer,) = predict(client, encoded(data), format=formats, roll_rate=100)
    notes = expected_notes(folder, data)
    (tmp_path / "a.mid").write_bytes(base64.b64decode(answer["midi"]["b64"]))
    assert sorted(read_midi(tmp_path / "a.mid").pitch) == sorted(notes.pitch)
    roll = answer["piano_roll"]
    assert roll["frame_rate"] == 100 and roll["frames"] >= 200
    assert {run[0] for run in roll["runs"]} == set(notes.pitch.tolist())
    (only_midi,) = predict(client, encoded(data), format=["midi"])
    assert "notes" not in only_midi and "piano_roll" not in only_midi


def test_the_embedding(client: TestClient, folder: Path) -> None:
    data = clip(2.0)
    formats = ["notes", "midi", "piano_roll", "embedding"]
    (answer,) = predict(client, encoded(data), format=formats)
    assert {"notes", "midi", "piano_roll", "embedding"} <= set(answer)
    expected = Transcriber.load(folder / "small.ckpt").run(data, Options(embedding=True)).embedding
    assert expected is not None and answer["embedding"]["dimension"] == len(expected) == 16
    values = np.array(answer["embedding"]["values"], dtype=np.float32)
    assert np.array_equal(values, expected)
    (without,) = predict(client, encoded(data))
    assert "embedding" not in without


def test_a_model_without_features_says_so() -> None:
    result = Result(Notes.empty(), 1.0, 0.1)
    with_null = prediction(result, Model(None, "old", "1"), ["embedding"])  # type: ignore[arg-type]
    assert with_null["embedding"] is None and with_null["summary"]["note_count"] == 0


def test_the_summary_and_the_model(client: TestClient, folder: Path) -> None:
    data = clip(2.0)
    (answer,) = predict(client, encoded(data))
    notes = expected_notes(folder, data)
    summary = answer["summary"]
    assert summary["note_count"] == len(notes)
    assert summary["range"]["lowest"]["pitch"] == notes.pitch.min()
    assert summary["density"] == pytest.approx(len(notes) / 2, abs=1e-4)
    common = summary["most_common_note"]
    assert (
        common["count"] == (notes.pitch == common["pitch"]).sum() == np.bincount(notes.pitch).max()
    )
    assert answer["model"]["name"] == "small" and answer["model"]["version"]


def test_a_higher_threshold_gives_fewer_notes(client: TestClient) -> None:
    data = encoded(clip(2.0))
    (many,), (few,) = predict(client, data), predict(client, data, onset_threshold=0.6)
    assert few["summary"]["note_count"] < many["summary"]["note_count"]


def test_the_tuning(client: TestClient) -> None:
    turns = np.arange(6 * SAMPLE_RATE) * 440 * 2 ** (-30 / 1200) / SAMPLE_RATE
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * turns), SAMPLE_RATE, format="WAV")
    data = encoded(file.getvalue())
    heard = {"cents": pytest.approx(-30, abs=1), "corrected": True}
    for tuning, expected in (
        ("auto", heard),
        (None, heard),
        ("off", heard | {"corrected": False}),
        (432, heard | {"a4": 432}),
    ):
        (answer,) = predict(client, data, tuning=tuning)
        assert answer["tuning"] == expected
    response = client.post("/transcribe?tuning=off", files={"file": file.getvalue()})
    assert response.json()["tuning"]["corrected"] is False
    for wrong in ("on", 44100, -1, ""):
        body = {"instances": [data], "parameters": {"tuning": wrong}}
        response = client.post("/predict", json=body)
        assert response.status_code == 400 and "294 to 660 Hz" in response.json()["error"]
        response = client.post(f"/transcribe?tuning={wrong}", files={"file": file.getvalue()})
        assert response.status_code == 400 and "294 to 660 Hz" in response.json()["error"]


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "write",
    [
        lambda data: {"audio": {"b64": base64_of(data)}, "audio_uri": None, "b64": None},
        lambda data: {"b64": base64_of(data)},
        lambda data: {"b64": base64_of(data), "audio": None},
        lambda data: {"b64": base64.encodebytes(data).decode()},
        lambda data: {"b64": base64_of(data).replace("AAA", "A A\r\nA")},
        lambda data: {"b64": base64_of(data).rstrip("=")},
        lambda data: {"b64": base64.urlsafe_b64encode(data).decode()},
        lambda data: {"audio": {"b64": "data:audio/wav;base64," + base64_of(data)}},
    ],
)
def test_every_way_to_write_base64(client: TestClient, write: Callable[[bytes], Any]) -> None:
    data = clip(1.0, rate=16001) + b"\0"
    text = base64_of(data)
    assert text.endswith("=") and {"+", "/"} <= set(text)
    ours, expected = predict(client, write(data), encoded(data))
    assert ours["notes"] and ours == expected


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"parameters": None},
        {"parameters": {}},
        {"parameters": {"format": None, "extend_sustain": None, "roll_rate": None}},
        {"parameters": {"onset_threshold": None}},
    ],
)
def test_parameters_that_are_missing_or_null_have_their_defaults(
    client: TestClient, rest: dict[str, Any]
) -> None:
    instance = encoded(clip(0.5))
    answer = client.post("/predict", json={"instances": [instance], **rest})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == predict(client, instance, format=["notes"])


@pytest.mark.parametrize(
    ("instance", "error"),
    [
        ({"audio": {"b64": "!!"}}, "not base64"),
        ({"audio": {"b64": "Ä"}}, "not base64"),
        ({"b64": "QUI=QUI="}, "b64 is not base64"),
        ({"b64": "A"}, "b64 is not base64"),
        ({"b64": 5}, "b64"),
        (encoded(b""), "empty"),
        (encoded(b"no audio at all"), "cannot decode the audio"),
        ({"audio": {}}, "audio.b64"),
        ({"audio": "abc"}, "audio"),
        ({"sound": 1}, "sound"),
        ({}, "an instance is"),
        (5, "an instance is"),
        (None, "an instance is"),
        ({"audio": {"b64": ""}, "audio_uri": "gs://bucket/a"}, "an instance is"),
        ({"audio": {"b64": ""}, "b64": ""}, "an instance is"),
        ({"audio": None, "b64": None}, "an instance is"),
        ({"audio_uri": "gs://bucket/a.wav"}, "AMT_ALLOWED_URIS"),
        ({"audio_uri": "file:///etc/passwd"}, "expected gs://"),
        ({"audio_uri": "/etc/passwd"}, "expected gs://"),
        ({"audio_uri": "https://example.com/a.wav"}, "expected gs://"),
    ],
)
def test_an_invalid_instance_does_not_fail_the_others(
    client: TestClient, instance: Any, error: str
) -> None:
    first, bad, last = predict(client, encoded(clip(0.5)), instance, encoded(clip(0.7)))
    assert first["duration"] == 0.5 and last["duration"] == 0.7
    assert list(bad) == ["error", "status"] and 400 <= bad["status"] < 500
    assert error in bad["error"] and "\n" not in bad["error"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"instances": "\xff"}', "JSON"),
        (b"[]", "body"),
        (b"{}", "instances"),
        (b'{"instances": null}', "instances"),
        (b'{"instances": []}', "1 to 16 instances, got 0"),
        (b'{"instances": [' + b"0," * 16 + b"0]}", "1 to 16 instances, got 17"),
        (b'{"instances": {}}', "instances"),
        (b'{"instances": [1], "parameters": {"format": ["mp3"]}}', "format"),
        (b'{"instances": [1], "parameters": {"format": []}}', "format"),
        (b'{"instances": [1], "parameters": {"format": [' + b'"",' * 10**5 + b'""]}}', "format"),
        (b'{"instances": [1], "parameters": {"formats": ["midi"]}}', "formats"),
        (b'{"instances": [1], "parameters": {"onset_threshold": NaN}}', "onset_threshold"),
        (b'{"instances": [1], "parameters": {"roll_rate": 1e9}}', "roll_rate"),
        (b'{"instances": [1], "parameters": {"roll_rate": 1e999}}', "roll_rate"),
        (b'{"instances": ["\\ud800"], "parameters": {"\\ud800": 1}}', ""),
    ],
)
def test_an_invalid_request_gets_one_sentence(client: TestClient, body: bytes, error: str) -> None:
    answer = client.post("/predict", content=body)
    assert answer.status_code == 400, answer.text
    refusal = answer.json()
    assert set(refusal) == {"error", "request_id"}
    assert error in refusal["error"] and "\n" not in refusal["error"]


def test_error_responses_are_ascii(client: TestClient) -> None:
    (answer,) = predict(client, {"audio_uri": "gs://böse/\u202e\x00"})
    assert "error" in answer
    raw = client.post("/predict", content=json.dumps({"instances": [{"ключ": 1}]}).encode())
    assert raw.content.isascii()


def test_an_unexpected_error_fails_only_its_instance(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("amt.inference.transcriber.load_bytes", broken)
    (answer,) = predict(client, encoded(clip()))
    assert "the server's log has details" in answer["error"] and answer["status"] == 500
    assert 'amt_recordings_total{outcome="failed"}' in client.get("/metrics").text


def test_what_is_wrong_with_a_file_is_in_the_response(client: TestClient) -> None:
    whole = clip(2.0)
    cut, complete = predict(client, encoded(whole[: len(whole) // 2]), encoded(whole))
    (warning,) = cut["warnings"]
    assert warning.startswith("the audio is damaged (its header says 2.0 s")
    assert cut["notes"] is not None and abs(cut["duration"] - 1.0) < 0.01
    assert "warnings" not in complete
