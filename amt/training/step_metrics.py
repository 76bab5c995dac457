"""Metrics of training steps: losses, gradient norm, learning rate, speed and memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from amt.data.datamodule import PianoDataModule
from amt.io.audio import SAMPLE_RATE


class StepMetrics(L.Callback):
    """Logs, every `trainer.log_every_n_steps` steps, about the steps since the last time:

    train/loss, train/loss_HEAD   means, of this process
    train/grad_norm, train/grad_norm_max   2-norm of all gradients before clipping: mean, maximum
    train/learning_rate           of the first parameter group
    time/steps_per_second         without validation
    time/audio_per_second         seconds of audio per second, of all processes
    time/waiting                  share of the time in which this process waited for the loader
    time/memory_gb                largest memory allocated on a GPU so far

    Values stay on the device until they are logged, so that no step waits for a GPU. Lightning's
    ThroughputMonitor does not measure waiting, and needs the batch size of every batch.
    """

    def __init__(self) -> None:
        self.losses, self.norms = Means(), Means()
        self.clock = Clock()
        self.learning_rate = 0.0
        self.first_step = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.first_step = trainer.global_step

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock.go_on()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.clock.go_on()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        data = getattr(trainer, "datamodule", None)
        if isinstance(data, PianoDataModule):
            self.clock.received(data.received)

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: Optimizer
    ) -> None:
        if not trainer.loggers:
            return
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        self.norms.add({"grad_norm": torch.nn.utils.get_total_norm(gradients)})
        self.learning_rate = float(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Mapping[str, Tensor],
        batch_idx: int,
    ) -> None:
        self.clock.batch_ended(batch["audio"].numel() / SAMPLE_RATE)
        if not trainer.loggers:
            return
        self.losses.add(outputs["losses"])
        steps, every = trainer.global_step - self.first_step, trainer.log_every_n_steps  # type: ignore[attr-defined]
        # A step of several batches ends with its last one, of which there are gradients.
        if steps and self.norms.count and trainer.global_step % every == 0:
            pl_module.log_dict(self._take(trainer.world_size, steps, pl_module.device))
            self.first_step = trainer.global_step

    def _take(self, processes: int, steps: int, device: torch.device) -> dict[str, Any]:
        """All values since the last time."""
        losses, norms = self.losses.take(), self.norms.take()
        values: dict[str, Any] = {f"train/{name}": mean for name, (mean, _) in losses.items()}
        values["train/grad_norm"], values["train/grad_norm_max"] = norms["grad_norm"]
        values["train/learning_rate"] = self.learning_rate
        spent, waited, audio = self.clock.take()
        values["time/steps_per_second"] = steps / spent
        values["time/audio_per_second"] = processes * audio / spent
        values["time/waiting"] = waited / spent
        if device.type == "cuda":
            values["time/memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
        return values


class Means:
    """Means and maxima of named scalar tensors, computed on their device."""

    def __init__(self) -> None:
        self.count = 0
        self.names: tuple[str, ...] = ()
        self.sums, self.maxima = torch.zeros(0), torch.zeros(0)

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Count a value of each name; every time of the same names."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.count:
            self.sums = self.sums + stacked
            self.maxima = torch.maximum(self.maxima, stacked)
        else:
            self.names, self.sums, self.maxima = tuple(values), stacked, stacked
        self.count += 1

    def take(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The mean and the maximum of each name; counting starts anew."""
        means = self.sums / max(self.count, 1)
        self.count = 0
        return dict(zip(self.names, zip(means, self.maxima, strict=True), strict=True))


class Clock:
    """Seconds spent on batches, from the end of one to the end of the next, and on waiting."""

    def __init__(self) -> None:
        self.mark = time.perf_counter()
        self.spent = self.waited = self.audio = 0.0

    def go_on(self) -> None:
        """Leave out the time since the last batch, such as that of a validation."""
        self.mark = time.perf_counter()

    def received(self, moment: float) -> None:
        """A batch came from the loader at `moment`, a value of time.perf_counter()."""
        self.waited += max(0.0, moment - self.mark)

    def batch_ended(self, audio_seconds: float) -> None:
        """A training step on so many seconds of audio has ended."""
        now = time.perf_counter()
        self.spent, self.mark = self.spent + now - self.mark, now
        self.audio += audio_seconds

    def take(self) -> tuple[float, float, float]:
        """Seconds spent, of these waited, and seconds of audio; counting starts anew."""
        taken = (max(self.spent, 1e-9), self.waited, self.audio)
        self.spent = self.waited = self.audio = 0.0
        return taken
