"""A checkpoint as a folder of programs, TorchScript and ONNX, that run without amt."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amt import __version__
from amt.decoding.build import AnyDecoder, build_decoder
from amt.inference.backends import onnx, torchscript
from amt.inference.backends.exported import CARD, FILES, FORMAT, PROGRAMS
from amt.inference.backends.program import Program
from amt.inference.model_card import ModelFacts, card
from amt.inference.optimize import fold_norms
from amt.inference.pretrained import checksum
from amt.io.atomic import atomic_write_folder
from amt.models.build import load_network
from amt.models.checkpoint import DESCRIPTION, CheckpointError
from amt.notes import MIN_PITCH, Notes
from amt.synth import piano

# How far a program's posteriors may be from the checkpoint's.
TOLERANCE = 1e-4
# What they are compared on: batches, and seconds; the shortest is one sample.
COMPARED = ((1, 0.0), (2, 0.1), (3, 5.0))

_BACKENDS = {"torchscript": torchscript, "onnx": onnx}


def export(
    checkpoint: Path, folder: Path, facts: ModelFacts, report: Callable[[str], object] = print
) -> None:
    """Write the programs of a checkpoint, model.json and a model card, or nothing at all.

    `report` is told of each program. Raises CheckpointError where the checkpoint cannot be used, a
    package is missing, or a program does not give what the checkpoint gives; FileExistsError where
    the folder holds other files.
    """
    front_end, network, settings = load_network(checkpoint)
    decoder = build_decoder(settings)
    clips = [_clip(batch, seconds, front_end.sample_rate) for batch, seconds in COMPARED]
    with torch.inference_mode():
        expected = [_sigmoids(network(front_end(clip))) for clip in clips]
    fold_norms(network)
    program, parity = Program(front_end, network).eval(), {}
    with atomic_write_folder(folder, FILES) as temporary:
        for backend, name in PROGRAMS.items():
            path, writer = temporary / name, _BACKENDS[backend]
            writer.save(copy.deepcopy(program), path)
            found = writer.compute(path, clips, list(network.widths))
            parity[backend] = _difference(expected, found)
            if not parity[backend] <= TOLERANCE:
                raise CheckpointError(
                    f"{checkpoint}: its {backend} program gives posteriors {parity[backend]:.1g} away"
                    f" from its own, expected at most {TOLERANCE:g}; nothing was written"
                )
            size = path.stat().st_size / 1e6
            report(f"{name}: {size:.1f} MB, posteriors within {parity[backend]:.1g}")
        sums = {name: checksum(temporary / name) for name in PROGRAMS.values()}
        described = _describe(program, decoder, facts) | {"parity": parity, "files": sums}
        (temporary / DESCRIPTION).write_text(json.dumps(described, indent=1) + "\n", "utf-8")
        (temporary / CARD).write_text(card(facts, described), "utf-8")


def _describe(program: Program, decoder: AnyDecoder, facts: ModelFacts) -> dict[str, Any]:
    """What model.json says of the model."""
    sample_rate, hop_length = program.front_end.sample_rate, program.front_end.hop_length
    return {
        "format": FORMAT,
        "version": __version__,
        "name": facts.name,
        "data": facts.data,
        "licence": facts.licence,
        "metrics": facts.metrics,
        "sample_rate": sample_rate,
        "hop_length": hop_length,
        "frame_rate": sample_rate / hop_length,
        "lowest_pitch": MIN_PITCH,
        "input": {onnx.INPUT: ["batch", "samples"]},
        "outputs": program.network.widths,
        "decoder": dataclasses.asdict(decoder),
    }


def _clip(batch: int, seconds: float, sample_rate: int) -> Tensor:
    """Audio (B, S) of a broken chord on the built-in piano; each row begins elsewhere in it."""
    pitch = np.array([48, 55, 64, 72, 76])
    onset = np.arange(len(pitch)) * 0.5
    played = Notes(onset, onset + 1.5, pitch, np.linspace(40, 110, len(pitch)))
    rng = np.random.default_rng(0)
    sound = piano.render(played, piano.Instrument(), rng, max(COMPARED)[1] + 1, sample_rate)
    rows = [sound[row * sample_rate // 8 :] for row in range(batch)]
    return torch.from_numpy(np.stack([row[: max(1, round(seconds * sample_rate))] for row in rows]))


def _sigmoids(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.sigmoid() for name, values in logits.items()}


def _difference(expected: list[dict[str, Tensor]], found: list[dict[str, Tensor]]) -> float:
    """The largest between any two posteriors; infinite where shapes differ."""
    pairs = [
        (values, there[name])
        for here, there in zip(expected, found, strict=True)
        for name, values in here.items()
    ]
    if any(one.shape != other.shape for one, other in pairs):
        return float("inf")
    return max(float((one - other).abs().max()) for one, other in pairs)
