"""`POST /`: the call of the ancestor, with JSON and forms."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import clip
from served_app import app_client

from amt.io.midi import midi_bytes, read_midi
from amt.notes import Notes

TUNE = Notes([0.0, 0.5, 1.0], [0.4, 0.9, 1.4], [60, 64, 60], [80, 90, 80])
# All keys 20 times in a second.
_ONSETS = np.repeat(np.arange(20) / 20, 88)
CROWDED = Notes(_ONSETS, _ONSETS + 0.04, np.tile(np.arange(21, 109), 20), np.full(1760, 80))
PROMPT = "Transcribe my audio file and tell me the most common note"


@pytest.fixture(autouse=True)
def recording(lake: Path) -> Path:
    """A recording in the lake: raw/2018/a piece.wav."""
    path = lake / "raw" / "2018" / "a piece.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(clip(1.5))
    return path


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/", json=body)


def test_the_call_of_the_ancestor(client: TestClient) -> None:
    answer = ask(client, prompt=PROMPT, audio_file="2018/a piece.wav")
    assert answer.status_code == 200
    found = answer.json()
    common = found["most_common_note"]
    assert common["name"] in found["response"] and found["source"] == "offline"
    pitches = [note["pitch"] for note in found["notes"]]
    assert common["count"] == pitches.count(common["midi"]) == max(map(pitches.count, pitches))
    assert found["piano_roll_summary"].startswith(f"The piano roll has {len(set(pitches))} active")
    assert found["duration"] == 1.5 and found["audio_caption"] and found["music_mood"]
    assert found["model"]["name"] == "small" and found["warnings"] == []
    assert "tempo" in found and "key" in found
    roll = np.load(found["piano_roll_npy_gcs_path"])
    assert roll.shape[1] == 88 and roll.dtype == np.uint8
    assert np.load(found["embedding_npy_gcs_path"]).ndim == 1
    assert len(read_midi(found["midi_gcs_path"])) == len(pitches)
    folder = Path(found["midi_gcs_path"]).parent
    assert folder.name == f"a_piece-{found['id']}"
    names = {"a_piece.mid", "a_piece.json", "a_piece_piano_roll.npy", "a_piece_embedding.npy"}
    assert {path.name for path in folder.iterdir()} == names


def test_forms_and_base64_give_the_same(client: TestClient) -> None:
    form = client.post("/", data={"prompt": PROMPT}, files={"file": ("a.wav", clip(1.5))}).json()
    b64 = base64.b64encode(clip(1.5)).decode()
    encoded = ask(client, prompt=PROMPT, audio={"b64": b64}).json()
    stored = ask(client, prompt=PROMPT, audio_file="2018/a piece.wav").json()
    assert form["notes"] == encoded["notes"] == stored["notes"]
    assert form["response"] == encoded["response"] == stored["response"]
    assert len({one["id"] for one in (form, encoded, stored)}) == 3


def test_a_midi_file_is_answered_from_its_notes_and_not_stored(
    client: TestClient, lake: Path
) -> None:
    before = sorted(lake.rglob("*"))
    data = midi_bytes(TUNE)
    form = client.post("/", data={"prompt": "How many notes?"}, files={"file": ("a.mid", data)})
    encoded = ask(client, prompt="How many notes?", audio={"b64": base64.b64encode(data).decode()})
    for answer in (form, encoded):
        found = answer.json()
        assert found["response"] == "There are 3 notes." and len(found["notes"]) == 3
        assert found["id"] is found["model"] is found["midi_gcs_path"] is None
    assert sorted(lake.rglob("*")) == before
    pedal = client.post("/", data={"prompt": "the pedal?"}, files={"file": ("a.mid", data)})
    assert "no information about the pedal" in pedal.json()["response"]


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        (b"MThd and nothing else", 422, "cannot read the MIDI file"),
        (midi_bytes(Notes([2000.0], [2001.0], [60], [80])), 413, "AMT_MAX_AUDIO_SECONDS"),
        (b"MThd" + bytes(10_000_001), 413, "AMT_MAX_BODY_BYTES"),
        (midi_bytes(CROWDED), 422, "expected at most"),
    ],
)
def test_midi_files_that_are_refused(
    client: TestClient, data: bytes, status: int, text: str
) -> None:
    answer = client.post("/", files={"file": ("a.mid", data)})
    assert answer.status_code == status and text in answer.json()["error"]


def test_what_curl_sends_without_a_content_type_is_understood(client: TestClient) -> None:
    """`curl -d` calls everything a form, JSON too."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    form = client.post("/", content="prompt=key&audio_file=2018/a%20piece.wav", headers=kind)
    assert form.json()["duration"] == 1.5
    text = client.post("/", content='{"prompt": "key", "audio_file": ""}', headers=kind)
    alone = client.post("/", content="prompt=key", headers=kind)
    assert text.json() == alone.json() and "no recording" in alone.json()["response"]


