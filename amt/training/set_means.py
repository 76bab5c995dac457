"""Means of validation scores over the pieces of all sets, and of each set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor


class SetMeans:
    """Sums of scores by set, from which means over pieces follow.

    sets: their names. Lightning's own means would need the same keys, in the same order, on all
    ranks, while a rank may see no piece of a set.
    """

    def __init__(self, sets: Sequence[str]) -> None:
        self.sets = list(sets)
        self.names: list[str] = []
        self.sums = torch.zeros(len(self.sets), 0, dtype=torch.float64)
        self.counts = torch.zeros(len(self.sets), 1, dtype=torch.float64)

    def add(self, number: int, scores: Mapping[str, float]) -> None:
        """Count a piece of set `number`; every piece has the same names of scores."""
        if not self.names:
            self.names = list(scores)
            self.sums = self.sums.new_zeros(len(self.sets), len(scores))
        self.sums[number] += self.sums.new_tensor([scores[name] for name in self.names])
        self.counts[number] += 1

    def means(self, add_ranks: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """NAME: the mean over all pieces; SET/NAME: over those of a set, if several have pieces.

        add_ranks: the sum of a tensor over all ranks, of which each has seen a piece.
        """
        table = add_ranks(torch.cat([self.sums, self.counts], dim=1)).cpu()
        seen = [number for number, count in enumerate(table[:, -1].tolist()) if count]
        found = dict(self._named("", table.sum(dim=0)))
        for number in seen if len(seen) > 1 else []:
            found |= self._named(f"{self.sets[number]}/", table[number])
        return found

    def _named(self, prefix: str, row: Tensor) -> dict[str, float]:
        """The means by name of sums and their count, the last value."""
        *sums, count = row.tolist()
        return {
            f"{prefix}{name}": total / max(count, 1.0)
            for name, total in zip(self.names, sums, strict=True)
        }
