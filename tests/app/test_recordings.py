"""Recordings: upload, list, description, files, audio, questions, deletion."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from served import clip
from served_app import SECRETS, app_client, status, transcribed, upload, wait_for

from amt.app.recordings import AUDIO, Recordings
from amt.cloud.lake import open_lake
from amt.io.audio import SAMPLE_RATE
from amt.io.midi import read_midi
from amt.page.describe import describe


def test_an_upload_is_transcribed_and_described(client: TestClient, done: str) -> None:
    document = client.get(f"/api/recordings/{done}").json()
    assert document["name"] == "Für Elise.wav" and document["status"] == "done"
    assert document["seconds"] == 1.0 and document["error"] is None and document["revision"] == 0
    assert document["progress"] == {"done": 1.0, "seconds": 1.0}
    assert document["model"]["name"] == "small" and document["audio"][0] == "recording"
    description = document["description"]
    assert len(description["notes"]) == document["note_count"] > 3
    assert len(description["sounding_until"]) == document["note_count"]
    assert description["images"]["waveform"]["rows"] == 2
    assert description["origin"] == "transcribed by amt, model small"


def test_a_recording_out_of_tune_is_corrected_and_said_to_be_so(client: TestClient) -> None:
    turns = np.arange(6 * SAMPLE_RATE) * 440 * 2 ** (40 / 1200) / SAMPLE_RATE
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * turns), SAMPLE_RATE, format="WAV")
    found = transcribed(client, upload(client, file.getvalue(), "sharp.wav"))
    assert found["status"] == "done"
    assert found["warnings"] == ["tuning: 40 cents sharp, corrected"]


def test_a_description_has_the_keys_of_amt_describe(client: TestClient, done: str) -> None:
    found = client.get(f"/api/recordings/{done}").json()["description"]
    from amt.notes import Notes

    expected = describe(Notes.empty(), np.zeros(16000, np.float32), lambda notes: np.zeros(1))
    assert set(found) == {*expected.document, *expected.page_data}


def test_the_list_has_the_newest_first(client: TestClient, done: str) -> None:
    id = upload(client)
    first, *others = client.get("/api/recordings").json()["recordings"]
    assert first["id"] == id and done in [one["id"] for one in others]
    expected = {"id", "name", "created", "status", "seconds", "note_count", "key", "corrected"}
    assert set(first) == expected and first["created"].endswith("+00:00")


@pytest.mark.parametrize("name", ["", "/", "a/../..\\b.wav", "\x00\x1b[31m", "x" * 500, "😀.wav"])
def test_file_names_are_only_labels(client: TestClient, name: str) -> None:
    id = upload(client, clip(0.3), name or "x")
    label = client.get(f"/api/recordings/{id}").json()["name"]
    assert label and len(label) <= 120 and not set(label) & set("/\\\x00\x1b")
    assert label.endswith("…") == (len(name) > 120)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 'The "Moon".wav'),
        ({"name": 'The "Moon" at 100%22.wav'}, 'The "Moon" at 100%22.wav'),
        ({"name": "../a/b.wav"}, "b.wav"),
    ],
)
def test_quotes_in_file_names(client: TestClient, fields: dict[str, str], expected: str) -> None:
    """Browsers and most programs send a quote in the name of a file as %22."""
    files = {"file": ("The %22Moon%22.wav", clip(0.3))}
    answer = client.post("/api/recordings", files=files, data=fields)
    assert answer.json()["name"] == expected


@pytest.mark.parametrize(("data", "expected"), [(b"", "empty"), (b"MThd\0\0", "MIDI file")])
def test_what_has_no_sound_is_refused_at_once(
    client: TestClient, data: bytes, expected: str
) -> None:
    answer = client.post("/api/recordings", files={"file": ("a.wav", data)})
    assert answer.status_code == 422 and expected in answer.json()["error"]
    assert "`" not in answer.json()["error"]


def test_what_is_no_audio_fails_and_is_not_kept(client: TestClient, lake: Path) -> None:
    id = upload(client, b"nothing of the kind")
    document = transcribed(client, id)
    assert document["status"] == "failed" and "cannot decode the audio" in document["error"]
    assert document["description"] is None and document["audio"] == []
    (folder,) = lake.glob(f"app/*/{id}")
    assert [path.name for path in folder.iterdir()] == ["recording.json"]
    for path in ("audio/recording", "files/midi"):
        answer = client.get(f"/api/recordings/{id}/{path}")
        assert answer.status_code == 409 and "failed" in answer.json()["error"]


def test_files_are_named_after_the_recording(client: TestClient, done: str, tmp_path: Path) -> None:
    count = client.get(f"/api/recordings/{done}").json()["note_count"]
    answers = {
        kind: client.get(f"/api/recordings/{done}/files/{kind}")
        for kind in ("midi", "json", "csv", "png", "piano_roll", "embedding")
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    disposition = answers["midi"].headers["content-disposition"]
    assert disposition.startswith('attachment; filename="F_r Elise.mid"')
    assert disposition.endswith("filename*=UTF-8''F%C3%BCr%20Elise.mid")
    path = tmp_path / "a.mid"
    path.write_bytes(answers["midi"].content)
    assert len(read_midi(path)) == len(answers["json"].json()["notes"]) == count
    assert len(answers["csv"].text.splitlines()) == count + 1
    assert answers["png"].content.startswith(b"\x89PNG")
    roll = np.load(io.BytesIO(answers["piano_roll"].content))
    assert roll.shape[1] == 88 and roll.dtype == np.uint8 and roll.any()
    embedding = np.load(io.BytesIO(answers["embedding"].content))
    assert embedding.ndim == 1 and embedding.dtype == np.float32
    assert client.get(f"/api/recordings/{done}/files/exe").status_code == 404


@pytest.mark.parametrize("which", ["recording", "transcription"])
def test_browsers_can_seek_in_the_audio(client: TestClient, done: str, which: str) -> None:
    path = f"/api/recordings/{done}/audio/{which}"
    whole = client.get(path)
    assert whole.status_code == 200 and whole.headers["content-type"] == "audio/mpeg"
    part = client.get(path, headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    last = client.get(path, headers={"range": "bytes=-5"})
    assert last.status_code == 206 and last.content == whole.content[-5:]
    beyond = client.get(path, headers={"range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416
    for strange in ("bytes=5-2", "bytes=-0"):
        assert client.get(path, headers={"range": strange}).status_code == 416
    for ignored in ("bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes=" + "9" * 50 + "-"):
        assert client.get(path, headers={"range": ignored}).status_code == 200
    unchanged = client.get(path, headers={"if-none-match": whole.headers["etag"]})
    assert unchanged.status_code == 304
    outdated = client.get(path, headers={"range": "bytes=1-2", "if-range": '"other"'})
    assert outdated.status_code == 200


def test_questions_are_answered_from_the_notes(client: TestClient, done: str) -> None:
    path = f"/api/recordings/{done}/questions"
    answer = client.post(path, json={"prompt": "How many notes are there?"}).json()
    count = client.get(f"/api/recordings/{done}").json()["note_count"]
    assert answer["source"] == "offline" and str(count) in answer["response"]
    assert answer["facts"][0]["name"] == "note_count" and answer["caption"] and answer["mood"]
    for wrong in ({"prompt": "x" * 2001}, {"prompt": 3}):
        assert client.post(path, json=wrong).status_code == 400


def test_no_question_asks_for_a_summary(client: TestClient, done: str) -> None:
    path = f"/api/recordings/{done}/questions"
    for body in ({}, {"prompt": " "}):
        answer = client.post(path, json=body).json()
        assert [fact["name"] for fact in answer["facts"]] == ["summary"]


def test_a_deleted_recording_leaves_nothing(client: TestClient, lake: Path) -> None:
    id = upload(client)
    transcribed(client, id)
    assert client.delete(f"/api/recordings/{id}").status_code == 204
    assert client.get(f"/api/recordings/{id}").status_code == 404
    assert client.delete(f"/api/recordings/{id}").status_code == 404
    assert status(client, id) == "missing"
    wait_for(lambda: not list(lake.glob(f"app/*/{id}/*")))


def test_a_recording_can_be_deleted_while_it_is_transcribed(client: TestClient, lake: Path) -> None:
    id = upload(client, clip(30.0))
    wait_for(lambda: status(client, id) == "transcribing")
    assert client.delete(f"/api/recordings/{id}").status_code == 204
    other = upload(client)
    assert transcribed(client, other)["status"] == "done"
    assert not list(lake.glob(f"app/*/{id}/recording.json"))


def test_files_of_a_recording_stay_while_its_record_is_there_even_damaged(tmp_path: Path) -> None:
    recordings = Recordings(open_lake(tmp_path))
    recording = recordings.create("a" * 64, "piece.wav", b"sound")
    (record,) = tmp_path.rglob("recording.json")
    record.write_text("")
    recordings.remove_if_deleted(recording)
    assert recordings.read(recording, AUDIO) == b"sound"
    record.unlink()
    recordings.remove_if_deleted(recording)
    assert not list(tmp_path.rglob(f"{recording.id}/*"))


def test_clients_see_only_their_own(client: TestClient, done: str) -> None:
    other = {"x-amt-client": SECRETS[1]}
    assert client.get("/api/recordings", headers=other).json() == {"recordings": []}
    requests = [
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/audio/recording"),
        ("GET", "/files/midi"),
        ("DELETE", ""),
    ]
    for method, path in requests:
        answer = client.request(method, f"/api/recordings/{done}{path}", headers=other)
        assert answer.status_code == 404, path
    body = {"revision": 0, "notes": []}
    put = client.put(f"/api/recordings/{done}/notes", json=body, headers=other)
    ask = client.post(f"/api/recordings/{done}/questions", json={"prompt": "key"}, headers=other)
    assert put.status_code == ask.status_code == 404
    assert client.get(f"/api/recordings/{done}").status_code == 200


@pytest.mark.parametrize("id", ["x", "..", "%2e%2e", "a" * 22, "A" * 5000, "a%00b"])
def test_unknown_ids(client: TestClient, id: str) -> None:
    assert client.get(f"/api/recordings/{id}").status_code == 404


def test_recordings_survive_a_restart(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path) as client:
        id = upload(client)
        before = transcribed(client, id)
    with app_client(model, tmp_path) as client:
        assert client.get(f"/api/recordings/{id}").json() == before
        assert json.loads(client.get(f"/api/recordings/{id}/files/json").text)["seconds"] == 1.0


def test_uploads_are_taken_while_the_model_is_loading(model: Path, tmp_path: Path) -> None:
    import threading

    from fastapi.testclient import TestClient as Client
    from served_app import HOST, app_settings

    from amt.app.application import create_app
    from amt.serving.model import load_model

    loaded = threading.Event()

    def slow(settings):  # type: ignore[no-untyped-def]
        assert loaded.wait(20)
        return load_model(settings)

    app = create_app(app_settings(model, tmp_path), slow)
    with Client(app, base_url=HOST, headers={"x-amt-client": SECRETS[0]}) as client:
        assert client.get("/health").status_code == 503
        assert client.get("/api/session").json()["model"] == {"name": "", "version": ""}
        id = upload(client)
        assert status(client, id) == "waiting"
        refused = client.post("/", files={"file": ("a.wav", clip())})
        assert refused.status_code == 503 and refused.headers["retry-after"]
        loaded.set()
        assert transcribed(client, id)["status"] == "done"
