"""Measure latency, throughput, memory and start-up time of the server.

python experiments/serving/serving_load.py latency      one clip of 10 s, one client
python experiments/serving/serving_load.py load --minutes 10 --clients 32
python experiments/serving/serving_load.py memory --requests 2000
python experiments/serving/serving_load.py start

The clips are synthetic pieces on the built-in piano; the baseline is a Transcriber without server.
`load` compares every response with the notes of the Transcriber for the same clip, and throughput
with that of the Transcriber alone on the machine, measured before and after.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # As the amt command does.

import numpy as np
from local_server import Server, clips, post, request_body, server

from amt.inference.transcriber import Transcriber
from amt.io.audio import load_bytes
from amt.notes import Notes

CLIP_SECONDS = 10.0
MIXED_SECONDS = (1, 2, 3, 5, 8, 10, 12, 15, 20, 30, 45, 60)
# The server cuts windows at other places: notes may move by this much, and this share may differ.
TOLERANCE_SECONDS = 0.01
MAX_DIFFERENT = 0.02
# Counted as the status when the connection breaks.
LOST = 0


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in (("latency", latency), ("load", load), ("memory", memory), ("start", start)):
        command = commands.add_parser(name)
        command.add_argument(
            "--rounds", type=int, default=30, help="repetitions of latency and start"
        )
        command.add_argument("--minutes", type=float, default=10.0, help="for load")
        command.add_argument("--clients", type=int, default=32, help="for load")
        command.add_argument("--requests", type=int, default=2000, help="for memory")
        command.set_defaults(run=run)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        given.run(given, Path(folder) / "server.log")


def latency(given: argparse.Namespace, log: Path) -> None:
    """One client, alternating with the Transcriber on the same file."""
    (file,) = clips([CLIP_SECONDS])
    body, transcriber = request_body(file), Transcriber.from_pretrained()
    taken: dict[str, list[float]] = {"baseline": [], "server": []}
    with server(log) as running:
        connection = running.connect()
        for _ in range(given.rounds + 3):
            begin = time.perf_counter()
            transcriber.transcribe(load_bytes(file, transcriber.sample_rate))
            middle = time.perf_counter()
            status, _ = post(connection, body)
            assert status == 200
            taken["baseline"].append(middle - begin)
            taken["server"].append(time.perf_counter() - middle)
    baseline, served = (np.median(taken[name][3:]) for name in ("baseline", "server"))
    print(f"{CLIP_SECONDS:g} s: server p50 {served:.3f} s, Transcriber alone {baseline:.3f} s")
    print(f"ratio: {served / baseline:.2f}")


def load(given: argparse.Namespace, log: Path) -> None:
    """Many clients in parallel; each sends its next clip after the response to the last."""
    files = clips(MIXED_SECONDS)
    expected = [_baseline_notes(file) for file in files]
    before = _baseline_throughput(files)
    results: list[tuple[int, float, float, bool]] = []
    bodies = [request_body(file) for file in files]
    end = time.monotonic() + 60 * given.minutes
    with server(log) as running:
        begin = time.monotonic()
        threads = [
            threading.Thread(target=_client, args=(running, bodies, expected, n, end, results))
            for n in range(given.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begin
    after = _baseline_throughput(files)
    _report(results, took, (before + after) / 2)


def memory(given: argparse.Namespace, log: Path) -> None:
    """Resident memory after 100 requests and after all."""
    files = clips(MIXED_SECONDS[:8])
    bodies = itertools.cycle(map(request_body, files))
    with server(log) as running:
        connection = running.connect()
        for number in range(1, given.requests + 1):
            status, _ = post(connection, next(bodies))
            assert status == 200
            if number == 100:
                first = running.resident_megabytes()
        last = running.resident_megabytes()
    print(f"after 100 requests {first:.0f} MB, after {given.requests} {last:.0f} MB")
    print(f"change: {100 * (last / first - 1):+.1f} %")


def start(given: argparse.Namespace, log: Path) -> None:
    """Seconds from the command to the first status 200 of /health."""
    taken = []
    for _ in range(min(given.rounds, 5)):
        with server(log) as running:
            taken.append(running.ready_seconds)
    print(f"ready after {np.median(taken):.1f} s (of {len(taken)}: {min(taken):.1f} at best)")


def _client(
    running: Server,
    bodies: Sequence[bytes],
    expected: Sequence[Notes],
    number: int,
    end: float,
    results: list[tuple[int, float, float, bool]],
) -> None:
    rng, connection = np.random.default_rng(number), running.connect()
    while time.monotonic() < end:
        which = int(rng.integers(len(bodies)))
        begin = time.perf_counter()
        try:
            status, answer = post(connection, bodies[which])
        except (OSError, http.client.HTTPException):
            status, answer, connection = LOST, b"", running.connect()
        took = time.perf_counter() - begin
        right = status == 200 and _same(json.loads(answer)["predictions"], expected[which])
        results.append((status, MIXED_SECONDS[which], took, right))
        if status == 429:
            time.sleep(1)


def _same(predictions: list[dict], expected: Notes) -> bool:
    """Whether a response has the notes of this clip: number, pitches and onsets."""
    (answer,) = predictions
    found = {(n["pitch"], round(n["onset"] / TOLERANCE_SECONDS)) for n in answer["notes"]}
    reference = zip(expected.pitch, expected.onset / TOLERANCE_SECONDS, strict=True)
    lost = sum(
        not {(pitch, round(onset) + near) for near in (-1, 0, 1)} & found
        for pitch, onset in reference
    )
    allowed = max(1, MAX_DIFFERENT * len(expected))
    return lost <= allowed and abs(len(answer["notes"]) - len(expected)) <= allowed


def _baseline_notes(file: bytes) -> Notes:
    transcriber = Transcriber.from_pretrained()
    return transcriber.transcribe(load_bytes(file, transcriber.sample_rate))


def _baseline_throughput(files: Sequence[bytes], rounds: int = 3) -> float:
    """Seconds of audio per second of the Transcriber, one clip after another."""
    transcriber = Transcriber.from_pretrained()
    begin = time.perf_counter()
    for file in list(files) * rounds:
        transcriber.transcribe(load_bytes(file, transcriber.sample_rate))
    return rounds * sum(MIXED_SECONDS) / (time.perf_counter() - begin)


def _report(results: list[tuple[int, float, float, bool]], took: float, baseline: float) -> None:
    statuses = Counter(status for status, *_ in results)
    times = np.array([waited for status, _, waited, _ in results if status == 200])
    wrong = sum(status == 200 and not right for status, *_, right in results)
    audio = sum(seconds for status, seconds, *_ in results if status == 200)
    print(f"{len(results)} requests in {took / 60:.1f} minutes; by status: {dict(statuses)}")
    print(f"responses with wrong notes: {wrong}")
    print(f"p50 {np.median(times):.2f} s, p99 {np.quantile(times, 0.99):.2f} s")
    print(f"throughput {audio / took:.0f} s of audio per second, Transcriber alone {baseline:.0f}")
    print(f"ratio: {100 * audio / took / baseline:.0f} %")


if __name__ == "__main__":
    main()
