"""Speed of transcription, in parts and as a whole, compared with an unoptimised transcriber.

python experiments/speed/transcription_speed.py RECORDING [--model NAME | --ckpt PATH] [--rounds N]

Unoptimised means: 32 bits, batch norms not merged into convolutions, windows of 16 s one after
another, with torch's own threads. Both take turns, and the least time of N rounds counts, since
other programs can only slow them down. CPU seconds are those of all threads.
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

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # As in amt/cli.py; before torch is imported.

import torch

from amt.decoding.build import build_decoder
from amt.device import fastest_precision
from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.pretrained import DEFAULT, pretrained_checkpoint
from amt.inference.transcriber import Transcriber
from amt.inference.windows import Windowing
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
    show(measure(network_parts(transcriber, unoptimised(checkpoint)), rounds), PART_SECONDS)
    both = {"unoptimised": unoptimised(checkpoint), "optimised": transcriber}
    wholes = {name: (lambda each=each: each.transcribe(audio)) for name, each in both.items()}
    show(measure(wholes, rounds), seconds)
    show(measure({"amt transcribe": lambda: command(recording, checkpoint)}, rounds), seconds)


def unoptimised(checkpoint: Path) -> Transcriber:
    """A transcriber that computes the network as it was trained."""
    front_end, network, settings = load_network(checkpoint)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    windowing = Windowing(seconds=16.0, threads=1)
    return Transcriber(PyTorchModel(front_end, network), build_decoder(settings), windowing)


def network_parts(fast: Transcriber, slow: Transcriber) -> dict[str, Callable[[], object]]:
    """The front end, and both networks, for one window."""
    samples = torch.randn(1, round(PART_SECONDS * fast.sample_rate)) / 10
    optimised, trained = fast.model, slow.model
    assert isinstance(optimised, PyTorchModel) and isinstance(trained, PyTorchModel)
    spec = optimised.front_end(samples)

    def optimised_network() -> object:
        half = optimised.precision != torch.float32
        with torch.autocast("cpu", optimised.precision, enabled=half):
            return optimised.network(spec)

    return {
        "front end": lambda: optimised.front_end(samples),
        "network, unoptimised": lambda: trained.network(spec),
        "network": optimised_network,
    }


def command(recording: Path, checkpoint: Path) -> None:
    """The whole command, in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["transcribe", str(recording), "--ckpt", str(checkpoint), "--output", folder]
        subprocess.run([sys.executable, "-m", "amt.cli", *words], check=True, capture_output=True)


@torch.inference_mode()
def measure(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Wall-clock and CPU seconds of each task, the least of all rounds."""
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
    """CPU seconds of this process and of its child processes that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def show(figures: dict[str, tuple[float, float]], seconds: float) -> None:
    for name, (clock, processor) in figures.items():
        print(
            f"{name:20s} {clock:7.2f} s, {seconds / clock:5.0f} x real time; "
            f"{processor:7.2f} CPU s, {seconds / processor:5.0f} x",
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
