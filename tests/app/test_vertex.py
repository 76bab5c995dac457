"""The app with an endpoint of Vertex AI, behind which the real server of amt runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import pytest
from fastapi.testclient import TestClient
from google.oauth2.credentials import Credentials
from served import clip, server
from served_app import app_client, transcribed, upload
from vertex_server import HOME, Vertex, vertex


@pytest.fixture
def state(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    credentials = Credentials("secret token")
    monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, None))
    with vertex(monkeypatch) as state, server(model) as behind:

        def container(body: Any) -> tuple[int, Any]:
            answer = behind.post("/predict", json=body)
            return answer.status_code, answer.json()

        state.container = container
        state.add_endpoint()
        yield state


@pytest.fixture
def remote(state: Vertex, model: Path, tmp_path: Path) -> Iterator[TestClient]:
    """An app that has no model of its own."""
    settings = {"vertex_endpoint": f"{HOME}/endpoints/8", "vertex_address": state.address}
    with app_client(model / "none", tmp_path, **settings) as client:
        yield client


def test_an_endpoint_transcribes_as_the_app_does(remote: TestClient, client: TestClient) -> None:
    files = {"file": ("a.wav", clip(2.0))}
    found, expected = (one.post("/", files=files).json() for one in (remote, client))
    first, second = (sorted(map(str, one["notes"])) for one in (found, expected))
    assert first == second and found["model"] == expected["model"]
    document = transcribed(remote, upload(remote, clip(2.0)))
    assert document["note_count"] == len(expected["notes"])
    assert remote.get("/health").json()["model"] == "small"
    embedding = remote.get(f"/api/recordings/{document['id']}/files/embedding")
    assert embedding.status_code == 200


def test_errors_of_the_endpoint(remote: TestClient, state: Vertex) -> None:
    broken = remote.post("/", files={"file": ("a.wav", b"nothing of the kind")})
    assert broken.status_code == 422 and "cannot decode the audio" in broken.json()["error"]
    state.endpoints.clear()
    document = transcribed(remote, upload(remote))
    assert document["status"] == "failed" and "no such endpoint" in document["error"]


def test_a_malformed_endpoint_is_one_line(model: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="projects/PROJECT"),
        app_client(model, tmp_path, vertex_endpoint="8"),
    ):
        pass
