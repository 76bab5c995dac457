"""Models and recordings from Cloud Storage (an emulator)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import BUCKET, emulator
from fastapi.testclient import TestClient
from google.cloud.storage import Client
from served import clip, encoded, server

from amt.cloud.storage import upload_folder


@pytest.fixture
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A server with its model in Cloud Storage, which may read recordings below takes/."""
    with emulator(monkeypatch):
        upload_folder(folder, f"gs://{BUCKET}/models/small")
        bucket = Client(project="tests").bucket(BUCKET)
        bucket.blob("takes/a.flac").upload_from_string(clip(0.7, kind="FLAC"))
        bucket.blob("takes/large.wav").upload_from_string(clip(2.0))
        bucket.blob("secret/a.flac").upload_from_string(clip(0.9, kind="FLAC"))
        allowed = (f"gs://{BUCKET}/takes/",)
        place = f"gs://{BUCKET}/models/small"
        with server(place, allowed_uris=allowed, max_object_bytes=50_000) as client:
            yield client


def test_recordings_in_storage(client: TestClient) -> None:
    uris = ["takes/a.flac", "secret/a.flac", "takes/none.flac", "takes/large.wav"]
    instances = [{"audio_uri": f"gs://{BUCKET}/{uri}"} for uri in uris]
    instances.append(encoded(clip(0.5)))
    answer = client.post("/predict", json={"instances": instances})
    found, secret, missing, large, sent = answer.json()["predictions"]
    assert found["duration"] == 0.7 and sent["duration"] == 0.5
    assert "may not be read here" in secret["error"] and secret["status"] == 403
    assert "no such object" in missing["error"] and missing["status"] == 404
    assert "larger than the 50000 bytes" in large["error"] and large["status"] == 413
    assert found["model"]["name"] == "small"


def test_paths_cannot_escape_the_allowed_prefix(client: TestClient) -> None:
    tricks = (
        "takes/../secret/a.flac",
        "takes/%2e%2e/secret/a.flac",
        "takes//a.flac",
        "takesecret/a",
    )
    instances = [{"audio_uri": f"gs://{BUCKET}/{uri}"} for uri in tricks]
    for answer in client.post("/predict", json={"instances": instances}).json()["predictions"]:
        assert "error" in answer and answer["status"] in (400, 403, 404)
