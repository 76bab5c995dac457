"""Corrections: training pairs, revisions, what changed, and notes that are refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import clip
from served_app import transcribed, upload

from amt.io.midi import read_midi

NOTE = {"onset": 0.1, "offset": 0.5, "pitch": 60, "velocity": 70}


@pytest.fixture(scope="module")
def recording(client: TestClient) -> str:
    """The id of a recording that only this file changes."""
    id = upload(client, clip(1.0, seed=3), "piece.wav")
    transcribed(client, id)
    return id


def save(client: TestClient, id: str, revision: Any, notes: Any) -> Any:
    return client.put(f"/api/recordings/{id}/notes", json={"revision": revision, "notes": notes})


def test_a_correction_is_a_training_pair_and_a_new_revision(
    client: TestClient, recording: str, lake: Path
) -> None:
    before = client.get(f"/api/recordings/{recording}").json()
    revision, notes = before["revision"], before["description"]["notes"]
    kept = [*notes[1:], NOTE]
    kept[0] = {**kept[0], "velocity": 127 if kept[0]["velocity"] != 127 else 1}
    answer = save(client, recording, revision, kept).json()
    assert answer["revision"] == revision + 1
    assert answer["changes"] == {"added": 1, "removed": 1, "changed": 1}
    pair = lake / answer["pair"]
    assert (pair / "audio").read_bytes() == clip(1.0, seed=3)
    assert len(read_midi(pair / "notes.mid")) == len(kept)
    assert len(json.loads((pair / "notes.json").read_text())["notes"]) == len(kept)
    about = json.loads((pair / "correction.json").read_text())
    assert about["changes"] == answer["changes"] and about["model"]["name"] == "small"
    assert about["recording"] == "piece.wav" and about["revision"] == revision + 1
    after = client.get(f"/api/recordings/{recording}").json()
    assert after["revision"] == revision + 1 and after["corrected"]
    assert len(after["description"]["notes"]) == after["note_count"] == len(kept)
    assert after["description"]["images"] == before["description"]["images"]
    files = client.get(f"/api/recordings/{recording}/files/json").json()
    assert files["notes"] == after["description"]["notes"]


def test_notes_as_transcribed_again_are_no_training_pair(client: TestClient, lake: Path) -> None:
    id = upload(client, clip(1.0, seed=4), "other.wav")
    notes = transcribed(client, id)["description"]["notes"]
    pair = save(client, id, 0, [*notes, NOTE]).json()["pair"]
    assert (lake / pair).is_dir()
    answer = save(client, id, 1, notes).json()
    assert answer["pair"] == "" and answer["changes"]["removed"] == 1
    assert not (lake / pair).exists()


def test_the_audio_and_answers_are_of_the_corrected_notes(
    client: TestClient, recording: str
) -> None:
    audio = f"/api/recordings/{recording}/audio/transcription"
    before, revision = client.get(audio), revision_of(client, recording)
    assert save(client, recording, revision, [NOTE]).status_code == 200
    after = client.get(audio)
    assert after.content != before.content and after.headers["etag"] != before.headers["etag"]
    asked = client.post(f"/api/recordings/{recording}/questions", json={"prompt": "highest note"})
    assert "C4" in asked.json()["response"]
    assert save(client, recording, revision + 1, []).status_code == 200
    empty = client.get(f"/api/recordings/{recording}").json()
    assert empty["audio"] == ["recording"] and empty["description"]["notice"]
    assert client.get(audio).status_code == 404


def revision_of(client: TestClient, id: str) -> int:
    return client.get(f"/api/recordings/{id}").json()["revision"]


def test_only_the_newest_pair_is_kept(client: TestClient, recording: str, lake: Path) -> None:
    for pitch in (64, 65):
        revision = revision_of(client, recording)
        pair = save(client, recording, revision, [{**NOTE, "pitch": pitch}]).json()["pair"]
    assert list(lake.glob(f"corrections/{recording}-*")) == [lake / pair]


def test_a_correction_of_an_older_revision_is_refused(client: TestClient, recording: str) -> None:
    revision = revision_of(client, recording)
    assert save(client, recording, revision, [NOTE]).status_code == 200
    for stale in (revision, revision + 2):
        refused = save(client, recording, stale, [])
        assert refused.status_code == 409 and "load the recording again" in refused.json()["error"]
    assert len(client.get(f"/api/recordings/{recording}").json()["description"]["notes"]) == 1


def test_of_two_corrections_at_once_one_is_saved_whole(
    client: TestClient, recording: str, lake: Path
) -> None:
    revision = revision_of(client, recording)
    given = [
        [{**NOTE, "pitch": pitch, "onset": 0.1 + number / 100} for number in range(pitch - 69)]
        for pitch in range(70, 76)
    ]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda notes: save(client, recording, revision, notes), given))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    (saved,) = (n for a, n in zip(answers, given, strict=True) if a.status_code == 200)
    document = client.get(f"/api/recordings/{recording}").json()
    assert [n["pitch"] for n in document["description"]["notes"]] == [n["pitch"] for n in saved]
    (pair,) = lake.glob(f"corrections/{recording}-*")
    assert len(json.loads((pair / "notes.json").read_text())["notes"]) == len(saved)


@pytest.mark.parametrize(
    "notes",
    [
        [{**NOTE, "pitch": 109}],
        [{**NOTE, "pitch": 60.5}],
        [{**NOTE, "velocity": 0}],
        [{**NOTE, "onset": -0.1}],
        [{**NOTE, "offset": 0.1}],
        [{**NOTE, "offset": 1e6}],
        [{**NOTE, "onset": None}],
        [{"onset": 1}],
        [NOTE] * 2000,
        [NOTE, NOTE],
        [NOTE, {**NOTE, "onset": 0.1009, "velocity": 1}],
        "notes",
        {},
        [[0.1, 0.5, 60, 70]],
    ],
)
def test_notes_that_are_refused(client: TestClient, done: str, notes: Any) -> None:
    answer = save(client, done, 0, notes)
    assert answer.status_code == 400 and set(answer.json()) == {"error", "request_id"}
    assert revision_of(client, done) == 0


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([NOTE, {**NOTE, "onset": 0.1009}], "C4 at 0:00.10 is there twice"),
        ([{**NOTE, "offset": 1e6}, {**NOTE, "offset": 0.05}], "C4 at 0:00.10 ends before it begi"),
        ([NOTE, {**NOTE, "onset": 0.3, "pitch": 108, "offset": 99}], "C8 at 0:00.30 ends too late"),
    ],
)
def test_the_first_wrong_note_is_named(
    client: TestClient, done: str, notes: Any, expected: str
) -> None:
    assert expected in save(client, done, 0, notes).json()["error"]


def test_repeated_notes_and_chords_are_not_doubled(client: TestClient, recording: str) -> None:
    notes = [NOTE, {**NOTE, "onset": 0.1012}, {**NOTE, "pitch": 61}]
    assert save(client, recording, revision_of(client, recording), notes).status_code == 200


def test_an_unchanged_correction_is_refused(client: TestClient, done: str, lake: Path) -> None:
    notes = client.get(f"/api/recordings/{done}").json()["description"]["notes"]
    answer = save(client, done, 0, notes[::-1])
    assert answer.status_code == 422 and "nothing was changed" in answer.json()["error"]
    assert revision_of(client, done) == 0 and not list(lake.glob(f"corrections/{done}-*"))


@pytest.mark.parametrize("text", ['{"revision": 0, "notes": [NaN]}', "{", "[" * 10000, "1", ""])
def test_bodies_that_are_refused(client: TestClient, done: str, text: str) -> None:
    headers = {"content-type": "application/json"}
    answer = client.put(f"/api/recordings/{done}/notes", content=text, headers=headers)
    assert answer.status_code == 400


def test_a_pair_stays_when_its_recording_is_deleted(
    client: TestClient, recording: str, lake: Path
) -> None:
    pair = save(client, recording, revision_of(client, recording), [NOTE]).json()["pair"]
    assert client.delete(f"/api/recordings/{recording}").status_code == 204
    assert {path.name for path in (lake / pair).iterdir()} == {
        "audio",
        "transcription.json",
        "notes.mid",
        "notes.json",
        "correction.json",
    }
