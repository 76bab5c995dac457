"""Speed and accuracy of the backends: PyTorch, TorchScript, ONNX Runtime; 32, 16 and 8 bits.

OMP_NUM_THREADS=1 python experiments/accuracy/backend_speed.py FOLDER [--ckpt PATH] [--limit N]
  [--rounds N]

FOLDER contains pairs of audio and notes; the first 30 s of each are computed in one window. The
backends take turns on each piece, and the least CPU time of N rounds counts, since other programs
can only slow a backend down. Decoding is the same for all and not timed. Differences are the
largest between posteriors and those of PyTorch in 32 bits.
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
from recordings import Excerpt, make_excerpts
from torch import Tensor

from amt.evaluation.metrics import note_scores
from amt.inference.backends.exported import MODEL_FILES
from amt.inference.backends.onnx import load as load_onnx
from amt.inference.export import export
from amt.inference.model_card import model_info
from amt.inference.pretrained import DEFAULT, pretrained_checkpoint
from amt.inference.transcriber import Transcriber
from amt.inference.windows import Windowing
from amt.io.audio import load
from amt.models.trunk import HarmonicTrunk

FIRST_SECONDS = 30.0
REFERENCE = "PyTorch, float32"


def main(folder: Path, checkpoint: Path, limit: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        pieces, _ = make_excerpts(folder, work, FIRST_SECONDS, limit)
        backends = load_backends(checkpoint, work)
        seconds, scores = measure(backends, pieces, rounds)
    total, base = sum(piece.seconds for piece in pieces), seconds[REFERENCE]
    print(f"{len(pieces)} pieces, {total:.0f} s; {torch.get_num_threads()} thread")
    print(
        "| backend | s of audio per CPU second | times as fast | note F1 | with offsets |"
        " difference |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for backend, spent in seconds.items():
        f1, with_offsets, difference = scores[backend]
        speed = f"{total / spent:.0f} | {base / spent:.2f}"
        print(f"| {backend} | {speed} | {f1:.4f} | {with_offsets:.4f} | {difference:.1g} |")


def load_backends(checkpoint: Path, work: Path) -> dict[str, Transcriber]:
    """A transcriber of the checkpoint for every backend."""
    folder = work / "exported"
    export(checkpoint, folder, model_info(checkpoint))
    onnx_file = folder / MODEL_FILES["onnx"]
    backends = {
        REFERENCE: Transcriber.load(checkpoint, precision="float32"),
        "PyTorch, bfloat16": Transcriber.load(checkpoint, precision="bfloat16"),
        "PyTorch, bfloat16, channels first": channels_first(
            Transcriber.load(checkpoint, precision="bfloat16")
        ),
        "TorchScript, float32": Transcriber.load(folder, precision="float32"),
        "TorchScript, bfloat16": Transcriber.load(folder, precision="bfloat16"),
        "ONNX Runtime, float32": Transcriber.load(folder, backend="onnx"),
    }
    for kinds in (["LSTM", "MatMul"], ["LSTM", "MatMul", "Conv"]):
        path = quantised(onnx_file, kinds, work / f"{len(kinds)}.onnx")
        unquantised = backends["ONNX Runtime, float32"]
        old = unquantised.model
        model = load_onnx(path, old.sample_rate, old.hop_length, old.widths)
        backends[f"ONNX Runtime, int8: {', '.join(kinds)}"] = replace(unquantised, model=model)
    one = Windowing(seconds=FIRST_SECONDS + 1)
    return {n: replace(e, windowing=one, dtype=torch.float32) for n, e in backends.items()}


def channels_first(transcriber: Transcriber) -> Transcriber:
    """Without the change to channels_last in the trunk's stem."""
    network = transcriber.model.network  # type: ignore[attr-defined]
    network.to(memory_format=torch.contiguous_format)
    if isinstance(getattr(network, "trunk", None), HarmonicTrunk):
        network.trunk._stem = network.trunk.stem
    return transcriber


def quantised(program: Path, kinds: list[str], path: Path) -> Path:
    """A copy of an ONNX file with the weights of some operators in 8 bits (dynamic quantisation).

    The front end stays in 32 bits.
    """
    names = [node.name for node in onnx.load(program).graph.node if "front_end" in node.name]
    quantize_dynamic(program, path, kinds, nodes_to_exclude=names, weight_type=QuantType.QInt8)
    return path


def measure(
    backends: Mapping[str, Transcriber], pieces: list[Excerpt], rounds: int
) -> tuple[dict[str, float], dict[str, tuple[float, float, float]]]:
    """CPU seconds for all pieces; mean note F1, note F1 with offsets, largest difference."""
    spent = {name: np.full((rounds, len(pieces)), np.inf) for name in backends}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in backends}
    for index, piece in enumerate(pieces):
        audio = load(piece.audio)
        expected = backends[REFERENCE].posteriors(audio)
        for number in range(rounds):
            for name, backend in backends.items():
                start = time.process_time()
                posteriors = backend.posteriors(audio)
                spent[name][number, index] = time.process_time() - start
                if number == 0:
                    found[name].append(compare(backend, posteriors, expected, piece))
    seconds = {name: float(times.min(axis=0).sum()) for name, times in spent.items()}
    columns = {name: tuple(zip(*rows, strict=True)) for name, rows in found.items()}
    return seconds, {n: (fmean(c[0]), fmean(c[1]), max(c[2])) for n, c in columns.items()}


def compare(
    backend: Transcriber,
    posteriors: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    piece: Excerpt,
) -> tuple[float, float, float]:
    """Note F1, with offsets, and the largest difference between posteriors."""
    scores = note_scores(piece.reference, backend.decoder.decode(posteriors, backend.frame_rate))
    difference = max(float((posteriors[name] - expected[name]).abs().max()) for name in expected)
    return scores["note_f1"], scores["note_offset_f1"], difference


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the backends that compute posteriors.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default=DEFAULT)
    parser.add_argument("--ckpt", type=Path)
    parser.add_argument("--limit", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.folder, given.ckpt or pretrained_checkpoint(given.model), given.limit, given.rounds)
