"""Muon: orthogonalised momentum steps for weight matrices, AdamW for all other parameters.

torch.optim.Muon takes two-dimensional parameters only; convolution kernels have four dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# The quintic Newton-Schulz iteration that brings all singular values near 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# Steps of Muon are scaled to the typical root mean square of AdamW's (Liu et al. 2025), so that one
# learning rate suits both.
UPDATE_RMS = 0.2
MOMENTUM = 0.95
# A matrix with fewer rows is the last layer of a head: its few outputs must not be mixed.
FEWEST_ROWS = 8


class Muon(torch.optim.AdamW):
    """AdamW, except for parameter groups with `orthogonal=True`, which take Muon's step.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks": Nesterov momentum
    whose singular values are all brought near 1, so that directions with small gradients are
    learned as well. A parameter (O, ...) counts as the matrix (O, product of the rest); those of
    one shape are computed together.

    params: as for AdamW. Of groups with named parameters, the hidden weights (`is_hidden`) are
    moved into a group of their own with `orthogonal=True`.
    """

    def __init__(self, params: Iterable[Any], lr: float = 8e-3, weight_decay: float = 1e-2) -> None:
        super().__init__(_with_hidden_apart(params), lr, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters once, after calling `closure`, if given, for the gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("orthogonal"):
                self._step_orthogonal(group)
        super().step()  # For the parameters that still have a gradient.
        return loss

    def _step_orthogonal(self, group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[Tensor]] = {}
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike.setdefault(parameter.shape, []).append(parameter)
        for shape, parameters in alike.items():
            moved = [self._momentum(parameter).reshape(shape[0], -1) for parameter in parameters]
            steps = orthogonalize(torch.stack(moved))
            size = group["lr"] * UPDATE_RMS * max(steps.shape[1:]) ** 0.5
            for parameter, step in zip(parameters, steps, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(step.reshape(shape), alpha=size)
                parameter.grad = None

    def _momentum(self, parameter: Tensor) -> Tensor:
        """Nesterov momentum: the running mean of gradients, one step ahead."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
            state["step"] = torch.zeros(())  # AdamW expects it when a state is loaded.
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(state["momentum"], MOMENTUM)


def orthogonalize(matrices: Tensor) -> Tensor:
    """Matrices (N, R, C) with the same singular vectors, their singular values near 1."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def is_hidden(name: str, parameter: Tensor) -> bool:
    """Whether Muon updates it: a weight between hidden layers, no head, embedding, bias or norm."""
    return "weight" in name and parameter.ndim > 1 and len(parameter) >= FEWEST_ROWS


def _with_hidden_apart(params: Iterable[Any]) -> list[Any]:
    """Parameter groups in which the hidden weights of named groups form the last group."""
    groups = list(params)
    hidden: list[tuple[str, Tensor]] = []
    for index, group in enumerate(groups):
        if isinstance(group, dict) and "orthogonal" not in group:
            members = list(group["params"])
            named = [m for m in members if isinstance(m, tuple) and is_hidden(*m)]
            hidden += named
            names = {name for name, _ in named}
            rest = [m for m in members if not (isinstance(m, tuple) and m[0] in names)]
            groups[index] = {**group, "params": rest}
    if hidden:
        groups.append({"params": hidden, "orthogonal": True})
    # torch refuses an empty group beside groups with names.
    return [group for group in groups if not isinstance(group, dict) or group["params"]]
