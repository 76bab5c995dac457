"""A moving average of the weights that keeps a share of the weights at the start."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor, nn


class AnchoredAverage(EMAWeightAveraging):
    """The exponential moving average of the weights, mixed with those before training.

    share: of the weights at the start in the result, 0 to 1. Weights between those before and after
    fine-tuning forget less of the old data and lose little of what was learnt (Wortsman et al.
    2022, "Robust fine-tuning of zero-shot models"). Validation and checkpoints use the mixture.
    A resumed run must start from the same weights (`init=`).
    """

    def __init__(self, decay: float, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share={share}: expected a fraction of the old weights, 0 to 1")
        super().__init__(decay=decay)
        self.decay, self.share = decay, share
        self.start: list[Tensor] = []

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            self.start = [tensor.detach().clone() for tensor in _tensors(pl_module)]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *step: Any
    ) -> None:
        before = self._latest_update_step
        super().on_train_batch_end(trainer, pl_module, *step)
        if self._latest_update_step > before:
            # The average of mixtures is the mixture of averages. The first one is no average yet.
            self._pull(pl_module, self.share * (1 - self.decay if before else 1.0))

    def _pull(self, pl_module: L.LightningModule, part: float) -> None:
        """Take `part` of the present weights out of the average, and put the old ones in."""
        assert self._average_model is not None
        averaged = _tensors(self._average_model.module)
        for average, old, new in zip(averaged, self.start, _tensors(pl_module), strict=True):
            average.data += part * (old.to(average.device) - new.detach().to(average.device))


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Parameters and buffers that can be averaged."""
    every = chain(module.parameters(), module.buffers())
    return (tensor for tensor in every if tensor.is_floating_point())
