"""Muon: steps along the orthogonalize momentum of weight matrices, and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

# The quintic Newton-Schulz iteration that brings all singular values near 1 (Jordan et al. 2024).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# The root mean square of an update of AdamW, which steps of Muon are scaled to (Liu et al. 2025),
# so that one learning rate suits both.
UPDATE_RMS = 0.2
MOMENTUM = 0.95
# A matrix with fewer rows is a head's, whose directions are few and each mean something.
FEWEST_ROWS = 8


class Muon(torch.optim.AdamW):
    """AdamW, but for groups with `orthogonal=True`, whose parameters take Muon's step instead.

    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks": Nesterov momentum
    whose singular values are all brought near 1, so that directions that gradients hardly speak of
    are learned as well. A parameter (O, ...) counts as the matrix (O, product of the rest); those
    of one shape are computed at once.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Compute gradients by `closure`, if any, and move all parameters once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("orthogonal"):
                self._step_orthogonal(group)
        super().step()  # Of what still has a gradient.
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
        """Nesterov's: the mean of gradients so far, looked at a step ahead."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
            state["step"] = torch.zeros(())  # AdamW looks for it where a state is loaded.
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


def hidden_weights(network: nn.Module) -> list[nn.Parameter]:
    """Weights between hidden layers, which Muon is for: no heads, embeddings, biases or norms."""
    return [
        parameter
        for name, parameter in network.named_parameters()
        if "weight" in name and parameter.ndim > 1 and len(parameter) >= FEWEST_ROWS
    ]
