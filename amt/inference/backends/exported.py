"""Folders that `amt export` wrote: what they say, and which of their programs listens.

Such a folder is as trustworthy as who made it. Its checksums tell damage, not malice: whoever
changes a program can change them too. ONNX holds numbers and operators; TorchScript is a program of
its own small language that may, say, write files. `auto` takes TorchScript, since it needs no other
package, runs on GPUs, and twice as fast as ONNX on processors that multiply bfloat16; for a folder
from someone unknown choose onnx.
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

# The version of what stands in a folder.
FORMAT = 1
CARD = "README.md"
PROGRAMS = {"torchscript": "model.pt", "onnx": "model.onnx"}
FILES = (*PROGRAMS.values(), DESCRIPTION, CARD)


def load_exported(
    folder: Path, device: torch.device, precision: str = "auto", backend: Backend = "auto"
) -> tuple[PosteriorModel, dict[str, Any]]:
    """The model of a folder, and the settings of its decoder.

    Raises CheckpointError where the folder is no export, another version's or damaged, or the
    backend is not installed; ValueError for an backend, device or precision that there is not.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    described = read_description(folder)
    load = _load_onnx if backend == "onnx" else _load_torchscript
    return load(folder, described, device, precision), described["decoder"]


def read_description(folder: Path) -> dict[str, Any]:
    """What model.json says: how to use the programs, and where they come from.

    Raises CheckpointError.
    """
    path = folder / DESCRIPTION
    expected = "expected a folder that `amt export` wrote"
    if not path.is_file():
        raise CheckpointError(f"{folder}: has no {DESCRIPTION}; {expected}")
    try:
        described = json.loads(path.read_text("utf-8"))
        version = described["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: damaged or not of amt; {expected}") from error
    if version != FORMAT:
        advice = "export the checkpoint again, or install the version of amt that wrote it"
        raise CheckpointError(f"{path}: has format {version}, expected {FORMAT}; {advice}")
    kinds = {
        "name": str,
        "sample_rate": int,
        "hop_length": int,
        "outputs": dict,
        "decoder": dict,
        "files": dict,
    }
    for name, kind in kinds.items():
        if not isinstance(described.get(name), kind):
            raise CheckpointError(f"{path}: says no {name}; {expected}")
    return described


def _load_torchscript(
    folder: Path, described: Mapping[str, Any], device: torch.device, precision: str
) -> PosteriorModel:
    from amt.inference.backends import torchscript

    program = _checked(folder, described, "torchscript")
    return torchscript.load(program, device, pick_precision(precision, device))


def _load_onnx(
    folder: Path, described: Mapping[str, Any], device: torch.device, precision: str
) -> PosteriorModel:
    from amt.inference.backends import onnx

    if device.type != "cpu" or precision == "bfloat16":
        raise ValueError("backend onnx: computes in float32 on the cpu; use backend torchscript")
    program = _checked(folder, described, "onnx")
    clock = described["sample_rate"], described["hop_length"]
    return onnx.load(program, *clock, described["outputs"])


def _checked(folder: Path, described: Mapping[str, Any], backend: str) -> Path:
    """The program of an backend. Raises CheckpointError where it differs from its checksum."""
    path = folder / PROGRAMS[backend]
    if not path.is_file():
        raise CheckpointError(f"{path}: missing; export the checkpoint again")
    if described["files"].get(path.name) != checksum(path):
        advice = "it was damaged or changed; export the checkpoint again"
        raise CheckpointError(f"{path}: differs from its checksum in {DESCRIPTION}; {advice}")
    return path
