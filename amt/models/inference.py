"""A trained network made quicker for use; what it computes stays the same but for rounding."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_NORMS = (nn.BatchNorm2d, nn.LayerNorm)


def for_inference(network: nn.Module, precision: torch.dtype) -> None:
    """Prepare a network, in evaluation mode, to run under autocast to `precision`; in place.

    Weights are rounded once instead of in every call. Norms stay in 32 bits, and with the first of
    them the input, whose quiet partials half precision would blur.
    """
    _fold_norms(network)
    for module in network.modules():
        if not isinstance(module, _NORMS):
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.to(precision)


def _fold_norms(network: nn.Module) -> None:
    """Merge each batch norm that follows a convolution in a sequence into that convolution."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential):
            for index, (first, second) in enumerate(list(pairwise(module))):
                if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(first, second)
                    module[index + 1] = nn.Identity()
