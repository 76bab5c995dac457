"""Export a checkpoint to a folder with TorchScript and ONNX files, which run without amt."""

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
from amt.inference.backends.exported import CARD, EXPORT_FILES, FORMAT, MODEL_FILES
from amt.inference.backends.waveform_model import WaveformToPosteriors
from amt.inference.model_card import ModelInfo, model_card
from amt.inference.optimize import fold_norms
from amt.inference.pretrained import checksum
from amt.io.atomic import atomic_write_folder
from amt.models.build import load_network
from amt.models.checkpoint import DESCRIPTION, CheckpointError
from amt.notes import MIN_PITCH, Notes
from amt.synth import piano

# Largest allowed difference between posteriors of an exported model and of the checkpoint.
TOLERANCE = 1e-4
# Batch size and seconds of the audio they are compared on; the shortest is one sample.
COMPARED = ((1, 0.0), (2, 0.1), (3, 5.0))

_BACKENDS = {"torchscript": torchscript, "onnx": onnx}


def export(
    checkpoint: Path, folder: Path, info: ModelInfo, report: Callable[[str], object] = print
) -> None:
    """Write the model files, model.json and a model card of a checkpoint, or nothing at all.

    Each model file is compared with the checkpoint. `report` is called with one line for each.
    Raises CheckpointError if the checkpoint cannot be used, a package is missing, or posteriors
    differ by more than `TOLERANCE`; FileExistsError if the folder holds other files.
    """
    front_end, network, settings = load_network(checkpoint)
    decoder = build_decoder(settings)
    clips = [_clip(batch, seconds, front_end.sample_rate) for batch, seconds in COMPARED]
    with torch.inference_mode():
        expected = [_sigmoids(network(front_end(clip))) for clip in clips]
    fold_norms(network)
    model, parity = WaveformToPosteriors(front_end, network).eval(), {}
    with atomic_write_folder(folder, EXPORT_FILES) as temporary:
        for name, file_name in MODEL_FILES.items():
            path, backend = temporary / file_name, _BACKENDS[name]
            backend.save(copy.deepcopy(model), path)
            exported = backend.compute(path, clips, list(network.widths))
            parity[name] = _largest_difference(expected, exported)
            if not parity[name] <= TOLERANCE:
                raise CheckpointError(
                    f"{checkpoint}: posteriors of the {name} file differ by {parity[name]:.1g} from"
                    f" those of the checkpoint, expected at most {TOLERANCE:g}; nothing was written"
                )
            size = path.stat().st_size / 1e6
            report(f"{file_name}: {size:.1f} MB, posteriors within {parity[name]:.1g}")
        sums = {name: checksum(temporary / name) for name in MODEL_FILES.values()}
        description = _description(model, decoder, info) | {"parity": parity, "files": sums}
        (temporary / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n", "utf-8")
        (temporary / CARD).write_text(model_card(info, description), "utf-8")


def _description(
    model: WaveformToPosteriors, decoder: AnyDecoder, info: ModelInfo
) -> dict[str, Any]:
    """The contents of model.json, without checksums and differences."""
    sample_rate, hop_length = model.front_end.sample_rate, model.front_end.hop_length
    return {
        "format": FORMAT,
        "version": __version__,
        "name": info.name,
        "data": info.data,
        "licence": info.licence,
        "metrics": info.metrics,
        "sample_rate": sample_rate,
        "hop_length": hop_length,
        "frame_rate": sample_rate / hop_length,
        "lowest_pitch": MIN_PITCH,
        "input": {onnx.INPUT: ["batch", "samples"]},
        "outputs": model.network.widths,
        "features": model.network.feature_width,
        "decoder": dataclasses.asdict(decoder),
    }


def _clip(batch: int, seconds: float, sample_rate: int) -> Tensor:
    """Audio (B, S) of an arpeggio on the built-in piano; each row starts 1/8 s later in it."""
    pitch = np.array([48, 55, 64, 72, 76])
    onset = np.arange(len(pitch)) * 0.5
    notes = Notes(onset, onset + 1.5, pitch, np.linspace(40, 110, len(pitch), dtype=np.int64))
    rng = np.random.default_rng(0)
    audio = piano.render(notes, piano.Instrument(), rng, max(COMPARED)[1] + 1, sample_rate)
    rows = [audio[row * sample_rate // 8 :] for row in range(batch)]
    return torch.from_numpy(np.stack([row[: max(1, round(seconds * sample_rate))] for row in rows]))


def _sigmoids(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: values.sigmoid() for name, values in logits.items()}


def _largest_difference(
    expected: list[dict[str, Tensor]], exported: list[dict[str, Tensor]]
) -> float:
    """The largest absolute difference of any two posteriors; infinity if shapes differ."""
    pairs = [
        (values, others[name])
        for outputs, others in zip(expected, exported, strict=True)
        for name, values in outputs.items()
    ]
    if any(one.shape != other.shape for one, other in pairs):
        return float("inf")
    return max(float((one - other).abs().max()) for one, other in pairs)
