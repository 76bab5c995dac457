"""Pictures and audio of validation pieces during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor

from amt.evaluation.excerpts import SECONDS, SOUNDS, Excerpt
from amt.training.media import log_excerpt
from amt.training.module import TranscriptionModule, notes_from_table


class ValidationPlots(L.Callback):
    """Sends pictures and audio of the first validation pieces to W&B and TensorBoard."""

    def __init__(self, pieces: int = 2, seconds: float = SECONDS) -> None:
        self.pieces = pieces
        self.seconds = seconds
        self.heard: set[int] = set()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        assert isinstance(pl_module, TranscriptionModule)
        if not trainer.is_global_zero or batch_idx >= self.pieces or trainer.sanity_checking:
            return
        excerpt = self._excerpt(pl_module, outputs, batch)
        # Recording and reference stay the same.
        names = ("estimate", "both") if batch_idx in self.heard else SOUNDS
        self.heard.add(batch_idx)
        log_excerpt(trainer.loggers, f"piece_{batch_idx}", excerpt, trainer.global_step, names)

    def _excerpt(
        self, module: TranscriptionModule, outputs: Any, batch: Mapping[str, Tensor]
    ) -> Excerpt:
        """The beginning of the first piece of a batch."""
        samples = min(round(self.seconds * module.front_end.sample_rate), int(batch["length"][0]))
        seconds = samples / module.front_end.sample_rate
        frames = round(seconds * module.front_end.frame_rate)
        onset = torch.sigmoid(outputs["onset"][0, :frames].float())
        return Excerpt(
            0.0,
            seconds,
            batch["spec"][0, 0, :frames].float().T.cpu().numpy(),
            onset.T.cpu().numpy(),
            batch["audio"][0, :samples].float().cpu().numpy(),
            notes_from_table(batch["notes"][0]).crop(0.0, seconds),
            outputs["estimates"][0].crop(0.0, seconds),
        )
