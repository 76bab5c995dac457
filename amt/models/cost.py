"""The cost of a network: parameters, and multiply-adds per second of audio.

Counted by hooks because torch's FlopCounterMode does not count LSTMs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from amt.features.frontends import FrontEnd
from amt.models.network import Network
from amt.models.temporal import TransformerBlock


@dataclass(frozen=True)
class Cost:
    """parameters: number of trained values. multiply_adds: per second of audio."""

    parameters: int
    multiply_adds: float

    def __str__(self) -> str:
        return (
            f"{self.parameters:,} parameters, "
            f"{self.multiply_adds / 1e6:.0f} million multiply-adds per second of audio"
        )


def network_cost(front_end: FrontEnd, network: Network, seconds: float = 5.12) -> Cost:
    """The cost of a network, counted while it computes a window of `seconds`.

    Convolutions, linear layers, LSTMs and attention count; sums, norms and the front end do not.
    Only the cost of attention per second depends on the window: it grows in proportion.
    """
    total = [0]
    hooks = [
        module.register_forward_hook(partial(_add_cost, total))
        for module in network.modules()
        if isinstance(module, tuple(_COUNTS))
    ]
    shape = front_end.shape
    frames = round(seconds * front_end.frame_rate)
    spec = torch.zeros(1, shape.channels, frames, shape.num_bins)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        network(spec.to(next(network.parameters()).device))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, total[0] / (frames / front_end.frame_rate))


def _add_cost(total: list[int], module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
    """A forward hook that adds the multiply-adds of one module to `total`."""
    count = next(count for kind, count in _COUNTS.items() if isinstance(module, kind))
    total[0] += count(module, inputs[0], output)


def _convolution(module: nn.Conv1d | nn.Conv2d, _: Tensor, output: Tensor) -> int:
    return output.numel() * module.weight[0].numel()


def _linear(module: nn.Linear, _: Tensor, output: Tensor) -> int:
    return output.numel() * module.in_features


def _lstm(module: nn.LSTM, sequences: Tensor, _: Any) -> int:
    """In every time step each layer multiplies its input and its state by its weight matrices."""
    steps = sequences.shape[0] * sequences.shape[1]
    return steps * sum(weight.numel() for weight in module.parameters() if weight.ndim == 2)


def _attention(_: TransformerBlock, sequences: Tensor, __: Tensor) -> int:
    """Queries times keys, weights times values; the projections count as linear layers."""
    count, frames, dim = sequences.shape
    return 2 * count * frames * frames * dim


_COUNTS: dict[type, Any] = {
    nn.Conv2d: _convolution,
    nn.Conv1d: _convolution,
    nn.Linear: _linear,
    nn.LSTM: _lstm,
    TransformerBlock: _attention,
}
