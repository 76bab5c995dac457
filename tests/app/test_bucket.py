"""The app with its lake in a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import BUCKET, emulator
from fastapi.testclient import TestClient
from served import clip
from served_app import app_client, transcribed, upload

from amt.cloud.lake import open_lake

LAKE = f"gs://{BUCKET}/lake"


@pytest.fixture
def bucket(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with emulator(monkeypatch), app_client(model, LAKE) as client:
        yield client


def test_recordings_results_and_corrections_are_in_the_bucket(bucket: TestClient) -> None:
    lake = open_lake(LAKE)
    lake.write("raw/2018/piece.wav", clip())
    for name in ("2018/piece.wav", f"{LAKE}/raw/2018/piece.wav"):
        found = bucket.post("/", json={"prompt": "key", "audio_file": name}).json()
        uri = found["piano_roll_npy_gcs_path"]
        assert uri == f"{LAKE}/predictions/piece-{found['id']}/piece_piano_roll.npy"
        assert lake.stat(uri.removeprefix(f"{LAKE}/"))
    outside = bucket.post("/", json={"audio_file": f"gs://{BUCKET}/lake/app/x"})
    assert outside.status_code == 403
    id = upload(bucket)
    document = transcribed(bucket, id)
    notes = document["description"]["notes"][1:]
    saved = bucket.put(f"/api/recordings/{id}/notes", json={"revision": 0, "notes": notes})
    assert saved.json()["changes"] == {"added": 0, "removed": 1, "changed": 0}
    assert lake.stat(f"{saved.json()['pair']}/correction.json")
    stale = bucket.put(f"/api/recordings/{id}/notes", json={"revision": 0, "notes": []})
    assert stale.status_code == 409
    assert bucket.get(f"/api/recordings/{id}").json()["note_count"] == len(notes)
    assert bucket.get(f"/api/recordings/{id}/audio/recording").status_code == 200
    assert bucket.delete(f"/api/recordings/{id}").status_code == 204
    assert bucket.get("/api/recordings").json() == {"recordings": []}


def test_a_missing_bucket_ends_the_app(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from served_app import HOST, app_settings, wait_for

    from amt.app.application import create_app

    failures: list[int] = []
    with emulator(monkeypatch):
        app = create_app(app_settings(model, "gs://nowhere"), on_failure=lambda: failures.append(1))
        with TestClient(app, base_url=HOST):
            wait_for(lambda: failures)
