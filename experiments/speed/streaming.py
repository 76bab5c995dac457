"""Training steps per second from a set on Cloud Storage, against the same set on the disk.

python experiments/speed/streaming.py --pieces 100 --seconds 60 --megabytes 50 --latency 0.05

The bucket is an emulator in a process of its own, whose answers take --latency seconds more and
have --megabytes a second together. A step waits --step seconds, as for a GPU: what is measured is
whether its batch was there in time. Prints, for each epoch, steps per second from the disk and from
the bucket (the second epoch reads copies), and how many seconds more all steps waited.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from functools import partial
from http.server import ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from gcp_storage_emulator.server import RequestHandler, create_server

from amt.data.datamodule import PianoDataModule
from amt.data.manifest import JOURNAL, MANIFEST, store, write_entries
from amt.data.pieces import Piece, Recording
from amt.data.sources.prepared import Prepared
from amt.data.upload import upload_set
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes

BUCKET = "streaming"
SET = f"gs://{BUCKET}/prepared/noise"
BLOCK = 1 << 16


class Line:
    """The line to the bucket: answers begin `latency` seconds late and share its bytes a second."""

    def __init__(self, latency: float, bytes_per_second: float) -> None:
        self.latency, self.rate = latency, bytes_per_second
        self.free, self.lock = 0.0, threading.Lock()

    def wait(self, size: int) -> None:
        with self.lock:
            self.free = max(self.free, time.monotonic()) + size / self.rate
            end = self.free
        time.sleep(max(0.0, end - time.monotonic()))


class SlowFile:
    """What an answer is written to."""

    def __init__(self, file: Any, line: Line) -> None:
        self.file, self.line = file, line

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), BLOCK):
            block = view[start : start + BLOCK]
            self.line.wait(len(block))
            self.file.write(block)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class SlowHandler(RequestHandler):
    """The emulator's answers to GET, over the line; one request of another kind at a time, since
    its list of objects may not change while it is written.
    """

    writing = threading.Lock()

    def __init__(self, line: Line, *rest: Any) -> None:
        self.line = line
        super().__init__(*rest)

    def do_POST(self) -> None:  # noqa: N802
        with self.writing:
            super().do_POST()

    def do_GET(self) -> None:  # noqa: N802
        time.sleep(self.line.latency)
        self.wfile = SlowFile(self.wfile, self.line)
        super().do_GET()


def serve(latency: float, bytes_per_second: float, ready: Connection) -> None:
    """An emulated bucket; sends its address when it is ready."""
    storage = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)._storage
    line = Line(latency, bytes_per_second)
    handler = partial(SlowHandler, line, storage)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.request_queue_size = 128
        ready.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()


def make_set(folder: Path, pieces: int, seconds: float) -> float:
    """A set of noise with a note a second; returns its size in MB."""
    rng = np.random.default_rng(0)
    onset = np.arange(0.0, seconds - 1)
    notes = Notes(onset, onset + 0.5, rng.integers(21, 109, len(onset)), np.full(len(onset), 64))
    entries = []
    for number in range(pieces):
        audio = rng.uniform(-0.5, 0.5, round(seconds * SAMPLE_RATE)).astype(np.float32)
        split = "validation" if number == 0 else "train"
        piece = Piece(f"{number:04}", split, f"{number:04}", lambda: None, "")
        entries.append(store(folder, piece, Recording(audio, notes)))
    write_entries(folder / JOURNAL, entries)
    write_entries(folder / MANIFEST, entries)
    return sum(2 * entry.samples for entry in entries) / 1e6


def epoch(data: PianoDataModule, step: float) -> float:
    """Seconds of an epoch."""
    start = time.monotonic()
    for _ in data.train_dataloader():
        time.sleep(step)
    return time.monotonic() - start


def module(place: str, copies: Path, given: argparse.Namespace) -> PianoDataModule:
    data = PianoDataModule(
        {"noise": Prepared(place, str(copies))},
        "unused",
        batch_size=given.batch,
        segments_per_epoch=given.steps * given.batch,
        loader_workers=given.workers,
    )
    data.prepare_data()
    return data


def main(given: argparse.Namespace) -> None:
    here, there = multiprocessing.Pipe()
    arguments = (given.latency, given.megabytes * 1e6, there)
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=arguments, daemon=True)
    server.start()
    os.environ["STORAGE_EMULATOR_HOST"] = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        size = make_set(Path(folder, "set"), given.pieces, given.seconds)
        upload_set(Path(folder, "set"), SET)
        print(
            f"{given.pieces} pieces, {size:.0f} MB: {size / given.megabytes:.1f} s at "
            f"{given.megabytes:g} MB/s; {given.steps} steps of {given.batch} segments an epoch"
        )
        disk = module(f"{folder}/set", Path(folder, "unused"), given)
        bucket = module(SET, Path(folder, "copies"), given)
        for number in range(1, given.epochs + 1):
            plain, streamed = epoch(disk, given.step), epoch(bucket, given.step)
            print(
                f"epoch {number}: disk {given.steps / plain:.2f}, bucket "
                f"{given.steps / streamed:.2f} steps/s, ratio {plain / streamed:.3f}, waited "
                f"{streamed - plain:.1f} s more"
            )
    server.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pieces", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each piece")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds, of each answer")
    parser.add_argument("--megabytes", type=float, default=50.0, help="a second, of all answers")
    parser.add_argument("--step", type=float, default=0.1, help="seconds that a step computes")
    parser.add_argument("--steps", type=int, default=128, help="of an epoch")
    parser.add_argument("--batch", type=int, default=8, help="segments")
    parser.add_argument("--workers", type=int, default=1, help="of the loader")
    parser.add_argument("--epochs", type=int, default=2)
    main(parser.parse_args())
