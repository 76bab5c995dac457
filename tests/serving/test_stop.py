"""The server as a process: start, SIGTERM, SIGKILL, and start-up errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from served import clip, encoded, free_port

LONG = json.dumps({"instances": [encoded(clip(120, kind="FLAC"))]}).encode()


class Served:
    """A server in a separate process."""

    def __init__(self, folder: Path, scratch: Path, **variables: str) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "AIP_STORAGE_URI": str(folder),
            "AIP_HTTP_PORT": str(self.port),
            "TMPDIR": str(scratch),
            "OMP_NUM_THREADS": "1",
            **variables,
        }
        words = [sys.executable, "-m", "amt.cli", "serve", "--host", "127.0.0.1"]
        self.process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)

    def ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=60) as answer:
            return json.load(answer)

    def wait_until_ready(self) -> None:
        for _ in range(600):
            try:
                assert self.ask("/health")["status"] == "ready"
                return
            except OSError:
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.1)
        raise AssertionError("not ready within a minute")


@contextmanager
def serving(folder: Path, scratch: Path, **variables: str) -> Iterator[Served]:
    served = Served(folder, scratch, **variables)
    try:
        yield served
    finally:
        served.process.kill()
        served.process.wait()
        assert served.process.stdout is not None
        served.process.stdout.close()


@contextmanager
def busy(served: Served, requests: int = 4) -> Iterator[list[Future[dict[str, Any]]]]:
    """Futures of long requests that are in progress."""
    with ThreadPoolExecutor(requests) as pool:
        futures = [pool.submit(served.ask, "/predict", LONG) for _ in range(requests)]
        address = f"http://127.0.0.1:{served.port}/metrics"
        while f"amt_requests_in_progress {requests}.0" not in _text(address):
            time.sleep(0.02)
        yield futures


def _text(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def test_sigterm_finishes_requests_in_progress(folder: Path, tmp_path: Path) -> None:
    with serving(folder, tmp_path) as served:
        served.wait_until_ready()
        with busy(served) as futures:
            served.process.send_signal(signal.SIGTERM)
            answers = [future.result() for future in futures]
        assert [a["predictions"][0]["duration"] for a in answers] == [120.0] * 4
        assert served.process.wait(timeout=30) == 0
        log, _ = served.process.communicate()
    lines = [json.loads(line) for line in log.splitlines()]
    assert sum(line["message"] == "POST /predict" for line in lines) == 4
    assert list(tmp_path.iterdir()) == []


def test_after_sigkill_no_files_are_left_and_a_new_server_starts(
    folder: Path, tmp_path: Path
) -> None:
    with serving(folder, tmp_path) as served:
        served.wait_until_ready()
        with busy(served) as futures:
            served.process.kill()
            for future in futures:
                with pytest.raises(OSError):
                    future.result()
    assert list(tmp_path.iterdir()) == []
    with serving(folder, tmp_path) as served:
        served.wait_until_ready()
        body = json.dumps({"instances": [encoded(clip())]}).encode()
        assert served.ask("/predict", body)["predictions"][0]["duration"] == 1.0


def test_a_missing_model_ends_the_process_with_one_line(tmp_path: Path) -> None:
    with serving(tmp_path / "nothing", tmp_path) as served:
        log, _ = served.process.communicate(timeout=60)
    assert served.process.returncode == 1
    (critical,) = (json.loads(x) for x in log.splitlines() if "CRITICAL" in x)
    assert "AIP_STORAGE_URI" in critical["message"] and "no such folder" in critical["message"]


def test_an_invalid_variable_ends_the_process_with_one_line(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "amt.cli", "serve"]
    environment = {**os.environ, "AMT_MAX_REQUESTS": "many"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "amt: AMT_MAX_REQUESTS='many': expected a number\n"
