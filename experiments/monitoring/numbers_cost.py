"""What measuring the numbers costs: processor time of transcriptions with and without.

python experiments/monitoring/numbers_cost.py RECORDING ... --models fast base

Each recording is transcribed REPEATS times both ways, in turns; the least processor time counts,
since other programs can only add to it. Notes must be the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from amt.features.tuning import estimate_tuning
from amt.inference.certainty import measure_certainty
from amt.inference.transcriber import Options, Transcriber
from amt.io.audio import load
from amt.monitoring.audio_numbers import measure_audio
from amt.monitoring.measuring import run_and_measure
from amt.notes import NUM_KEYS

REPEATS = 5
MAX_SECONDS = 60.0


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--models", nargs="+", default=["fast", "base"])
    options = parser.parse_args(words)
    torch.set_num_threads(1)
    for name in options.models:
        transcriber = Transcriber.from_pretrained(name)
        for path in options.recordings:
            _report(name, path, transcriber)


def _report(name: str, path: Path, transcriber: Transcriber) -> None:
    rate = transcriber.sample_rate
    audio = load(path, rate)[: round(MAX_SECONDS * rate)]
    plain = transcriber.run(audio, Options("key"))
    measured, _ = run_and_measure(transcriber, audio, Options("key"))
    same = all(
        (getattr(plain.notes, column) == getattr(measured.notes, column)).all()
        for column in ("onset", "offset", "pitch", "velocity")
    )
    without, with_numbers = [], []
    for _ in range(REPEATS):
        without.append(_cost(lambda: transcriber.run(audio, Options("key"))))
        with_numbers.append(_cost(lambda: run_and_measure(transcriber, audio, Options("key"))))
    share = min(with_numbers) / min(without) - 1
    own = min(_cost(lambda: _numbers(transcriber, audio)) for _ in range(REPEATS))
    seconds = len(audio) / rate
    print(f"{name} {path.name[:40]} {seconds:.0f} s: {min(without):.2f} s, {share:+.1%}", end="")
    print(f"; the numbers alone {1000 * own:.0f} ms, {own / min(without):.1%}", end="")
    print("; the same notes" if same else "; OTHER NOTES")


def _numbers(transcriber: Transcriber, audio: np.ndarray) -> None:
    rate = transcriber.sample_rate
    measure_audio(audio, rate, estimate_tuning(audio, rate))
    frames = round(len(audio) / transcriber.sample_rate * transcriber.frame_rate)
    posteriors = torch.rand(frames, NUM_KEYS).pow(20).half()  # A tenth of them above 0.1.
    measure_certainty({"onset": posteriors, "frame": posteriors}, transcriber.decoder)


def _cost(function: Callable[[], object]) -> float:
    begin = time.process_time()
    function()
    return time.process_time() - begin


if __name__ == "__main__":
    main(sys.argv[1:])
