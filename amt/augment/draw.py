"""Random numbers for a batch, one row an example, all from one generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draw:
    """Draws (B, columns) on a device; `generator` None is torch's own."""

    generator: torch.Generator | None
    batch: int
    device: torch.device
    dtype: torch.dtype

    @staticmethod
    def like(values: Tensor, generator: torch.Generator | None) -> Draw:
        """For the examples of `values` (B, ...), on its device."""
        return Draw(generator, len(values), values.device, values.dtype)

    def uniform(self, *columns: int) -> Tensor:
        return torch.rand(self.batch, *columns, **self._options())

    def normal(self, *columns: int) -> Tensor:
        return torch.randn(self.batch, *columns, **self._options())

    def between(self, low: float, high: float, columns: int = 1) -> Tensor:
        return low + (high - low) * self.uniform(columns)

    def ratio(self, low: float, high: float, columns: int = 1) -> Tensor:
        """Between two positive numbers, every octave as likely as any other."""
        return self.between(math.log(low), math.log(high), columns).exp()

    def integers(self, low: int, high: int) -> Tensor:
        """Whole numbers (B, 1) from low to high, both included."""
        return (low + (high - low + 1) * self.uniform(1)).floor().clamp(max=high).long()

    def chance(self, probability: float) -> Tensor:
        """Which examples (B,) a probability strikes."""
        return self.uniform(1)[:, 0] < probability

    def apply(
        self, chosen: Tensor, values: Tensor, effect: Callable[[Tensor, Draw], Tensor]
    ) -> Tensor:
        """`effect` on the `chosen` (B,) rows of `values`, computed for these alone."""
        rows = chosen.nonzero()[:, 0]
        if not len(rows):
            return values
        changed = effect(values[rows], replace(self, batch=len(rows)))
        return values.index_copy(0, rows, changed)

    def sometimes(
        self, probability: float, values: Tensor, effect: Callable[[Tensor, Draw], Tensor]
    ) -> Tensor:
        """`effect` on the rows of `values` that a probability strikes."""
        return self.apply(self.chance(probability), values, effect)

    def _options(self) -> dict:
        return {"generator": self.generator, "device": self.device, "dtype": self.dtype}
