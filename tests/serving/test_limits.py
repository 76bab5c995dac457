"""Limits: body size, duration, concurrency, timeouts, and clients that disconnect."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from prometheus_client import generate_latest
from served import clip, encoded, server

from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.transcriber import Options
from amt.serving.app import create_app, routes
from amt.serving.metrics import Metrics
from amt.serving.middleware import RequestMiddleware
from amt.serving.model import load_model
from amt.serving.pool import TranscriptionPool
from amt.serving.settings import Settings


def test_a_body_that_is_too_large(folder: Path) -> None:
    with server(folder, max_body_bytes=1000, max_upload_bytes=2000) as client:
        large = client.post("/predict", content=b"x" * 5000)
        chunks = client.post("/predict", content=(b"x" * 100 for _ in range(50)))
        upload = client.post("/transcribe", files={"file": ("a.wav", bytes(5000))})
        within = client.post("/predict", content=b"x" * 1000)
    for answer in (large, chunks, upload):
        assert answer.status_code == 413
        assert "audio_uri" in answer.json()["error"]
    assert "1,000 bytes (AMT_MAX_BODY_BYTES)" in large.json()["error"]
    assert "AMT_MAX_UPLOAD_BYTES" in upload.json()["error"]
    assert within.status_code == 400


def test_a_small_file_with_an_hour_of_audio(folder: Path) -> None:
    data = io.BytesIO()
    soundfile.write(data, np.zeros(8000 * 3600, dtype=np.int16), 8000, format="FLAC")
    assert len(data.getvalue()) < 200_000
    with server(folder, max_audio_seconds=10) as client:
        answer = client.post("/predict", json={"instances": [encoded(data.getvalue())]})
        upload = client.post("/transcribe", files={"file": ("a.flac", data.getvalue())})
    assert "longer than 10 s" in answer.json()["predictions"][0]["error"]
    assert upload.status_code == 413


def test_too_many_requests_get_429_with_retry_after(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proceed = threading.Event()
    original = TranscriptionPool._transcribe

    def slow(*arguments: Any) -> Any:
        assert proceed.wait(20)
        return original(*arguments)

    monkeypatch.setattr(TranscriptionPool, "_transcribe", slow)
    body = {"instances": [encoded(clip(0.3))]}
    with server(folder, max_requests=3) as client, ThreadPoolExecutor(3) as pool:
        running = [pool.submit(client.post, "/predict", json=body) for _ in range(3)]
        while "amt_requests_in_progress 3.0" not in client.get("/metrics").text:
            time.sleep(0.01)
        refused = client.post("/predict", json=body)
        assert client.get("/health").status_code == 200
        proceed.set()
        assert [answer.result().status_code for answer in running] == [200] * 3
        assert client.post("/predict", json=body).status_code == 200
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert "try again" in refused.json()["error"]


def test_retry_after_is_the_time_that_requests_take(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("amt.serving.middleware.time", clock)
    refused: list[Any] = []

    async def takes_forty_seconds(scope: Any, receive: Any, send: Any) -> None:
        clock.now += 40
        await send({"type": "http.response.start", "status": 200})
        if clock.now > 1200:  # A second request while this one is in progress.
            await server(scope_of(), receive, keep)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        pass

    async def keep(message: Any) -> None:
        refused.append(message)

    async def many() -> None:
        for _ in range(31):
            await server(scope_of(), receive, send)

    settings = Settings(max_requests=1)
    server = RequestMiddleware(takes_forty_seconds, settings, Metrics(), routes(settings))
    asyncio.run(many())
    assert refused[0]["status"] == 429 and (b"retry-after", b"40") in refused[0]["headers"]


def test_a_slow_transcription_gets_503(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = TranscriptionPool._transcribe

    def slow(*arguments: Any) -> Any:
        time.sleep(2)
        return original(*arguments)

    monkeypatch.setattr(TranscriptionPool, "_transcribe", slow)
    with server(folder, timeout_seconds=1) as client:
        answer = client.post("/predict", json={"instances": [encoded(clip(0.3))]})
    assert answer.status_code == 503 and answer.headers["retry-after"]
    assert "no answer within 1 s (AMT_TIMEOUT_SECONDS)" in answer.json()["error"]


def scope_of(path: str = "/predict", method: str = "POST") -> Any:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
    }


def test_a_disconnect_cancels_the_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    async def endless(*_: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    monkeypatch.setattr(TranscriptionPool, "transcribe", endless)
    body = json.dumps({"instances": [encoded(clip(0.3))]}).encode()

    async def receive() -> Any:
        if body_left:
            return {"type": "http.request", "body": body_left.pop()}
        while not begun.is_set():
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    body_left, sent = [body], []
    with server(folder) as client:
        # In a new event loop; the model was loaded in the loop of the test client.
        asyncio.run(asyncio.wait_for(client.app(scope_of(), receive, send), 10))
        assert ended.is_set() and sent[0]["status"] == 499
        assert "amt_requests_in_progress 0.0" in client.get("/metrics").text


def test_a_disconnect_while_sending_is_logged_as_499(caplog: pytest.LogCaptureFixture) -> None:
    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    app = create_app(Settings())
    app.state.service.pool = object()
    with caplog.at_level(logging.INFO, logger="amt.serving"):
        asyncio.run(app(scope_of(), receive, send))
    (record,) = caplog.records
    assert record.levelno == logging.INFO and record.fields["status"] == 499


def test_a_client_that_does_not_read_its_response_is_dropped() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b"{"}

    async def send(message: Any) -> None:
        await asyncio.sleep(60)

    app = create_app(Settings(timeout_seconds=1))
    app.state.service.pool = object()
    asyncio.run(asyncio.wait_for(app(scope_of(), receive, send), 20))
    assert "amt_requests_in_progress 0.0" in metrics_of(app)


def metrics_of(app: FastAPI) -> str:
    return generate_latest(app.state.service.metrics.registry).decode()


def test_a_body_that_does_not_arrive_gets_408() -> None:
    async def receive() -> Any:
        await asyncio.sleep(60)

    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    settings = Settings(body_seconds=1)
    app = create_app(settings)
    app.state.service.pool = object()
    asyncio.run(app(scope_of(), receive, send))
    assert sent[0]["status"] == 408
    assert b"did not arrive within 1 s" in sent[1]["body"]


def test_a_cancelled_transcription_stops_after_the_current_window(folder: Path) -> None:

    async def windows_until_cancelled() -> int:
        model = load_model(Settings(storage_uri=str(folder)))
        windows = 0
        network = model.transcriber.model
        assert isinstance(network, PyTorchModel)
        network.network.register_forward_hook(lambda *_: count())

        def count() -> None:
            nonlocal windows
            windows += 1

        pool = TranscriptionPool(model, max_seconds=1200, threads=1)
        task = asyncio.create_task(pool.transcribe(clip(300), Options()))
        while not windows:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(pool.close)
        assert pool.in_progress == 0
        return windows

    assert asyncio.run(windows_until_cancelled()) < 10  # Of 18.


def test_an_unexpected_error_gets_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    async def receive() -> Any:
        return {"type": "http.request"}

    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    settings = Settings()
    middleware = RequestMiddleware(broken, settings, Metrics(), routes(settings))
    asyncio.run(middleware(scope_of("/", "GET"), receive, send))
    assert sent[0]["status"] == 500 and b"ZeroDivision" not in sent[1]["body"]
    assert "ZeroDivisionError" in caplog.text
