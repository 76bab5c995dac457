"""Enlarge a trained network without changing its output, to train it further.

python experiments/weights/grow.py CKPT OUT.ckpt --blocks 5 --n-ffts 4096 1024 8192

New blocks of the harmonic trunk follow the old ones and start as the identity: their convolutions
start at zero, and their batch norm is calibrated to change nothing. Weights for new resolutions of
the spectrogram start at zero. Then train with init=OUT.ckpt, model.trunk.blocks=5 and
features.n_ffts=[4096,1024,8192].
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from amt.data.sources.synthetic import Synthetic
from amt.io.audio import SAMPLE_RATE
from amt.models.build import build_model, load_network
from amt.models.checkpoint import CheckpointError, read_checkpoint
from amt.models.network import Network
from amt.models.trunk import HarmonicBlock, HarmonicTrunk
from amt.training.finish import save_checkpoint

# Number and seconds of the synthetic pieces on which the new batch norms are calibrated.
PIECES, SECONDS = 8, 20.0


def main(source: Path, target: Path, blocks: int | None, n_ffts: list[int] | None) -> None:
    checkpoint = read_checkpoint(source)
    settings = dict(checkpoint["hyper_parameters"])
    old_front_end, old, _ = load_network(source)
    if not isinstance(old, Network) or not isinstance(old.trunk, HarmonicTrunk):
        raise CheckpointError(f"{source}: expected a network with a harmonic trunk")
    model = copy.deepcopy(settings["model"])
    model["trunk"]["blocks"] = _at_least(source, "blocks", len(old.trunk.blocks), blocks)
    if n_ffts:
        before = list(model["features"].get("n_ffts", []))
        if not before or n_ffts[: len(before)] != before:
            raise CheckpointError(f"{source}: its n_ffts are {before}; give these first, then more")
        model["features"]["n_ffts"] = n_ffts
    front_end, new = build_model(model)
    assert isinstance(new, Network) and isinstance(new.trunk, HarmonicTrunk)
    audio = torch.stack([torch.from_numpy(piece) for piece in _pieces()])
    _copy_weights(new, old.state_dict())
    with torch.no_grad():
        for block in list(new.trunk.blocks)[len(old.trunk.blocks) :]:
            _zero_convolutions(block)
        _calibrate(new.trunk, front_end(audio), len(old.trunk.blocks))
        difference = _difference(old(old_front_end(audio)), new.eval()(front_end(audio)))
    state = {f"network.{name}": value for name, value in new.state_dict().items()}
    save_checkpoint(target, {"state_dict": state, "hyper_parameters": settings | {"model": model}})
    print(f"{target}: posteriors differ from those of {source} by at most {difference:.4f}")


def _at_least(source: Path, name: str, before: int, after: int | None) -> int:
    if after is not None and after < before:
        raise CheckpointError(f"{source}: has {before} {name}; give {before} or more, not {after}")
    return after or before


def _pieces() -> list[Any]:
    pieces = Synthetic(train=PIECES, validation=0, test=0, seconds=SECONDS, seed=5).pieces()
    return [piece.load().audio[: round(SECONDS * SAMPLE_RATE)] for piece in pieces]


def _copy_weights(new: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy the old weights; the weights of new input channels become zero."""
    own = new.state_dict()
    for name, value in state.items():
        if own[name].shape == value.shape:
            own[name].copy_(value)
        elif value.ndim == 1:
            own[name][: len(value)] = value
        else:
            own[name].zero_()
            own[name][:, : value.shape[1]] = value


def _zero_convolutions(block: HarmonicBlock) -> None:
    """Make the residual parts of a block zero, so that it passes its input on."""
    for parameter in block.harmonics.parameters():
        parameter.zero_()
    last = block.local.body[-1]
    assert isinstance(last, nn.BatchNorm2d)
    last.weight.zero_()
    last.bias.zero_()


def _calibrate(trunk: HarmonicTrunk, spec: Tensor, first: int) -> None:
    """Set scale and shift of the batch norms from block `first` on so that they change nothing."""
    trunk.eval()
    keys = trunk.key_features(spec)
    for index, block in enumerate(trunk.blocks):
        if index >= first:
            norm = block.norm
            norm.running_mean.copy_(keys.mean(dim=(0, 2, 3)))
            norm.running_var.copy_(keys.var(dim=(0, 2, 3)))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(norm.running_mean)
        keys = block(keys)


def _difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name].sigmoid() - other[name].sigmoid()).abs().max()) for name in one)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--n-ffts", type=int, nargs="+")
    try:
        main(**vars(parser.parse_args()))
    except (CheckpointError, OSError) as error:
        sys.exit(f"grow.py: {error}")
