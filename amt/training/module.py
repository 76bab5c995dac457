"""The LightningModule: training and validation steps, the optimiser, what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from amt.decoding.peaks import Decoder
from amt.evaluation.metrics import note_scores
from amt.models.build import build_model
from amt.notes import OFFSET, ONSET, PITCH, VELOCITY, Notes
from amt.training.losses import Loss
from amt.training.muon import Muon, hidden_weights

OPTIMIZERS = ("adamw", "muon")
SCHEDULES = ("onecycle", "cosine", "trapezoid")
VALIDATION_SCORES = ("note_f1", "note_100ms_f1", "note_offset_f1", "frame_f1")


class TranscriptionModule(L.LightningModule):
    """Trains a network; everything it is made of goes into the checkpoint as plain types.

    model: `features`, `trunk`, `temporal` for `amt.models.build.build_model`. decoder: fields of Decoder.
    loss: fields of Loss. optimizer: "adamw" or "muon". learning_rate: the peak. schedule:
    "onecycle", "cosine" or "trapezoid", over all steps of the run; warmup: the fraction of steps in
    which the rate rises; cooldown: the fraction in which a trapezoid's falls. recipe: the whole
    resolved configuration, kept for whoever wants to know or do it again.
    """

    def __init__(
        self,
        model: dict[str, Any],
        decoder: dict[str, float] | None = None,
        loss: dict[str, Any] | None = None,
        optimizer: str = "muon",
        learning_rate: float = 8e-3,
        weight_decay: float = 1e-2,
        schedule: str = "onecycle",
        warmup: float = 0.2,
        cooldown: float = 0.3,
        recipe: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule={schedule!r}: expected one of {', '.join(SCHEDULES)}")
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer={optimizer!r}: expected one of {', '.join(OPTIMIZERS)}")
        self.save_hyperparameters()
        self.front_end, network = build_model(model)
        self.network = network.to(memory_format=torch.channels_last)
        # Windows and filters never change: no need to send them round before every step.
        self._ddp_params_and_buffers_to_ignore = [
            f"front_end.{name}" for name, _ in self.front_end.named_buffers()
        ]
        self.decoder = Decoder(**(decoder or {}))
        self.loss = Loss(**(loss or {}))

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
        optimizer = self._optimizer()
        scheduler = self._scheduler(optimizer)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _optimizer(self) -> torch.optim.Optimizer:
        rate, decay = self.hparams["learning_rate"], self.hparams["weight_decay"]
        muon = self.hparams["optimizer"] == "muon"
        hidden = hidden_weights(self.network) if muon else []
        known = {id(parameter) for parameter in hidden}
        rest = [p for p in self.network.parameters() if id(p) not in known]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in rest if p.ndim > 1]},
            {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
        ]
        if muon:
            return Muon([*groups, {"params": hidden, "orthogonal": True}], rate, weight_decay=decay)
        return torch.optim.AdamW(groups, rate, weight_decay=decay)

    def _scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        steps = int(self.trainer.estimated_stepping_batches)
        rate, warmup = self.hparams["learning_rate"], self.hparams["warmup"]
        if self.hparams["schedule"] == "onecycle":
            return torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=warmup)
        rising = max(1, round(steps * warmup))
        if self.hparams["schedule"] == "trapezoid":
            falling = max(1, round(steps * self.hparams["cooldown"]))
            return torch.optim.lr_scheduler.LambdaLR(
                optimizer, lambda step: min(1.0, (step + 1) / rising, (steps - step) / falling)
            )
        rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=rising)
        fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - rising))
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, fall], [rising])


def notes_from_table(table: Tensor) -> Notes:
    """The notes of a padded table (N, 5) that begin within the segment."""
    begun = (table[:, PITCH] > 0) & (table[:, ONSET] >= 0)
    # To the CPU first: Apple's GPUs have no float64.
    column = table[begun].cpu().double().numpy().T
    velocity = column[VELOCITY].clip(1, 127)
    return Notes(column[ONSET], column[OFFSET], column[PITCH], velocity)
