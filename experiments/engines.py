"""What computes posteriors the fastest: PyTorch, TorchScript, ONNX Runtime; 32, 16 and 8 bits.

OMP_NUM_THREADS=1 python experiments/engines.py FOLDER [--ckpt PATH] [--limit N] [--rounds N]

FOLDER holds pairs of audio and notes, of which the first 30 s count, in one window. The engines
take turns, piece by piece, and of the seconds of the processor the best of N rounds stands, since
other work on the machine only ever slows. Decoding is the same for all and not timed. Differences
are the largest between posteriors and those of PyTorch in 32 bits.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from recordings import Excerpt, excerpts
from torch import Tensor

from amt.audio import load
from amt.bundled import DEFAULT, bundled_checkpoint
from amt.card import facts_of
from amt.engines.exported import PROGRAMS
from amt.engines.onnx_program import load as load_onnx
from amt.export import export
from amt.metrics import note_scores
from amt.models.trunk import HarmonicTrunk
from amt.transcriber import Transcriber, Windowing

FIRST_SECONDS = 30.0
REFERENCE = "PyTorch, float32"


def main(folder: Path, checkpoint: Path, limit: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        pieces, _ = excerpts(folder, work, FIRST_SECONDS, limit)
        engines = made(checkpoint, work)
        seconds, scores = measure(engines, pieces, rounds)
    total, base = sum(piece.seconds for piece in pieces), seconds[REFERENCE]
    print(f"{len(pieces)} pieces, {total:.0f} s; {torch.get_num_threads()} thread")
    print(
        "| engine | s of audio a processor second | times as fast | note F1 | with offsets |"
        " difference |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for engine, spent in seconds.items():
        f1, with_offsets, difference = scores[engine]
        speed = f"{total / spent:.0f} | {base / spent:.2f}"
        print(f"| {engine} | {speed} | {f1:.4f} | {with_offsets:.4f} | {difference:.1g} |")


def made(checkpoint: Path, work: Path) -> dict[str, Transcriber]:
    """The checkpoint by every engine."""
    folder = work / "exported"
    export(checkpoint, folder, facts_of(checkpoint))
    whole = folder / PROGRAMS["onnx"]
    engines = {
        REFERENCE: Transcriber.load(checkpoint, precision="float32"),
        "PyTorch, bfloat16": Transcriber.load(checkpoint, precision="bfloat16"),
        "PyTorch, bfloat16, channels first": channels_first(
            Transcriber.load(checkpoint, precision="bfloat16")
        ),
        "TorchScript, float32": Transcriber.load(folder, precision="float32"),
        "TorchScript, bfloat16": Transcriber.load(folder, precision="bfloat16"),
        "ONNX Runtime, float32": Transcriber.load(folder, engine="onnx"),
    }
    for kinds in (["LSTM", "MatMul"], ["LSTM", "MatMul", "Conv"]):
        path = quantised(whole, kinds, work / f"{len(kinds)}.onnx")
        plain = engines["ONNX Runtime, float32"]
        clock = plain.sample_rate, plain.listener.hop_length
        listener = load_onnx(path, *clock, plain.listener.widths)
        engines[f"ONNX Runtime, int8: {', '.join(kinds)}"] = replace(plain, listener=listener)
    one = Windowing(seconds=FIRST_SECONDS + 1)
    return {n: replace(e, windowing=one, dtype=torch.float32) for n, e in engines.items()}


def channels_first(transcriber: Transcriber) -> Transcriber:
    """The network without the change of memory layout that its trunk makes."""
    network = transcriber.listener.network  # type: ignore[attr-defined]
    network.to(memory_format=torch.contiguous_format)
    if isinstance(getattr(network, "trunk", None), HarmonicTrunk):
        network.trunk._stem = network.trunk.stem
    return transcriber


def quantised(program: Path, kinds: list[str], path: Path) -> Path:
    """The network's weights of some operators in 8 bits; what they multiply is rounded as it comes.

    The front end stays in 32 bits.
    """
    names = [node.name for node in onnx.load(program).graph.node if "front_end" in node.name]
    quantize_dynamic(program, path, kinds, nodes_to_exclude=names, weight_type=QuantType.QInt8)
    return path


def measure(
    engines: Mapping[str, Transcriber], pieces: list[Excerpt], rounds: int
) -> tuple[dict[str, float], dict[str, tuple[float, float, float]]]:
    """Seconds of the processor for all pieces; mean note F1, with offsets, the difference."""
    spent = {name: np.full((rounds, len(pieces)), np.inf) for name in engines}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in engines}
    for index, piece in enumerate(pieces):
        audio = load(piece.audio)
        expected = engines[REFERENCE].posteriors(audio)
        for number in range(rounds):
            for name, engine in engines.items():
                start = time.process_time()
                posteriors = engine.posteriors(audio)
                spent[name][number, index] = time.process_time() - start
                if number == 0:
                    found[name].append(judge(engine, posteriors, expected, piece))
    seconds = {name: float(times.min(axis=0).sum()) for name, times in spent.items()}
    columns = {name: tuple(zip(*rows, strict=True)) for name, rows in found.items()}
    return seconds, {n: (fmean(c[0]), fmean(c[1]), max(c[2])) for n, c in columns.items()}


def judge(
    engine: Transcriber,
    posteriors: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    piece: Excerpt,
) -> tuple[float, float, float]:
    """Note F1, with offsets, and the largest difference between posteriors."""
    scores = note_scores(piece.reference, engine.decoder.decode(posteriors, engine.frame_rate))
    difference = max(float((posteriors[name] - expected[name]).abs().max()) for name in expected)
    return scores["note_f1"], scores["note_offset_f1"], difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare what computes posteriors.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--ckpt", type=Path)
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.folder, given.ckpt or bundled_checkpoint(given.model), given.limit, given.rounds)
