"""Measure the app: upload to the last note against bare transcription, and many clients at once.

python experiments/serving/app_load.py latency          30 s of audio; 60 s: the first notes
python experiments/serving/app_load.py load --minutes 10 --clients 16

Each client uploads a recording, follows its events, asks a question and deletes it. Errors are all
statuses but those expected, transcriptions that fail, and recordings with another number of notes
than the Transcriber finds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # As the amt command does.

import numpy as np
from local_server import Server, clips, server

from amt.inference.transcriber import Transcriber

LATENCY_SECONDS, FIRST_NOTES_SECONDS = 30.0, 60.0
MIXED_SECONDS = (1, 3, 5, 10, 15, 20, 30, 45)
# The app cuts windows at other places: this share of the notes may differ.
MAX_DIFFERENT = 0.02
BOUNDARY = "boundary"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in (("latency", latency), ("load", load)):
        command = commands.add_parser(name)
        command.add_argument("--rounds", type=int, default=15, help="repetitions of latency")
        command.add_argument("--minutes", type=float, default=10.0, help="for load")
        command.add_argument("--clients", type=int, default=16, help="for load")
        command.set_defaults(run=run)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        given.run(given, Path(folder))


def latency(given: argparse.Namespace, folder: Path) -> None:
    """One client, alternating with the Transcriber on the same file."""
    (file,), (longer,) = clips([LATENCY_SECONDS]), clips([FIRST_NOTES_SECONDS])
    transcriber = Transcriber.from_pretrained()
    bare, served, first = [], [], []
    with _app(folder) as running:
        client = Client(running, 0)
        for _ in range(given.rounds + 1):
            begin = time.perf_counter()
            transcriber.transcribe(file, ends="key")
            bare.append(time.perf_counter() - begin)
            served.append(client.transcribe(file)["done"])
            client.delete()
            first.append(client.transcribe(longer)["notes"])
            client.delete()
    median = np.median(served[1:]) / np.median(bare[1:])
    print(f"{LATENCY_SECONDS:g} s: upload to last note p50 {np.median(served[1:]):.2f} s")
    print(f"Transcriber alone {np.median(bare[1:]):.2f} s, ratio {median:.2f}")
    print(f"{FIRST_NOTES_SECONDS:g} s: first notes after p50 {np.median(first[1:]):.2f} s")


def load(given: argparse.Namespace, folder: Path) -> None:
    """Many clients in parallel; each begins again when it has deleted its last recording."""
    files = clips(MIXED_SECONDS)
    transcriber = Transcriber.from_pretrained()
    expected = [len(transcriber.transcribe(file, ends="key")) for file in files]
    results: Counter[str] = Counter()
    taken: list[float] = []
    end = time.monotonic() + 60 * given.minutes
    with _app(folder) as running:
        threads = [
            threading.Thread(
                target=_repeat, args=(running, n, files, expected, end, results, taken)
            )
            for n in range(given.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        memory = running.resident_megabytes()
    print(f"{given.clients} clients, {given.minutes:g} minutes: {dict(results)}")
    print(f"upload to last note p50 {np.median(taken):.1f} s, p99 {np.quantile(taken, 0.99):.1f} s")
    print(f"resident memory at the end {memory:.0f} MB")


def _app(folder: Path) -> Any:
    """The app with a lake of its own, and without limits by address: all clients have the same."""
    variables = {"AMT_LAKE": str(folder / "lake"), "AMT_WORK_PER_MINUTE": "100000"}
    variables["AMT_REQUESTS_PER_MINUTE"] = "100000"
    return server(folder / "app.log", command="app", **variables)


class Client:
    """A client of the app, with a secret of its own."""

    def __init__(self, running: Server, number: int) -> None:
        self.running = running
        self.headers = {"X-Amt-Client": f"load-client-{number:010d}"}
        self.id = ""

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        """The document of the response. Raises RuntimeError for an error."""
        connection = self.running.connect()
        try:
            connection.request(method, path, body, {**self.headers, "Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path.replace(self.id or '-', 'ID')}: {answer.status}")
        return json.loads(content) if content else None

    def transcribe(self, file: bytes) -> dict[str, float]:
        """Seconds from the upload to the first event of each name; note_count: their number."""
        begin = time.perf_counter()
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n'
        body = head.encode() + b"\r\n" + file + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        self.id = self.ask("POST", "/api/recordings", body, kind)["id"]
        taken: dict[str, float] = {}
        for name, data in self._events():
            taken.setdefault(name, time.perf_counter() - begin)
            taken["note_count"] = data.get("note_count", 0)
        if "done" not in taken:
            raise RuntimeError("the transcription has failed")
        return taken

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        connection = self.running.connect()
        try:
            connection.request("GET", f"/api/recordings/{self.id}/events", headers=self.headers)
            name = ""
            for line in connection.getresponse():
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, json.loads(value)
        finally:
            connection.close()

    def question(self) -> None:
        body = json.dumps({"prompt": "What is the most common note?"}).encode()
        self.ask("POST", f"/api/recordings/{self.id}/questions", body)

    def delete(self) -> None:
        self.ask("DELETE", f"/api/recordings/{self.id}")


def _repeat(
    running: Server,
    number: int,
    files: Sequence[bytes],
    expected: Sequence[int],
    end: float,
    results: Counter[str],
    taken: list[float],
) -> None:
    client, rng = Client(running, number), np.random.default_rng(number)
    while time.monotonic() < end:
        which = int(rng.integers(len(files)))
        try:
            found = client.transcribe(files[which])
            client.ask("GET", f"/api/recordings/{client.id}")
            client.question()
            client.delete()
            taken.append(found["done"])
            wrong = abs(found["note_count"] - expected[which]) > max(
                2, MAX_DIFFERENT * expected[which]
            )
            results["wrong number of notes" if wrong else "right"] += 1
        except (OSError, RuntimeError) as error:
            results[f"{type(error).__name__}: {error}"] += 1


if __name__ == "__main__":
    main()
