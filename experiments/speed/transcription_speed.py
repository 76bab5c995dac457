"""How fast recordings are transcribed, part by part and as a whole, against the plain way.

python experiments/speed/transcription_speed.py RECORDING [--model NAME | --ckpt PATH] [--rounds N]

The plain way: 32 bits, batch norms as they were trained, windows of 16 s one after another, whose
operations torch's threads share. Both ways take turns, and of every figure the best of N rounds
stands, since other work on the machine only ever slows. Seconds of the processor count all threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # As the amt command does.

import torch

from amt.decoding.build import build_decoder
from amt.device import fastest_precision
from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.pretrained import DEFAULT, pretrained_checkpoint
from amt.inference.transcriber import Transcriber, Windowing
from amt.io.audio import load
from amt.models.build import load_network

PART_SECONDS = 40.0


def main(recording: Path, checkpoint: Path, rounds: int) -> None:
    transcriber = Transcriber.load(checkpoint)
    audio = load(recording, transcriber.sample_rate)
    seconds = len(audio) / transcriber.sample_rate
    posteriors = transcriber.posteriors(audio)
    print(f"{seconds:.0f} s, {torch.get_num_threads()} threads, {fastest_precision('cpu')}")
    parts = {
        "load": lambda: load(recording),
        "decode": lambda: transcriber.decoder.decode(posteriors, transcriber.frame_rate),
    }
    show(measure(parts, rounds), seconds)
    show(measure(network_parts(transcriber, plain(checkpoint)), rounds), PART_SECONDS)
    ways = {"plain": plain(checkpoint), "as it is": transcriber}
    wholes = {name: (lambda way=way: way.transcribe(audio)) for name, way in ways.items()}
    show(measure(wholes, rounds), seconds)
    show(measure({"amt transcribe": lambda: command(recording, checkpoint)}, rounds), seconds)


def plain(checkpoint: Path) -> Transcriber:
    """The checkpoint as it was trained."""
    front_end, network, settings = load_network(checkpoint)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    windowing = Windowing(seconds=16.0, threads=1)
    return Transcriber(PyTorchModel(front_end, network), build_decoder(settings), windowing)


def network_parts(ours: Transcriber, plain: Transcriber) -> dict[str, Callable[[], object]]:
    """The front end, and the network both ways, for one window."""
    samples = torch.randn(1, round(PART_SECONDS * ours.sample_rate)) / 10
    optimised, trained = ours.model, plain.model
    assert isinstance(optimised, PyTorchModel) and isinstance(trained, PyTorchModel)
    spec = optimised.front_end(samples)

    def prepared() -> object:
        half = optimised.precision != torch.float32
        with torch.autocast("cpu", optimised.precision, enabled=half):
            return optimised.network(spec)

    return {
        "front end": lambda: optimised.front_end(samples),
        "network, plain": lambda: trained.network(spec),
        "network": prepared,
    }


def command(recording: Path, checkpoint: Path) -> None:
    """The command from start to end, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["transcribe", str(recording), "--ckpt", str(checkpoint), "--output", folder]
        subprocess.run([sys.executable, "-m", "amt.cli", *words], check=True, capture_output=True)


@torch.inference_mode()
def measure(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds by the clock and of the processor of each task, the best of all rounds."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            clock, processor = time.perf_counter(), processor_seconds()
            task()
            found[name].append((time.perf_counter() - clock, processor_seconds() - processor))
    best = {}
    for name, pairs in found.items():
        clocks, processors = zip(*pairs, strict=True)
        best[name] = (min(clocks), min(processors))
    return best


def processor_seconds() -> float:
    """Of this process and those that it has ended waiting for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def show(figures: dict[str, tuple[float, float]], seconds: float) -> None:
    for name, (clock, processor) in figures.items():
        print(
            f"{name:15s} {clock:7.2f} s, {seconds / clock:5.0f} x real time; "
            f"{processor:7.2f} s of the processor, {seconds / processor:5.0f} x",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the speed of transcribing a recording.")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--ckpt", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.recording, given.ckpt or pretrained_checkpoint(given.model), given.rounds)
