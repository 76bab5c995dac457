"""All routes but predict: health, uploads, metrics, OpenAPI; request ids, log, exported models."""

from __future__ import annotations

import json
import logging
import re
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import clip, encoded, server

from amt.inference.export import export
from amt.inference.model_card import model_info
from amt.io.midi import read_midi
from amt.monitoring.entries import RECORDING
from amt.serving.app import create_app
from amt.serving.logging import JsonFormatter
from amt.serving.model import Model, load_model
from amt.serving.settings import Settings
from amt.serving.start_page import start_page


def test_503_until_the_model_is_loaded(folder: Path) -> None:
    may_load = threading.Event()

    def slow(settings: Settings) -> Model:
        assert may_load.wait(10)
        return load_model(settings)

    with TestClient(create_app(Settings(storage_uri=str(folder)), slow)) as client:
        for path, body in (("/health", None), ("/predict", {"instances": [1]})):
            answer = client.post(path, json=body) if body else client.get(path)
            assert answer.status_code == 503
            assert "being loaded" in answer.json()["error"] and answer.headers["retry-after"]
        may_load.set()
        while client.get("/health").status_code == 503:
            pass
        assert client.get("/health").json()["status"] == "ready"


def test_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    failures: list[int] = []
    (tmp_path / "model").mkdir()
    settings = Settings(storage_uri=str(tmp_path / "model"))
    with TestClient(create_app(settings, on_failure=lambda: failures.append(1))) as client:
        while not failures:
            pass
        answer = client.get("/health")
    assert answer.status_code == 503
    assert "expected what `amt export` wrote" in answer.json()["error"]


def test_routes_can_be_changed(folder: Path) -> None:
    with server(folder, health_route="/v1/alive", predict_route="/v1/models/m:predict") as client:
        assert client.get("/v1/alive").status_code == 200
        answer = client.post("/v1/models/m:predict", json={"instances": [encoded(clip())]})
        assert answer.status_code == 200
        assert client.get("/health").status_code == 404


def test_upload_to_json_and_to_midi(client: TestClient, tmp_path: Path) -> None:
    files = {"file": ("a.flac", clip(2.0, kind="FLAC"))}
    document = client.post("/transcribe", files=files).json()
    assert document["duration"] == 2.0 and len(document["notes"]) > 5
    answer = client.post("/transcribe?format=midi&extend_sustain=false", files=files)
    assert answer.headers["content-type"] == "audio/midi"
    assert 'filename="transcription.mid"' in answer.headers["content-disposition"]
    (tmp_path / "a.mid").write_bytes(answer.content)
    assert len(read_midi(tmp_path / "a.mid")) == len(document["notes"])


def test_uploads_that_are_refused(client: TestClient) -> None:
    broken = client.post("/transcribe", files={"file": ("a.wav", b"nothing of the kind")})
    assert broken.status_code == 422 and "cannot decode the audio" in broken.json()["error"]
    without = client.post("/transcribe")
    assert without.status_code == 400 and "file" in without.json()["error"]
    unknown_format = client.post("/transcribe?format=mp3", files={"file": ("a.wav", clip())})
    assert unknown_format.status_code == 400 and "format" in unknown_format.json()["error"]
    no_form = client.post("/transcribe", content=b"x", headers={"content-type": "multipart/x"})
    assert no_form.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no", 404),
        ("OPTIONS", "/no", 404),
        ("PUT", "/predict", 405),
        ("GET", "/docs/no", 404),
    ],
)
def test_unknown_routes_and_methods(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "request_id"}


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/docs", "/redoc", "/openapi.json"])
def test_head_is_a_get_and_options_lists_the_methods(client: TestClient, path: str) -> None:
    assert client.head(path).status_code == client.get(path).status_code == 200
    options = client.options(path)
    assert options.status_code == 204 and not options.content
    assert options.headers["allow"] == "GET, HEAD, OPTIONS"
    refused = client.delete(path)
    assert refused.status_code == 405 and refused.headers["allow"] == "GET, HEAD, OPTIONS"
    assert refused.json()["error"] == "DELETE: expected GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/predict", "/transcribe"])
