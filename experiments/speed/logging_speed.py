"""Training steps per second with everything logged against none of it.

python experiments/speed/logging_speed.py [--repetitions 5] [train.py overrides], e.g. trainer=gpu

Trainings of a few steps take turns, without and with loggers (W&B offline, metrics.csv) and
`StepMetrics`; the median of the ratios of neighbours is the result. Processor seconds do not depend
on what else runs; those of wandb's own process do not count. Pictures and audio are sent at
validations, which are left out. OMP_NUM_THREADS sets the number of threads.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from statistics import median
from typing import Any

import lightning as L
import torch
from hydra import compose, initialize
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from amt.device import fastest_precision, keep_freed_memory, pick_device
from amt.training.module import TranscriptionModule
from amt.training.step_metrics import StepMetrics
from amt.training.tracking import csv_logger, finish, wandb_logger

STEPS, WARMUP = 60, 10


class Stopwatch(L.Callback):
    """Wall and processor seconds of the steps after the first WARMUP."""

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
        if trainer.global_step in (WARMUP, STEPS):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            now = (time.perf_counter(), time.process_time())
            if trainer.global_step == WARMUP:
                self.begin = now
            else:
                self.seconds = [end - begin for begin, end in zip(self.begin, now, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    options, overrides = parser.parse_known_args()
    warnings.simplefilter("ignore")
    os.environ["WANDB_MODE"] = "offline"
    with initialize(version_base="1.3", config_path="../../conf"):
        config = compose("config", ["name=speed", "output_dir=.", "logger=csv", *overrides])
    keep_freed_memory()
    pairs = [
        [steps_a_second(config, logged) for logged in (False, True)]
        for _ in range(options.repetitions)
    ]
    for index, clock in enumerate(("by the clock", "a processor second")):
        without, with_all = ([pair[logged][index] for pair in pairs] for logged in (0, 1))
        ratio = median(b / a for a, b in zip(without, with_all, strict=True))
        print(
            f"{clock:18s} {median(without):6.2f} steps without logging, {median(with_all):6.2f} "
            f"with; ratio {ratio:.3f}"
        )


def steps_a_second(config: DictConfig, logged: bool) -> tuple[float, float]:
    """Training steps per second by the clock, and per processor second."""
    plain = OmegaConf.to_container(config, resolve=True)
    module = TranscriptionModule(
        {"features": plain["features"], **plain["model"]}, loss=plain["loss"]
    )
    data = instantiate(config.data, _convert_="all")
    data.segments_per_epoch = STEPS * data.batch_size
    watch, device = Stopwatch(), pick_device()
    with tempfile.TemporaryDirectory() as folder:
        loggers = [csv_logger(folder), wandb_logger(folder, "speed", "speed")] if logged else []
        trainer = L.Trainer(
            accelerator=device.type, devices=1, max_steps=STEPS, limit_val_batches=0,
            precision=fastest_precision(device.type), gradient_clip_val=1.0, logger=loggers,
            log_every_n_steps=10,
            callbacks=[watch, *([StepMetrics()] if logged else [])], enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, use_distributed_sampler=False,
        )  # fmt: skip
        trainer.fit(module, datamodule=data)
        finish(trainer.loggers)
    wall, processor = watch.seconds
    return (STEPS - WARMUP) / wall, (STEPS - WARMUP) / processor


if __name__ == "__main__":
    main()
