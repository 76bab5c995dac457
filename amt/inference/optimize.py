"""A trained network made quicker for use; what it computes stays the same but for rounding."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORMS = ("BatchNorm2d", "LayerNorm")


def optimize_for_inference(network: nn.Module, precision: torch.dtype) -> None:
    """Prepare a network, in evaluation mode, to run under autocast to `precision`; in place.

    Weights are rounded once instead of in every call. Norms stay in 32 bits, and with the first of
    them the input, whose quiet partials half precision would blur.
    """
    fold_norms(network)
    round_weights(network, precision)


def round_weights(network: nn.Module, precision: torch.dtype) -> None:
    """Round all weights but those of norms to `precision`; in place, also of a TorchScript."""
    for module in network.modules():
        if _name(module) not in _NORMS:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(precision)


def fold_norms(network: nn.Module) -> None:
    """Merge each batch norm that follows a convolution, or several, in a sequence into the last."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(list(pairwise(module))):
                parts, last = (first, -1) if isinstance(first, nn.Sequential) else (module, index)
                convolution = parts[last]
                if isinstance(convolution, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    parts[last] = fuse_conv_bn_eval(convolution, second)
                    module[index + 1] = nn.Identity()


def _name(module: nn.Module) -> str:
    """Of a module's class; TorchScript remembers it as the original name."""
    return getattr(module, "original_name", type(module).__name__)