def test_routes_for_posts_only_say_so(client: TestClient, path: str) -> None:
    options = client.options(path)
    assert options.status_code == 204 and options.headers["allow"] == "OPTIONS, POST"
    for method in ("GET", "HEAD"):
        refused = client.request(method, path)
        assert refused.status_code == 405 and refused.headers["allow"] == "OPTIONS, POST"


def test_the_start_page_shows_how_to_upload_and_links_to_the_other_routes(folder: Path) -> None:
    with server(folder, health_route="/v1/alive", max_audio_seconds=90) as client:
        answer = client.get("/")
        assert answer.headers["content-type"].startswith("text/html")
        assert "curl -F file=@song.mp3 'http://testserver/transcribe?format=midi'" in answer.text
        assert "up to 1.5 minutes and 25 MB" in answer.text
        links = re.findall(r'(?:href|action)="([^"]+)"', answer.text)
        assert set(links) >= {"docs", "v1/alive", "metrics", "transcribe?format=midi"}
        assert all(client.options(f"/{link}").status_code == 204 for link in links)


def test_the_start_page_escapes_the_address() -> None:
    text = start_page(Settings(), "http://<script>/")
    assert "<script>" not in text and "http://&lt;script&gt;/transcribe" in text


def test_valid_request_ids_are_kept(client: TestClient) -> None:
    kept = client.get("/health", headers={"x-request-id": "abc-123"})
    assert kept.headers["x-request-id"] == "abc-123"
    for invalid in ("a b", "x" * 65, '"', ""):
        generated = client.get("/health", headers={"x-request-id": invalid})
        assert len(generated.headers["x-request-id"]) == 32


def test_metrics(client: TestClient) -> None:
    client.post("/predict", json={"instances": [encoded(clip()), 5]})
    client.get("/invented/by/somebody")
    text = client.get("/metrics").text
    assert 'amt_requests_total{method="POST",route="/predict",status="200"}' in text
    assert 'route="other"' in text and "invented" not in text
    assert "amt_requests_in_progress 0.0" in text
    assert 'amt_recordings_total{outcome="transcribed"}' in text
    assert "process_resident_memory_bytes" in text


def test_every_request_is_one_line_of_json(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="amt.serving"):
        client.post(
            "/predict",
            json={"instances": [encoded(clip()), 5]},
            headers={"x-request-id": "one-line"},
        )
    # Beside it, one line for the recording that was transcribed.
    (record,) = [one for one in caplog.records if one.getMessage() != RECORDING]
    line = json.loads(JsonFormatter().format(record))
    expected = {"message": "POST /predict", "request_id": "one-line", "status": 200}
    assert expected.items() <= line.items()
    assert line["severity"] == "INFO" and line["instances"] == 2 and line["errors"] == 1


def test_openapi_describes_instances_and_errors(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert client.get("/docs").status_code == 200
    predict = document["paths"]["/predict"]["post"]
    schema = predict["requestBody"]["content"]["application/json"]["schema"]
    assert "audio_uri" in json.dumps(schema["properties"]["instances"])
    assert {"200", "400", "408", "413", "429", "503"} <= set(predict["responses"])


@pytest.mark.parametrize("backend", ["torchscript", "onnx"])
def test_an_exported_model_gives_the_notes_of_its_checkpoint(
    client: TestClient, folder: Path, tmp_path: Path, backend: str
) -> None:
    checkpoint = folder / "small.ckpt"
    export(checkpoint, tmp_path / "exported", model_info(checkpoint, None), report=lambda _: None)
    body = {"instances": [encoded(clip(2.0))]}
    with server(tmp_path / "exported", backend=backend) as exported:
        (ours,) = exported.post("/predict", json=body).json()["predictions"]
    (expected,) = client.post("/predict", json=body).json()["predictions"]
    assert ours["model"]["name"] == "small" and ours["model"] != expected["model"]
    # Rounding may move a posterior across the threshold.
    assert ours["summary"]["note_count"] == pytest.approx(
        expected["summary"]["note_count"], rel=0.02
    )
