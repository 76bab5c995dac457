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
from amt.training.set_means import SetMeans

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
        # `amt.training.tracking.begin` logs them.
        self.save_hyperparameters(ignore=["optimizer", "schedule"], logger=False)
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

    def on_train_start(self) -> None:
        """Check that all processes begin at one step; give each its own random numbers (dropout).

        Raises MisconfigurationException.
        """
        if self.trainer.world_size == 1:
            return
        strategy = self.trainer.strategy
        first = strategy.broadcast(self.global_step)
        if not strategy.reduce_boolean_decision(self.global_step == first):
            raise MisconfigurationException(
                f"the first process goes on after {first} steps, another one does not, since it "
                "finds no such checkpoint; expected the folder of the run on a disk that all nodes "
                "share, or upload=gs://BUCKET/models/NAME/VERSION"
            )
        torch.manual_seed(torch.initial_seed() + self.global_rank)

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Any]:
        """The loss, and `losses` by name for `amt.training.step_metrics`."""
        parts = self.loss(self(batch["spec"]), batch)
        self.log("train/loss", parts["total"], prog_bar=True, logger=False)
        return {"loss": parts["total"], "losses": named_losses(parts)}

    def on_validation_epoch_start(self) -> None:
        self.scores = SetMeans(self._sets())

    def validation_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> dict[str, Any]:
        logits = self(batch["spec"])
        losses = named_losses(self.loss(logits, batch))
        values = {name: float(loss) for name, loss in losses.items()}
        estimates = [self._decode(logits, index) for index in range(len(batch["spec"]))]
        ends = batch["length"] / self.front_end.sample_rate
        pieces = zip(batch["set"].tolist(), batch["notes"], ends.tolist(), estimates, strict=True)
        for number, table, end, estimate in pieces:
            scores = note_scores(notes_from_table(table).crop(0.0, end), estimate)
            self.scores.add(number, values | {name: scores[name] for name in VALIDATION_SCORES})
        return {"estimates": estimates, "onset": logits["onset"]}

    def on_validation_epoch_end(self) -> None:
        """Log the means over all pieces of all ranks."""
        for name, mean in self.scores.means(self._add_ranks).items():
            self.log(f"val/{name}", mean, prog_bar=name == "note_f1", sync_dist=True)

    def _sets(self) -> list[str]:
        """The names of the sets that batches of validation give by number."""
        data = getattr(self.trainer, "datamodule", None)
        return list(data.sources) if data is not None else [""]

    def _add_ranks(self, values: Tensor) -> Tensor:
        if self.trainer.world_size == 1:
            return values
        return self.trainer.strategy.reduce(values.to(self.device), reduce_op="sum")

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


def named_losses(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parts of the loss as metrics: `loss`, and `loss_HEAD` of every output."""
    names = {name: "loss" if name == "total" else f"loss_{name}" for name in parts}
    return {names[name]: part.detach() for name, part in parts.items()}


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
