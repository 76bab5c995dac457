"""Transcription by an endpoint of Vertex AI, behind which the real server of amt runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import numpy as np
import pytest
from buckets import BUCKET, emulator
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.storage import Client
from google.oauth2.credentials import Credentials
from served import clip, model_folder, server
from vertex_server import HOME, Vertex, dedicated, vertex

from amt.cloud import vertex_endpoint
from amt.cloud.lake import StorageError, open_lake
from amt.cloud.vertex_client import VertexTranscriber
from amt.cloud.vertex_endpoint import VertexError
from amt.inference.transcriber import Options, Transcriber
from amt.io.note_tables import note_document, notes_of
from amt.notes import COLUMNS

LAKE = f"gs://{BUCKET}/lake"
NAME = f"{HOME}/endpoints/8"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def state(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    """A shared endpoint; the server behind it may read the lake."""
    credentials = Credentials("secret token")
    monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, None))
    monkeypatch.setattr(vertex_endpoint, "RETRY_SECONDS", 1.0)
    with (
        emulator(monkeypatch),
        vertex(monkeypatch) as state,
        server(model, allowed_uris=(LAKE,)) as client,
    ):

        def container(body: Any) -> tuple[int, Any]:
            answer = client.post("/predict", json=body)
            return answer.status_code, answer.json()

        state.container = container
        state.add_endpoint()
        yield state


@pytest.fixture
def remote(state: Vertex) -> VertexTranscriber:
    return VertexTranscriber(NAME, open_lake(LAKE), timeout=20.0, address=state.address)


def objects() -> list[str]:
    return [blob.name for blob in Client(project="p").bucket(BUCKET).list_blobs()]


@pytest.mark.parametrize(
    "options",
    [
        None,
        Options("key", 0.5, embedding=True),
        Options(onset_threshold=0.6),
        Options(tuning="off"),
        Options(tuning=430.0),
    ],
)
def test_the_result_is_that_of_the_transcriber(
    remote: VertexTranscriber, state: Vertex, model: Path, options: Options | None
) -> None:
    data = clip(2.5, kind="FLAC")
    found = remote.transcribe(data, options)
    expected = Transcriber.load(model / "small.ckpt").run(data, options)
    assert len(expected.notes) > 5
    rounded = notes_of(note_document(expected.notes, expected.seconds))
    for column in COLUMNS:
        assert np.array_equal(getattr(found.notes, column), getattr(rounded, column)), column
    assert found.notes.pedal.time.tolist() == rounded.pedal.time.tolist()
    assert found.tuning == expected.tuning_document()
    assert found.seconds == expected.seconds == 2.5 and found.elapsed_seconds > 0
    assert found.model_name == "small" and found.model_version and found.warnings == ()
    if expected.embedding is None:
        assert found.embedding is None
    else:
        assert np.array_equal(found.embedding, expected.embedding)
    assert state.tokens == ["Bearer secret token"] * 2 and not objects()


def test_the_endpoint_is_looked_up_once(remote: VertexTranscriber, state: Vertex) -> None:
    for _ in range(3):
        remote.transcribe(clip(0.5))
    assert [method for method, _, _ in state.requests] == ["GET", "POST", "POST", "POST"]


def test_a_recording_in_the_lake(remote: VertexTranscriber, state: Vertex) -> None:
    open_lake(LAKE).write("raw/a.wav", clip(0.7))
    assert remote.transcribe(f"{LAKE}/raw/a.wav").seconds == 0.7
    (body,) = state.requests_to(":predict")
    assert body["instances"] == [{"audio_uri": f"{LAKE}/raw/a.wav"}]
    with pytest.raises(VertexError, match=r"raw/b\.wav: there is no such object") as missing:
        remote.transcribe(f"{LAKE}/raw/b.wav")
    with pytest.raises(VertexError, match="may not be read here") as elsewhere:
        remote.transcribe(f"gs://{BUCKET}/raw/a.wav")
    assert (missing.value.status, elsewhere.value.status) == (404, 403)
    with pytest.raises(StorageError, match="expected gs://BUCKET/NAME"):
        remote.transcribe("http://example.org/a.wav")


def test_large_recordings_go_through_the_lake(
    remote: VertexTranscriber, state: Vertex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vertex_endpoint, "SHARED_BYTES", 50_000)
    data = clip(1.5)
    assert remote.transcribe(data).seconds == 1.5
    (body,) = state.requests_to(":predict")
    assert body["instances"][0]["audio_uri"].startswith(f"{LAKE}/app/vertex/")
    assert not objects()
    monkeypatch.setattr(state, "container", lambda body: (400, {"error": "no"}))
    with pytest.raises(VertexError):
        remote.transcribe(data)
    assert not objects()


def test_without_a_lake_large_recordings_are_refused(state: Vertex, tmp_path: Path) -> None:
    for lake in (None, open_lake(tmp_path)):
        remote = VertexTranscriber(NAME, lake, address=state.address)
        with pytest.raises(VertexError, match=r"has 1\.3 MB .* may have 1\.5 MB; use a") as caught:
            remote.transcribe(bytes(1_300_000))
        assert caught.value.status == 413
    assert not state.requests_to(":predict")


def test_a_dedicated_endpoint_has_its_own_address_and_takes_more(
    state: Vertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vertex_endpoint, "SHARED_BYTES", 50_000)
    with dedicated(state, tmp_path, monkeypatch):
        properties = {"dedicatedEndpointEnabled": True, "dedicatedEndpointDns": state.dedicated}
        name = state.add_endpoint(9, **properties)
        remote = VertexTranscriber(name, address=state.address)
        assert remote.transcribe(clip(1.5)).seconds == 1.5
    (body,) = state.requests_to(":predict")
    assert len(body["instances"][0]["audio"]["b64"]) > 50_000


def test_what_is_wrong_with_a_recording(remote: VertexTranscriber) -> None:
    with pytest.raises(VertexError, match="cannot decode the audio") as caught:
        remote.transcribe(b"no audio at all")
    assert caught.value.status == 422 and str(caught.value).startswith(NAME)
    assert remote.transcribe(clip(2.0, kind="WAV")[:-4000]).warnings


BUSY = {"error": "64 requests are in progress; try again later", "request_id": "1"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_endpoint_is_asked_again(
    remote: VertexTranscriber, state: Vertex, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    container, left = state.container, [1]

    def busy(body: Any) -> tuple[int, Any]:
        left[0] -= 1
        assert container
        return container(body) if left[0] < 0 else (status, BUSY)

    monkeypatch.setattr(state, "container", busy)
    assert remote.transcribe(clip(0.5)).seconds == 0.5
    left[0] = 1000
    with pytest.raises(VertexError, match=r"progress; try again later$") as caught:
        remote.transcribe(clip(0.5))
    assert caught.value.status == status and left[0] < 999


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        (400, 400, "answered with status 400: quota"),
        (401, 502, "no valid Google credentials; type `gcloud auth"),
        (403, 403, "not allowed .403.; give the account in use the role Vertex AI User"),
        (404, 404, "there is no such endpoint; `gcloud ai endpoints list"),
        (413, 413, "answered with status 413: quota"),
        (500, 502, "answered with status 500: quota"),
        (302, 502, "answered with status 302: quota"),
    ],
)
def test_errors_of_vertex_ai(
    remote: VertexTranscriber, state: Vertex, code: int, status: int, text: str
) -> None:
    state.failing["predict"] = (code, "quota\nexceeded")
    with pytest.raises(VertexError, match=text) as caught:
        remote.transcribe(clip(0.5))
    assert caught.value.status == status and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "predictions",
    [[], {}, None, [5], [{}], [{"notes": []}], [{"notes": [{"pitch": 60}], "duration": 1}], "text"],
)
def test_another_server_behind_the_endpoint(
    remote: VertexTranscriber, state: Vertex, predictions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "container", lambda _: (200, {"predictions": predictions}))
    with pytest.raises(VertexError, match="its answer is no prediction of amt") as caught:
        remote.transcribe(clip(0.5))
    assert caught.value.status == 502 and "\n" not in str(caught.value)


def test_no_answer_in_time(state: Vertex, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        remote = VertexTranscriber(NAME, timeout=0.3, address=address)
        with pytest.raises(VertexError, match=r"no answer within 0\.3 s; send a shorter") as slow:
            remote.transcribe(clip(0.5))
    with pytest.raises(VertexError, match=r"cannot be reached \(ConnectionError\)") as gone:
        VertexTranscriber(NAME, timeout=0.3, address=address).transcribe(clip(0.5))
    assert (slow.value.status, gone.value.status) == (504, 503)


def test_no_credentials(state: Vertex, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(scopes: list[str]) -> None:
        raise DefaultCredentialsError("none")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(VertexError, match="gcloud auth application-default login"):
        VertexTranscriber(NAME, address=state.address).transcribe(clip(0.5))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "8",
        "endpoints/8",
        "projects/p/locations/eu.evil.org#/endpoints/8",
        f"{NAME}/x",
        f"{NAME}\n",
    ],
)
def test_malformed_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected projects/PROJECT/locations/REGION/endpoints/ID"):
        VertexTranscriber(name)
