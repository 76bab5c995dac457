"""Load a model from a folder that `amt export` wrote, with TorchScript or ONNX Runtime.

Load such a folder only if you trust its author. Its checksums find damage, not manipulation: who
changes a model file can change its checksum too. An ONNX file holds numbers and operators only; a
TorchScript file is a program, which may for example write files. So for a folder from an unknown
author choose the backend onnx. `auto` chooses TorchScript, because it needs no other package, runs
on GPUs, and is twice as fast as ONNX on processors that multiply bfloat16 in hardware.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from amt.device import pick_precision
from amt.inference.backends.pytorch import PosteriorModel
from amt.inference.pretrained import checksum
from amt.models.checkpoint import DESCRIPTION, CheckpointError

Backend = Literal["auto", "torchscript", "onnx"]
BACKENDS: tuple[str, ...] = get_args(Backend)

# The version of the folder's layout and of the fields of model.json.
FORMAT = 1
CARD = "README.md"
# The model file of each backend, and all files of a folder.
MODEL_FILES = {"torchscript": "model.pt", "onnx": "model.onnx"}
EXPORT_FILES = (*MODEL_FILES.values(), DESCRIPTION, CARD)


def load_exported(
    folder: Path, device: torch.device, precision: str = "auto", backend: Backend = "auto"
) -> tuple[PosteriorModel, dict[str, Any]]:
    """The model of an exported folder, and the settings of its decoder.

    Raises CheckpointError if the folder is not an export, has another format or is damaged, or if
    the backend is not installed; ValueError for an unknown backend, device or precision.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    description = read_description(folder)
    load = _load_onnx if backend == "onnx" else _load_torchscript
    return load(folder, description, device, precision), description["decoder"]


def read_description(folder: Path) -> dict[str, Any]:
    """The contents of a folder's model.json: sample rate, outputs, decoder settings, checksums.

    Raises CheckpointError if the file is missing, damaged or of another format.
    """
    path = folder / DESCRIPTION
    expected = "expected a folder that `amt export` wrote"
    if not path.is_file():
        raise CheckpointError(f"{folder}: has no {DESCRIPTION}; {expected}")
    try:
        description = json.loads(path.read_text("utf-8"))
        version = description["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged, or not written by amt; {expected}") from error
    if version != FORMAT:
        advice = "export the checkpoint again, or install the version of amt that wrote it"
        raise CheckpointError(f"{path}: has format {version}, expected {FORMAT}; {advice}")
    types = {
        "name": str,
        "sample_rate": int,
        "hop_length": int,
        "outputs": dict,
        "decoder": dict,
        "files": dict,
    }
    for name, expected_type in types.items():
        if not isinstance(description.get(name), expected_type):
            raise CheckpointError(f"{path}: has no valid {name!r}; {expected}")
    return description


def _load_torchscript(
    folder: Path, description: Mapping[str, Any], device: torch.device, precision: str
) -> PosteriorModel:
    from amt.inference.backends import torchscript

    path = _verified_file(folder, description, "torchscript")
    return torchscript.load(path, device, pick_precision(precision, device))


def _load_onnx(
    folder: Path, description: Mapping[str, Any], device: torch.device, precision: str
) -> PosteriorModel:
    from amt.inference.backends import onnx

    if device.type != "cpu" or precision == "bfloat16":
        raise ValueError("backend onnx: computes in float32 on the cpu; use backend torchscript")
    path = _verified_file(folder, description, "onnx")
    sample_rate, hop_length = description["sample_rate"], description["hop_length"]
    feature_width = description.get("features", 0)  # 0: written by an older version
    return onnx.load(path, sample_rate, hop_length, description["outputs"], feature_width)


def _verified_file(folder: Path, description: Mapping[str, Any], backend: str) -> Path:
    """The model file of a backend. Raises CheckpointError if missing or if its checksum differs."""
    path = folder / MODEL_FILES[backend]
    if not path.is_file():
        raise CheckpointError(f"{path}: missing; export the checkpoint again")
    if description["files"].get(path.name) != checksum(path):
        advice = "it was damaged or changed; export the checkpoint again"
        raise CheckpointError(f"{path}: differs from its checksum in {DESCRIPTION}; {advice}")
    return path
