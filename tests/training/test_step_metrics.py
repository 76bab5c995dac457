"""What is logged about training steps: means over them, gradients before clipping, speed."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

from amt.data.datamodule import PianoDataModule
from amt.training import step_metrics
from amt.training.module import TranscriptionModule
from amt.training.step_metrics import Clock, Means, StepMetrics

STEPS, EVERY = 4, 2


def test_means_and_maxima_start_anew_when_they_are_taken() -> None:
    means = Means()
    for value in (1.0, 5.0, 3.0):
        means.add({"loss": torch.tensor(value), "other": torch.tensor(-value)})
    taken = {name: (float(mean), float(most)) for name, (mean, most) in means.take().items()}
    assert taken == {"loss": (3.0, 5.0), "other": (-3.0, -1.0)}
    means.add({"loss": torch.tensor(7.0)})
    assert [float(value) for value in means.take()["loss"]] == [7.0, 7.0]


def test_the_clock_leaves_out_validation_and_counts_waiting(monkeypatch) -> None:
    times = iter([0.0, 10.0, 14.0, 50.0, 53.0])
    monkeypatch.setattr(step_metrics.time, "perf_counter", lambda: next(times))
    clock = Clock()
    clock.go_on()  # At 10.
    clock.received(11.0)
    clock.batch_ended(5.0)  # At 14.
    clock.go_on()  # At 50.
    clock.received(52.0)
    clock.batch_ended(5.0)  # At 53.
    assert clock.take() == (7.0, 3.0, 10.0)


class Watch(L.Callback):
    """Keeps the loss and the norm of the gradients of every step."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[float] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        gradients = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        self.norms.append(float(torch.cat(gradients).norm()))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.losses.append(float(outputs["loss"]))


def fit(
    folder: Path, source, cache: Path, model: dict, logger: bool = True
) -> tuple[Watch, list[dict]]:
    data = PianoDataModule(
        {"synthetic": source}, str(cache), batch_size=2, segment_seconds=1.024,
        segments_per_epoch=2 * STEPS, validation_seconds=1.0, loader_workers=0, prepare_workers=1,
    )  # fmt: skip
    watch = Watch()
    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, gradient_clip_val=1e-3, log_every_n_steps=EVERY,
        logger=CSVLogger(folder, "", "") if logger else False, callbacks=[StepMetrics(), watch],
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
        use_distributed_sampler=False, num_sanity_val_steps=0, default_root_dir=folder,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(TranscriptionModule(model), datamodule=data)
    path = folder / "metrics.csv"
    rows = list(csv.DictReader(path.open())) if path.is_file() else []
    return watch, [row for row in rows if row["train/loss"]]


def test_a_training_logs_one_row_for_every_few_steps(
    tiny_source, tiny_cache, small_model, tmp_path
) -> None:
    watch, rows = fit(tmp_path, tiny_source, tiny_cache, small_model)
    assert [int(row["step"]) for row in rows] == [1, 3]
    for row, first in zip(rows, (0, 2), strict=True):
        losses, norms = watch.losses[first : first + EVERY], watch.norms[first : first + EVERY]
        assert float(row["train/loss"]) == pytest.approx(sum(losses) / EVERY, rel=1e-4)
        assert float(row["train/grad_norm"]) == pytest.approx(sum(norms) / EVERY, rel=1e-4)
        assert float(row["train/grad_norm_max"]) == pytest.approx(max(norms), rel=1e-4)
        assert float(row["train/loss_onset"]) > 0 and float(row["train/learning_rate"]) > 0
        steps, audio = (
            float(row[f"time/{name}"]) for name in ("steps_per_second", "audio_per_second")
        )
        assert audio == pytest.approx(steps * 2 * 1.024, rel=1e-3)
        assert 0 < float(row["time/waiting"]) < 1


def test_without_a_logger_nothing_is_computed(
    tiny_source, tiny_cache, small_model, tmp_path
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Means, "add", fail)
        watch, rows = fit(tmp_path, tiny_source, tiny_cache, small_model, logger=False)
    assert len(watch.losses) == STEPS and rows == []
