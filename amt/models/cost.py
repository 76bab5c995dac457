"""What a network costs: parameters, and multiply-adds a second of audio."""

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
    """parameters: trained numbers. multiply_adds: of the network for one second of audio."""

    parameters: int
    multiply_adds: float

    def __str__(self) -> str:
        return (
            f"{self.parameters:,} parameters, "
            f"{self.multiply_adds / 1e6:.0f} million multiply-adds a second of audio"
        )


def measure(front_end: FrontEnd, network: Network, seconds: float = 5.12) -> Cost:
    """Count, while the network sees a window of `seconds`.

    Convolutions, linear layers, LSTMs and attention count; sums, norms and the front end do not.
    Attention grows with the window; the rest does not depend on it.
    """
    counted = [0]
    hooks = [
        module.register_forward_hook(partial(_add, counted))
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
    return Cost(parameters, counted[0] / (frames / front_end.frame_rate))


def _add(counted: list[int], module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
    count = next(count for kind, count in _COUNTS.items() if isinstance(module, kind))
    counted[0] += count(module, inputs[0], output)


def _convolution(module: nn.Conv1d | nn.Conv2d, _: Tensor, output: Tensor) -> int:
    return output.numel() * module.weight[0].numel()


def _linear(module: nn.Linear, _: Tensor, output: Tensor) -> int:
    return output.numel() * module.in_features


def _lstm(module: nn.LSTM, sequences: Tensor, _: Any) -> int:
    """Every step multiplies its input and its state with each layer's weight matrices."""
    steps = sequences.shape[0] * sequences.shape[1]
    return steps * sum(weight.numel() for weight in module.parameters() if weight.ndim == 2)


def _attention(_: TransformerBlock, sequences: Tensor, __: Tensor) -> int:
    """Queries with keys, weights with values; the projections are linear layers of their own."""
    count, frames, dim = sequences.shape
    return 2 * count * frames * frames * dim


_COUNTS: dict[type, Any] = {
    nn.Conv2d: _convolution,
    nn.Conv1d: _convolution,
    nn.Linear: _linear,
    nn.LSTM: _lstm,
    TransformerBlock: _attention,
}
