"""Files that hold a model: the checkpoints of training, and the small files that are shipped.

Neither can run anything: tensors and plain values only. Torch is imported where tensors are read,
so that who only asks what there is does not wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.io.atomic import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS_SUFFIX = ".safetensors"
# What tells of the programs in an exported folder.
DESCRIPTION = "model.json"
# The version of what stands in a shipped file's metadata, below the one key that it has there.
FORMAT = 2
_KEY = "amt"
# What the network's tensors are called by, before their own names.
NETWORK_PREFIX = "network."

# What to do with a checkpoint of another version.
MIGRATE = (
    "convert an older one by `python experiments/weights/migrate.py OLD NEW.safetensors`, or "
    "install the version of amt that wrote it"
)
_EXPECTED = "expected a checkpoint that `python train.py` wrote, or weights that amt brings"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one line that names it."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """`state_dict` and `hyper_parameters` (`model`, `decoder`), with whatever else training keeps.

    Raises CheckpointError where there is no such file or it holds anything else.
    """
    _check_file(path)
    return _read_weights(path) if path.suffix == WEIGHTS_SUFFIX else _read_training(path)


def network_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's own tensors among those of a `state_dict`."""
    return {
        name.removeprefix(NETWORK_PREFIX): tensor
        for name, tensor in state.items()
        if name.startswith(NETWORK_PREFIX)
    }


def with_network_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors as they are named in a `state_dict`: `network_state` takes them back."""
    return {f"{NETWORK_PREFIX}{name}": tensor for name, tensor in state.items()}


def is_slice_classifier(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint names slices of recordings, and so cannot transcribe them."""
    found: Any = checkpoint
    for key in ("hyper_parameters", "model", "slices"):
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True


def read_settings(path: Path) -> dict[str, Any]:
    """What a shipped file says of itself: name, licence, model, decoder. Raises CheckpointError."""
    from safetensors import SafetensorError, safe_open

    _check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
        settings = json.loads(metadata[_KEY])
        version = settings["format"]
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file; {_EXPECTED}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a model of amt; {_EXPECTED}") from error
    if version != FORMAT:
        raise CheckpointError(f"{path}: has format {version}, expected {FORMAT}; {MIGRATE}")
    return settings


def write_weights(path: Path, checkpoint: Mapping[str, Any], name: str, licence: str) -> None:
    """The weights and settings of a checkpoint, in half precision where that costs nothing."""
    from safetensors.torch import save

    kept = {key: checkpoint["hyper_parameters"][key] for key in ("model", "decoder")}
    settings = {"format": FORMAT, "name": name, "licence": licence, **kept}
    state = {key: _to_half(tensor) for key, tensor in checkpoint["state_dict"].items()}
    with atomic_write(path) as temporary:
        temporary.write_bytes(save(state, {_KEY: json.dumps(settings, sort_keys=True)}))


def _to_half(tensor: Tensor) -> Tensor:
    """Weights as 16-bit floats; biases and the statistics of norms, all vectors, as they are."""
    tensor = tensor.contiguous()
    half = tensor.half()
    return (
        half if tensor.is_floating_point() and tensor.ndim > 1 and half.isfinite().all() else tensor
    )


def _read_weights(path: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    settings = read_settings(path)
    state = load_file(path)
    wide = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    return {"state_dict": wide, "hyper_parameters": settings}


def _read_training(path: Path) -> dict[str, Any]:
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # The unpickler stumbles over foreign bytes in any way there is.
        # Torch's own text advises to load without weights_only: to run whatever the file holds.
        expected = f"not a whole file of tensors and plain values; {_EXPECTED}"
        raise CheckpointError(f"{path}: {expected}") from error
    return checkpoint if isinstance(checkpoint, dict) else {}


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
