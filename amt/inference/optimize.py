"""Make a trained network faster for inference; its outputs stay the same but for rounding."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORMS = ("BatchNorm2d", "LayerNorm")


def optimize_for_inference(network: nn.Module, precision: torch.dtype) -> None:
    """Prepare a network in evaluation mode to run under autocast to `precision`; in place.

    Weights are rounded once instead of in every call. Norms stay in 32 bits. So the first of them
    reads the spectrogram in 32 bits: half precision would lose its quiet partials.
    """
    fold_norms(network)
    round_weights(network, precision)


def round_weights(network: nn.Module, precision: torch.dtype) -> None:
    """Round all weights but those of norms to `precision`; in place. Works on TorchScript too."""
    for module in network.modules():
        if _class_name(module) not in _NORMS:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(precision)


def fold_norms(network: nn.Module) -> None:
    """Merge each batch norm that follows a convolution in an `nn.Sequential` into the convolution.

    The convolution may itself be a sequence (`SeparableConv2d`); then the last one of it counts.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(list(pairwise(module))):
                parts, last = (first, -1) if isinstance(first, nn.Sequential) else (module, index)
                convolution = parts[last]
                if isinstance(convolution, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    parts[last] = fuse_conv_bn_eval(convolution, second)
                    module[index + 1] = nn.Identity()


def _class_name(module: nn.Module) -> str:
    """The name of a module's class; TorchScript keeps it as `original_name`."""
    return getattr(module, "original_name", type(module).__name__)
