"""The app as a process: SIGKILL and SIGTERM while it transcribes and while it saves."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served import clip, free_port
from served_app import SECRETS, app_client, transcribed, upload, wait_for


def notes(count: int) -> list[dict[str, float]]:
    """So many notes, each at a time of its own."""
    return [
        {"onset": 0.1 + number / 1000, "offset": 0.9, "pitch": 21 + number % 88, "velocity": 70}
        for number in range(count)
    ]


class Process:
    """An app in a separate process."""

    def __init__(self, model: Path, lake: Path) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "AIP_STORAGE_URI": str(model),
            "AIP_HTTP_PORT": str(self.port),
            "AMT_LAKE": str(lake),
            "AMT_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        words = [sys.executable, "-m", "amt.cli", "app"]
        self.process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        wait_for(self._listens, 60)

    def _listens(self) -> bool:
        assert self.process.poll() is None, "the app ended"
        try:
            return self.ask("/health")["status"] == "ready"
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, kind: str = "") -> Any:
        headers = {"x-amt-client": SECRETS[0], "content-type": kind or "application/json"}
        address = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(address, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def upload(self, data: bytes) -> str:
        head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
        body = head + data + b"\r\n--b--\r\n"
        kind = "multipart/form-data; boundary=b"
        return self.ask("/api/recordings", "POST", body, kind)["id"]

    def status(self, id: str) -> str:
        found = self.ask("/api/recordings")["recordings"]
        return next(one["status"] for one in found if one["id"] == id)

    def save(self, id: str, revision: int, notes: list[dict[str, Any]]) -> Any:
        body = json.dumps({"revision": revision, "notes": notes}).encode()
        return self.ask(f"/api/recordings/{id}/notes", "PUT", body)


@contextmanager
def running(model: Path, lake: Path) -> Iterator[Process]:
    app = Process(model, lake)
    try:
        yield app
    finally:
        app.process.kill()
        app.process.communicate()


def save_until_killed(app: Process, id: str, revision: int) -> int:
    """Save corrections, revision N with N notes; the last revision that was answered."""
    try:
        while True:
            revision = app.save(id, revision, notes(revision + 1))["revision"]
    except (OSError, http.client.HTTPException):
        return revision


def check_correction(app: Process, id: str, lake: Path, answered: int) -> None:
    """What was answered is there, whole; of what was not, everything or nothing."""
    document = app.ask(f"/api/recordings/{id}")
    revision = document["revision"]
    assert revision in (answered, answered + 1)
    if revision:
        assert document["note_count"] == len(document["description"]["notes"]) == revision
        pairs = lake.glob(f"corrections/{id}-{revision}-*/notes.json")
        assert revision in [len(json.loads(path.read_text())["notes"]) for path in pairs]


def test_sigkill_and_sigterm_lose_nothing(model: Path, tmp_path: Path) -> None:
    with running(model, tmp_path) as app, ThreadPoolExecutor(1) as thread:
        corrected = app.upload(clip(1.0))
        wait_for(lambda: app.status(corrected) == "done")
        saving = thread.submit(save_until_killed, app, corrected, 0)
        wait_for(lambda: list(tmp_path.glob(f"corrections/{corrected}-2-*/correction.json")))
        ids = [app.upload(clip(seconds, kind="FLAC")) for seconds in (60.0, 1.0)]
        wait_for(lambda: app.status(ids[0]) == "transcribing")
        app.process.kill()
        answered = saving.result()
    assert answered >= 2
    with running(model, tmp_path) as app:
        check_correction(app, corrected, tmp_path, answered)
        wait_for(lambda: all(app.status(id) == "done" for id in ids), 60)
        assert app.ask(f"/api/recordings/{ids[0]}")["seconds"] == 60.0
        long = app.upload(clip(200.0, kind="FLAC"))
        wait_for(lambda: app.status(long) == "transcribing")
        address = f"http://127.0.0.1:{app.port}/api/recordings/{long}/events"
        request = urllib.request.Request(address, headers={"x-amt-client": SECRETS[0]})
        with urllib.request.urlopen(request, timeout=60) as stream:
            assert stream.readline() == b"event: progress\n"
            app.process.send_signal(signal.SIGTERM)
            assert "event: done" not in stream.read().decode()
        assert app.process.wait(timeout=30) == 0
    (record,) = tmp_path.glob(f"app/*/{long}/recording.json")
    assert json.loads(record.read_text())["status"] == "transcribing"


@pytest.mark.slow
def test_sigkill_at_any_moment_loses_no_saved_correction(model: Path, tmp_path: Path) -> None:
    with running(model, tmp_path) as app:
        id = app.upload(clip(1.0))
        wait_for(lambda: app.status(id) == "done")
    answered = 0
    for moment in np.random.default_rng(0).uniform(0.02, 1.0, 20):
        with running(model, tmp_path) as app, ThreadPoolExecutor(1) as thread:
            check_correction(app, id, tmp_path, answered)
            answered = app.ask(f"/api/recordings/{id}")["revision"]
            saving = thread.submit(save_until_killed, app, id, answered)
            time.sleep(moment)
            app.process.kill()
            answered = saving.result()


def test_a_recording_that_ends_the_process_again_and_again_is_given_up(
    model: Path, tmp_path: Path
) -> None:
    with app_client(model, tmp_path) as client:
        id = upload(client)
        transcribed(client, id)
    (path,) = tmp_path.glob(f"app/*/{id}/recording.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "status": "transcribing", "attempts": 5}))
    for name, content in (("x" * 22, "{"), ("y" * 22, "[]"), ("z" * 22, '{"new": 1}')):
        damaged = path.parents[1] / name / "recording.json"
        damaged.parent.mkdir()
        damaged.write_text(content)
    with app_client(model, tmp_path) as client:
        document = transcribed(client, id)
        assert client.get(f"/api/recordings/{'x' * 22}").status_code == 404
    assert document["status"] == "failed" and "has ended 5 times" in document["error"]
