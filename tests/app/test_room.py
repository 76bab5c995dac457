"""Limits of what is stored: number, size and age of recordings."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import clip
from served_app import SECRETS, app_client, status, transcribed, upload, wait_for

NOTE = {"onset": 0.1, "offset": 0.5, "pitch": 60, "velocity": 70}


def ids(client: TestClient) -> list[str]:
    return [one["id"] for one in client.get("/api/recordings").json()["recordings"]]


def test_the_oldest_recordings_without_corrections_make_room(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, max_recordings=2) as client:
        corrected, second = upload(client, clip(0.3)), upload(client, clip(0.3))
        for id in (corrected, second):
            transcribed(client, id)
        body = {"revision": 0, "notes": [{**NOTE, "offset": 0.2}]}
        assert client.put(f"/api/recordings/{corrected}/notes", json=body).status_code == 200
        third = upload(client, clip(0.3))
        transcribed(client, third)
        assert ids(client) == [third, corrected]
        assert client.put(f"/api/recordings/{third}/notes", json=body).status_code == 200
        full = client.post("/api/recordings", files={"file": ("a.wav", clip(0.3))})
        assert full.status_code == 507 and "delete some" in full.json()["error"]
        other = {"x-amt-client": SECRETS[1]}
        files = {"file": ("a.wav", clip(0.3))}
        assert client.post("/api/recordings", files=files, headers=other).status_code == 202


def test_an_open_recording_stays_and_the_removed_ones_are_named(
    model: Path, tmp_path: Path
) -> None:
    with app_client(model, tmp_path, max_recordings=2) as client:
        first, second = upload(client, clip(0.3), "first.wav"), upload(client, clip(0.3), "2.wav")
        for id in (first, second):
            transcribed(client, id)
        body = {"files": {"file": ("a.wav", clip(0.3))}, "data": {"keep": f"{first},other"}}
        answer = client.post("/api/recordings", **body).json()
        assert answer["removed"] == [{"id": second, "name": "2.wav"}]
        assert set(ids(client)) == {first, answer["id"]}


def test_a_correction_does_not_remove_its_own_recording(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, max_stored_bytes=150_000) as client:
        id = upload(client, clip(3.0))
        transcribed(client, id)
        answer = client.put(f"/api/recordings/{id}/notes", json={"revision": 0, "notes": [NOTE]})
        assert answer.status_code == 507 and status(client, id) == "done"


def test_the_size_of_all_is_limited(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, max_stored_bytes=400_000) as client:
        first = upload(client, clip(5.0))
        transcribed(client, first)
        second = upload(client, clip(9.0))
        assert status(client, first) == "missing"
        files = {"file": ("a.wav", clip(20.0))}
        answer = client.post("/api/recordings", files=files)
        assert answer.status_code == 507 and "AMT_MAX_STORED_BYTES" in answer.json()["error"]
        assert transcribed(client, second)["status"] == "done"


def test_results_count_too(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, max_stored_bytes=1000) as client:
        answer = client.post("/", files={"file": ("a.wav", clip())})
        assert answer.status_code == 507
    assert not list(tmp_path.glob("predictions/*"))


def test_waiting_recordings_of_one_client_are_limited(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app_client(model, tmp_path, max_waiting=1) as client:
        monkeypatch.setattr("amt.app.jobs.Jobs.waiting", lambda *_: 1)
        answer = client.post("/api/recordings", files={"file": ("a.wav", clip())})
    assert answer.status_code == 429 and answer.headers["retry-after"]


def age(folder: Path, days: float) -> None:
    """Let the files of a recording be this old."""
    then = time.time() - days * 86_400
    for path in folder.iterdir():
        os.utime(path, (then, then))


def test_old_recordings_and_unfinished_uploads_are_removed(model: Path, tmp_path: Path) -> None:
    with app_client(model, tmp_path, max_days=10) as client:
        old, new = upload(client, clip(0.3)), upload(client, clip(0.3))
        for id in (old, new):
            transcribed(client, id)
            for which in client.get(f"/api/recordings/{id}").json()["audio"]:
                client.get(f"/api/recordings/{id}/audio/{which}")
    (folder,) = tmp_path.glob(f"app/*/{old}")
    age(folder, 11)
    unfinished = folder.parent / ("x" * 22)
    for days, name in ((0.5, unfinished), (0.01, folder.parent / ("y" * 22))):
        name.mkdir()
        (name / "audio").write_bytes(b"")
        age(name, days)
    with app_client(model, tmp_path, max_days=10) as client:
        wait_for(lambda: ids(client) == [new] and not unfinished.exists())
        assert (folder.parent / ("y" * 22) / "audio").exists()