@pytest.mark.parametrize(
    ("body", "text"),
    [("", "the body is empty"), ("  ", "empty"), ("key?", "neither JSON nor a form")],
)
def test_a_body_that_is_not_understood_is_answered_with_an_example(
    client: TestClient, body: str, text: str
) -> None:
    answer = client.post("/", content=body)
    assert answer.status_code == 400
    assert text in answer.json()["error"] and "curl URL -F prompt=" in answer.json()["error"]
    kind = {"content-type": "application/x-www-form-urlencoded"}
    form = client.post("/", content="key?", headers=kind)
    assert form.status_code == 400 and "curl URL -F prompt=" in form.json()["error"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../app/x", "http://a/b.mp3", "s3://a/b"])
def test_what_is_no_name_is_told_what_is_expected(client: TestClient, name: str) -> None:
    error = ask(client, audio_file=name).json()["error"]
    assert error.startswith("audio_file: expected the name of a recording below raw/ of the lake")


def test_it_needs_no_secret_and_stores_no_recording(client: TestClient) -> None:
    before = client.get("/api/recordings").json()
    answer = client.post("/", files={"file": ("a.wav", clip())}, headers={"x-amt-client": ""})
    assert answer.status_code == 200 and answer.json()["response"]
    assert client.get("/api/recordings").json() == before


def test_a_prompt_without_a_recording_is_told_what_is_needed(client: TestClient) -> None:
    found = ask(client, prompt="What is the key?").json()
    assert "recording" in found["response"] and found["notes"] == [] and found["id"] is None
    complete = ask(client, prompt=PROMPT, audio_file="2018/a piece.wav").json()
    assert set(found) == set(complete)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("2018/no.wav", 404),
        ("../app/x", 400),
        ("/etc/passwd", 400),
        ("2018/../../app", 400),
        ("2018\\a piece.wav", 400),
        ("2018/", 400),
        ("2018", 404),
        ("a" * 300, 400),
        ("a\x00b", 400),
        ("\ud800", 400),
        ("file:///etc/passwd", 400),
        ("gs://bucket/a.wav", 403),
        ("gs://x", 400),
    ],
)
def test_names_that_are_refused(client: TestClient, lake: Path, name: str, status: int) -> None:
    answer = client.post("/", content=json.dumps({"prompt": "key", "audio_file": name}))
    assert answer.status_code == status, answer.text
    assert str(lake) not in answer.text and set(answer.json()) == {"error", "request_id"}


def test_a_link_out_of_the_lake_is_not_followed(
    client: TestClient, lake: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.wav").write_bytes(clip())
    (lake / "raw" / "link.wav").symlink_to(tmp_path / "secret.wav")
    assert ask(client, audio_file="link.wav").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "x" * 2001},
        {"prompt": 3},
        {"audio": {"b64": "***"}},
        {"audio": {"b64": ""}, "audio_file": "a"},
        {"audio": "a"},
        [],
        "x",
    ],
)
def test_bodies_that_are_refused(client: TestClient, body: Any) -> None:
    assert client.post("/", json=body).status_code == 400


def test_what_is_no_audio_is_refused(client: TestClient) -> None:
    answer = client.post("/", files={"file": ("a.wav", b"nothing of the kind")})
    assert answer.status_code == 422 and "cannot decode the audio" in answer.json()["error"]
    field = client.post("/", files={"prompt": ("a.wav", b"x")})
    text = client.post("/", data={"file": "x", "prompt": "y"}, files={"other": b""})
    assert field.status_code == text.status_code == 400


def test_limits(model: Path, tmp_path: Path) -> None:
    limits = {"max_upload_bytes": 30000, "max_body_bytes": 1000, "max_audio_seconds": 1}
    with app_client(model, tmp_path, **limits) as client:
        for path in ("/", "/api/recordings"):
            large = client.post(path, files={"file": ("a.wav", bytes(40000))})
            assert large.status_code == 413 and "AMT_MAX_UPLOAD_BYTES" in large.json()["error"]
        text = client.post("/", json={"prompt": "x", "audio": {"b64": "A" * 2000}})
        assert text.status_code == 413 and "AMT_MAX_BODY_BYTES" in text.json()["error"]
        files = {"file": ("a.mp3", clip(1.5, kind="MP3"))}
        long = client.post("/", files=files)
        assert long.status_code == 413 and "longer than 1 s" in long.json()["error"]


def test_a_form_may_name_a_recording_of_the_lake(client: TestClient) -> None:
    fields = {"prompt": "How long is it?", "audio_file": "2018/a piece.wav"}
    answer = client.post("/", files={name: (None, text) for name, text in fields.items()})
    assert answer.status_code == 200
    assert answer.json()["duration"] == pytest.approx(1.5, abs=0.01)


def test_an_unknown_field_is_refused(client: TestClient) -> None:
    form = client.post("/", files={"audio": ("a.wav", clip(0.5))})
    assert form.status_code == 400
    assert "expected prompt, file, audio_file" in form.json()["error"]
    wrong = ask(client, prompt="key", audiofile="a.wav")
    assert wrong.status_code == 400
    assert wrong.json()["error"].endswith("expected prompt, audio_file, audio")
