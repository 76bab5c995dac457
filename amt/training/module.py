"""The LightningModule: training and validation steps, optimiser and schedule, hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from amt.decoding.peaks import Decoder
from amt.errors import one_line
from amt.evaluation.metrics import note_scores
from amt.models.build import build_model
from amt.notes import OFFSET, ONSET, PITCH, VELOCITY, Notes
from amt.training.losses import Loss
from amt.training.muon import Muon
from amt.training.schedules import onecycle

VALIDATION_SCORES = ("note_f1", "note_100ms_f1", "note_offset_f1", "frame_f1")


class TranscriptionModule(L.LightningModule):
    """Trains a network.

    model: `features`, `trunk`, `temporal` for `amt.models.build.build_model`. decoder: fields of
    Decoder. loss: fields of Loss. recipe: the whole resolved configuration. These are plain types
    and become `hyper_parameters` of the checkpoint.

    optimizer: makes an optimiser from parameter groups (`parameter_groups`), e.g. torch.optim.AdamW
    or a partial of it. schedule: makes a learning-rate scheduler from an optimiser and
    `total_steps`, e.g. one of `amt.training.schedules`; it is stepped after every training step.
    Both are callables, which a checkpoint must not hold: a resumed run passes them again.
    """

    def __init__(
        self,
        model: dict[str, Any],
        decoder: dict[str, float] | None = None,
        loss: dict[str, Any] | None = None,
        optimizer: Callable[[list[dict[str, Any]]], Optimizer] = Muon,
        schedule: Callable[..., LRScheduler] = onecycle,
        recipe: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["optimizer", "schedule"])
        self.front_end, network = build_model(model)
        self.network = network.to(memory_format=torch.channels_last)
        # Windows and filters never change: DDP need not broadcast them before every step.
        self._ddp_params_and_buffers_to_ignore = [
            f"front_end.{name}" for name, _ in self.front_end.named_buffers()
        ]
        self.decoder = Decoder(**(decoder or {}))
        self.loss = Loss(**(loss or {}))
        self.make_optimizer = optimizer
        self.make_schedule = schedule

    def forward(self, spec: Tensor) -> dict[str, Tensor]:
        """Logits (B, T, 88) of every output for spec (B, C, T, F)."""
        return self.network(spec)

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        parts = self.loss(self(batch["spec"]), batch)
        self.log_dict({f"train/{name}": part for name, part in parts.items()})
        self.log("train/loss", parts["total"], prog_bar=True, logger=False)
        return parts["total"]

    def validation_step(
        self, batch: Mapping[str, Tensor], batch_idx: int
    ) -> dict[str, list[Notes]]:
        logits = self(batch["spec"])
        self._log_validation({"loss": self.loss(logits, batch)["total"]})
        estimates = [self._decode(logits, index) for index in range(len(batch["spec"]))]
        ends = batch["length"] / self.front_end.sample_rate
        for table, end, estimate in zip(batch["notes"], ends.tolist(), estimates, strict=True):
            scores = note_scores(notes_from_table(table).crop(0.0, end), estimate)
            self._log_validation({name: scores[name] for name in VALIDATION_SCORES})
        return {"estimates": estimates}

    def _log_validation(self, values: Mapping[str, Any]) -> None:
        """Means over all pieces of all ranks.

        Lightning divides the count of pieces by the number of ranks and drops the remainder; a
        weight of `world_size` a piece leaves none.
        """
        for name, value in values.items():
            self.log(
                f"val/{name}",
                value,
                batch_size=self.trainer.world_size,
                prog_bar=name == "note_f1",
                sync_dist=True,
            )

    def _decode(self, logits: Mapping[str, Tensor], index: int) -> Notes:
        posteriors = {name: torch.sigmoid(logits[name][index].float()) for name in logits}
        return self.decoder.decode(posteriors, self.front_end.frame_rate)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        steps = self.trainer.estimated_stepping_batches  # Infinite if max_epochs is -1.
        if math.isfinite(steps):
            steps = int(steps)
        try:
            optimizer = self.make_optimizer(parameter_groups(self.network))
            scheduler = self.make_schedule(optimizer, total_steps=steps)
        except (TypeError, ValueError) as error:
            raise MisconfigurationException(f"optimizer or schedule: {one_line(error)}") from error
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Two groups of named parameters: matrices, and vectors (biases, norms), which do not decay."""
    named = list(network.named_parameters())
    return [
        {"params": [(name, p) for name, p in named if p.ndim > 1]},
        {"params": [(name, p) for name, p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]


def notes_from_table(table: Tensor) -> Notes:
    """The notes of a padded table (N, 5) whose onset lies in the segment."""
    inside = (table[:, PITCH] > 0) & (table[:, ONSET] >= 0)
    # To the CPU first: Apple's GPUs have no float64.
    column = table[inside].cpu().double().numpy().T
    velocity = column[VELOCITY].clip(1, 127)
    return Notes(column[ONSET], column[OFFSET], column[PITCH], velocity)
