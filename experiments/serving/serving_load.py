"""What the server costs beside the bare Transcriber, and how it bears many clients.

python experiments/serving/serving_load.py latency      one clip of 10 s, one client
python experiments/serving/serving_load.py load --minutes 10 --clients 32
python experiments/serving/serving_load.py memory --requests 2000
python experiments/serving/serving_load.py start

Clips are invented and played on the built-in piano. In `load` every answer is compared with what
the bare Transcriber gives for the same clip, and throughput with what it makes of the same clips
alone on the machine, before and after.
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
# By how much windows that are cut elsewhere may move a note, and of how many notes one may differ.
TOLERANCE_SECONDS = 0.01
MAY_DIFFER = 0.02
# In place of a status where the connection broke.
LOST = 0


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run in (("latency", latency), ("load", load), ("memory", memory), ("start", start)):
        command = commands.add_parser(name)
        command.add_argument("--rounds", type=int, default=30, help="turns of latency and start")
        command.add_argument("--minutes", type=float, default=10.0, help="of load")
        command.add_argument("--clients", type=int, default=32, help="of load")
        command.add_argument("--requests", type=int, default=2000, help="of memory")
        command.set_defaults(run=run)
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        given.run(given, Path(folder) / "server.log")


def latency(given: argparse.Namespace, log: Path) -> None:
    """One client, taking turns with the Transcriber, which decodes the same file."""
    (file,) = clips([CLIP_SECONDS])
    body, transcriber = request_body(file), Transcriber.from_pretrained()
    taken: dict[str, list[float]] = {"bare": [], "served": []}
    with server(log) as running:
        connection = running.connect()
        for _ in range(given.rounds + 3):
            begin = time.perf_counter()
            transcriber.transcribe(load_bytes(file, transcriber.sample_rate))
            middle = time.perf_counter()
            status, _ = post(connection, body)
            assert status == 200
            taken["bare"].append(middle - begin)
            taken["served"].append(time.perf_counter() - middle)
    bare, served = (np.median(taken[name][3:]) for name in ("bare", "served"))
    print(f"{CLIP_SECONDS:g} s: server p50 {served:.3f} s, bare Transcriber {bare:.3f} s")
    print(f"times as long: {served / bare:.2f}")


def load(given: argparse.Namespace, log: Path) -> None:
    """Many clients at once, each sending its next clip when it has the answer to the last."""
    files = clips(MIXED_SECONDS)
    expected = [_bare_notes(file) for file in files]
    before = _bare_throughput(files)
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
    after = _bare_throughput(files)
    _report(results, took, (before + after) / 2)


def memory(given: argparse.Namespace, log: Path) -> None:
    """What the process holds after 100 requests, and after all."""
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
    """From the command to the first answer of /health with 200."""
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
    """Whether an answer is that of this clip: as many notes, of the same pitches and times."""
    (answer,) = predictions
    heard = {(n["pitch"], round(n["onset"] / TOLERANCE_SECONDS)) for n in answer["notes"]}
    wanted = zip(expected.pitch, expected.onset / TOLERANCE_SECONDS, strict=True)
    lost = sum(
        not {(pitch, round(onset) + near) for near in (-1, 0, 1)} & heard for pitch, onset in wanted
    )
    most = max(1, MAY_DIFFER * len(expected))
    return lost <= most and abs(len(answer["notes"]) - len(expected)) <= most


def _bare_notes(file: bytes) -> Notes:
    transcriber = Transcriber.from_pretrained()
    return transcriber.transcribe(load_bytes(file, transcriber.sample_rate))


def _bare_throughput(files: Sequence[bytes], rounds: int = 3) -> float:
    """Seconds of audio a second that the Transcriber makes of the clips, one after another."""
    transcriber = Transcriber.from_pretrained()
    begin = time.perf_counter()
    for file in list(files) * rounds:
        transcriber.transcribe(load_bytes(file, transcriber.sample_rate))
    return rounds * sum(MIXED_SECONDS) / (time.perf_counter() - begin)


def _report(results: list[tuple[int, float, float, bool]], took: float, bare: float) -> None:
    statuses = Counter(status for status, *_ in results)
    times = np.array([waited for status, _, waited, _ in results if status == 200])
    wrong = sum(status == 200 and not right for status, *_, right in results)
    audio = sum(seconds for status, seconds, *_ in results if status == 200)
    print(f"{len(results)} requests in {took / 60:.1f} minutes; by status: {dict(statuses)}")
    print(f"answers of another clip: {wrong}")
    print(f"p50 {np.median(times):.2f} s, p99 {np.quantile(times, 0.99):.2f} s")
    print(f"throughput {audio / took:.0f} s of audio a second, bare {bare:.0f}")
    print(f"of the bare Transcriber's: {100 * audio / took / bare:.0f} %")


if __name__ == "__main__":
    main()
