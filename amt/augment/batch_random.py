"""Random numbers and random choices for a batch, one row an example, from one generator.

torch.distributions takes no generator, which a resumed run needs in order to draw the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class BatchRandom:
    """Draws tensors (B, ...) on a device; `generator` None is torch's global generator."""

    generator: torch.Generator | None
    batch_size: int
    device: torch.device
    dtype: torch.dtype

    @staticmethod
    def for_batch(values: Tensor, generator: torch.Generator | None) -> BatchRandom:
        """With the batch size, device and dtype of `values` (B, ...)."""
        return BatchRandom(generator, len(values), values.device, values.dtype)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers (B, *shape)."""
        return torch.randn(self.batch_size, *shape, **self._options())

    def uniform(self, low: float, high: float, columns: int = 1) -> Tensor:
        """Numbers (B, columns) uniform in [low, high)."""
        return low + (high - low) * torch.rand(self.batch_size, columns, **self._options())

    def log_uniform(self, low: float, high: float, columns: int = 1) -> Tensor:
        """Positive numbers (B, columns) between `low` and `high` whose logarithm is uniform."""
        return self.uniform(math.log(low), math.log(high), columns).exp()

    def integers(self, low: int, high: int) -> Tensor:
        """Integers (B, 1) from `low` to `high`, both included."""
        # torch.randint would draw other numbers and so change every seeded run.
        return (low + (high - low + 1) * self.uniform(0, 1)).floor().clamp(max=high).long()

    def bernoulli(self, probability: float) -> Tensor:
        """Mask (B,), true with `probability` for each example."""
        return self.uniform(0, 1)[:, 0] < probability

    def apply_where(
        self, mask: Tensor, values: Tensor, effect: Callable[[Tensor, BatchRandom], Tensor]
    ) -> Tensor:
        """`values` (B, ...) with `effect` applied to the rows where `mask` (B,) is true.

        The effect is computed for these rows only; the others stay bit-identical.
        """
        rows = mask.nonzero()[:, 0]
        if not len(rows):
            return values
        changed = effect(values[rows], replace(self, batch_size=len(rows)))
        return values.index_copy(0, rows, changed)

    def apply_with_probability(
        self, probability: float, values: Tensor, effect: Callable[[Tensor, BatchRandom], Tensor]
    ) -> Tensor:
        """`values` with `effect` applied to each row with `probability`."""
        return self.apply_where(self.bernoulli(probability), values, effect)

    def _options(self) -> dict:
        return {"generator": self.generator, "device": self.device, "dtype": self.dtype}
