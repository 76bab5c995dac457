"""Seconds of audio per second that training consumes, with and without loading the data.

python experiments/speed/throughput.py [train.py overrides], e.g. model=cnn or experiment=mel_lstm.
OMP_NUM_THREADS sets the number of threads. The first figure loads every batch, as training does;
the second repeats one batch in memory: the difference is the cost of loading. Processor seconds
count all threads, but not the loader's processes. Runs on a GPU where there is one.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator

import torch
from hydra import compose, initialize
from hydra.utils import instantiate
from omegaconf import OmegaConf

from amt.data.datamodule import Batch, PianoDataModule
from amt.device import fastest_precision, keep_freed_memory, pick_device
from amt.training.module import TranscriptionModule

STEPS = 20
WARMUP = 3


def main(overrides: list[str]) -> None:
    with initialize(version_base="1.3", config_path="../../conf"):
        config = compose("config", ["name=throughput", "output_dir=.", "logger=csv", *overrides])
    keep_freed_memory()
    plain = OmegaConf.to_container(config, resolve=True)
    module = TranscriptionModule(
        {"features": plain["features"], **plain["model"]}, loss=plain["loss"]
    ).to(pick_device())
    data: PianoDataModule = instantiate(config.data, _convert_="all")
    data.segments_per_epoch = (STEPS + WARMUP) * data.batch_size
    data.prepare_data()
    step = stepper(module, data)
    seconds = data.batch_size * data.segment_samples / module.front_end.sample_rate
    batch = next(iter(data.train_dataloader()))
    parameters = sum(p.numel() for p in module.network.parameters())
    print(f"{parameters} parameters, {module.device}, {torch.get_num_threads()} threads")
    measure("loading", iter(data.train_dataloader()), step, seconds)
    measure("in memory", itertools.repeat(batch), step, seconds)


def stepper(module: TranscriptionModule, data: PianoDataModule) -> Callable[[Batch], None]:
    """A whole training step: augmentation, spectrogram, targets, forward, backward, update."""
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3)
    device = module.device
    half = fastest_precision(device.type) == "bf16-mixed"
    generator = torch.Generator(device).manual_seed(0)

    def step(batch: Batch) -> None:
        batch = {name: values.to(device) for name, values in batch.items()}
        batch = data.compute(batch, module.front_end, generator)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss = module.loss(module(batch["spec"]), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()

    return step


def measure(
    name: str, batches: Iterator[Batch], step: Callable[[Batch], None], seconds: float
) -> None:
    for batch in itertools.islice(batches, WARMUP):
        step(batch)
    synchronize()
    wall, processor = time.perf_counter(), time.process_time()
    for batch in itertools.islice(batches, STEPS):
        step(batch)
    synchronize()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    audio = seconds * STEPS
    print(
        f"{name:10s} {audio / wall:6.1f} s of audio a second, "
        f"{audio / processor:6.1f} a processor second"
    )


def synchronize() -> None:
    """Wait for a GPU, which computes while Python goes on."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(sys.argv[1:])
