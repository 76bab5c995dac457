"""Start the amt server or the app in a separate process, for scripts that measure or test it."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from amt.data.sources.synthetic import Synthetic

READY_SECONDS = 120.0
AMT_COMMAND = ("-m", "amt.cli")


@dataclass(frozen=True)
class Server:
    """A running server: its port, its process, and the seconds from start to ready."""

    port: int
    process: subprocess.Popen[bytes]
    ready_seconds: float

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)

    def resident_megabytes(self) -> float:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def server(
    log: Path, run: Sequence[str] = AMT_COMMAND, command: str = "serve", **variables: str
) -> Iterator[Server]:
    """A server whose model is loaded; its log goes to a file.

    run: arguments of Python. command: serve, or app. variables: added to the environment.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "AIP_HTTP_PORT": str(port), **variables}
    words = [sys.executable, *run, command, "--host", "127.0.0.1"]
    begin = time.perf_counter()
    with (
        log.open("wb") as output,
        subprocess.Popen(words, env=environment, stdout=output) as process,
    ):
        try:
            _wait(port, process, log)
            yield Server(port, process, time.perf_counter() - begin)
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"the server did not start; its log: {log}")


def post(
    connection: http.client.HTTPConnection, body: bytes, path: str = "/predict", **headers: str
) -> tuple[int, bytes]:
    """Status and body of the response."""
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def clips(seconds: Sequence[float], rate: int = 16000) -> list[bytes]:
    """FLAC files of these durations, cut from a synthetic piece on the built-in piano."""
    longest = max(seconds)
    piece = next(p for p in Synthetic(seconds=longest + 5, seed=1).pieces() if p.split == "test")
    audio = piece.load().audio
    rng = np.random.default_rng(0)
    files = []
    for duration in seconds:
        start = int(rng.integers(0, max(1, len(audio) - round(duration * rate))))
        file = io.BytesIO()
        soundfile.write(file, audio[start : start + round(duration * rate)], rate, format="FLAC")
        files.append(file.getvalue())
    return files


def request_body(*files: bytes) -> bytes:
    """The body of a predict request for audio files."""
    instances = [{"audio": {"b64": base64.b64encode(file).decode()}} for file in files]
    return json.dumps({"instances": instances}).encode()
