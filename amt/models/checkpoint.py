"""Read checkpoints of training (.ckpt) and read and write weight files (.safetensors).

Both contain tensors and plain values only, so that loading one never runs code. torch is imported
where tensors are read: reading the metadata alone stays fast.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.errors import stand_in
from amt.io.atomic import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_SUFFIX = ".safetensors"
# The file in an exported folder that describes the model.
DESCRIPTION = "model.json"
# The version of tensor names and settings in a weight file, which holds its settings as JSON in
# one field of the safetensors metadata.
FORMAT = 2
_KEY = "amt"
# Prefix of the network's tensors in a state_dict: the attribute of TranscriptionModule.
NETWORK_PREFIX = "network."

# What to do with a checkpoint of another version.
MIGRATE = (
    "convert an older one with `python experiments/weights/migrate.py OLD NEW.safetensors`, or "
    "install the version of amt that wrote it"
)
_EXPECTED = "expected a checkpoint that `python train.py` wrote, or weights of amt (.safetensors)"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one line that names the file."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """`state_dict` and `hyper_parameters` (`model`, `decoder`) of a .ckpt or .safetensors file.

    Of a .ckpt also what else Lightning stores. Raises CheckpointError if there is no such file or
    it cannot be read.
    """
    _check_file(path)
    return _read_weights(path) if path.suffix == WEIGHTS_SUFFIX else _read_training(path)


def network_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the network in a `state_dict`, without `NETWORK_PREFIX`."""
    return {
        name.removeprefix(NETWORK_PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(NETWORK_PREFIX)
    }


def with_network_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with `NETWORK_PREFIX`; the inverse of `network_state`."""
    return {f"{NETWORK_PREFIX}{name}": tensor for name, tensor in state.items()}


def is_slice_classifier(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint holds a slice classifier (`amt.baselines`), which cannot transcribe."""
    value: Any = checkpoint
    for key in ("hyper_parameters", "model", "slices"):
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a weight file: name, licence, model, decoder. Raises CheckpointError."""
    from safetensors import SafetensorError, safe_open

    _check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        settings = json.loads(metadata[_KEY])
        version = settings["format"]
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a complete safetensors file; {_EXPECTED}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a model of amt; {_EXPECTED}") from error
    if version != FORMAT:
        raise CheckpointError(f"{path}: has format {version}, expected {FORMAT}; {MIGRATE}")
    return settings


def write_weights(path: Path, checkpoint: Mapping[str, Any], name: str, licence: str) -> None:
    """Write weights and settings of a checkpoint to a .safetensors file, matrices in 16 bits."""
    from safetensors.torch import save

    kept = {key: checkpoint["hyper_parameters"][key] for key in ("model", "decoder")}
    settings = {"format": FORMAT, "name": name, "licence": licence, **kept}
    state = {key: _to_half(tensor) for key, tensor in checkpoint["state_dict"].items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(state, {_KEY: json.dumps(settings, sort_keys=True)}))


def _to_half(tensor: Tensor) -> Tensor:
    """Weight matrices and kernels as 16-bit floats; vectors (biases, norms) stay as they are."""
    tensor = tensor.contiguous()
    half = tensor.half()
    return (
        half if tensor.is_floating_point() and tensor.ndim > 1 and half.isfinite().all() else tensor
    )


def _read_weights(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    settings = read_settings(path)
    state = load_file(path)
    state = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    return {"state_dict": state, "hyper_parameters": settings}


def _read_training(path: Path) -> dict[str, Any]:
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Torch's unpickler raises any kind of exception on other files.
        # Its own message is not shown: it advises weights_only=False, which would run code.
        reason = f"not a complete file of tensors and plain values; {_EXPECTED}"
        raise CheckpointError(f"{path}: {reason}") from error
    return checkpoint if isinstance(checkpoint, dict) else {}


def _check_file(path: Path) -> None:
    if path.is_dir():
        expected = "expected a file in it, such as checkpoints/best.ckpt of a run"
        raise CheckpointError(f"{path} is a folder; {expected}")
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with path.open("rb") as file:
            found = stand_in(file.read(100))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    if found:
        raise CheckpointError(f"{path}: {found}")
