"""Divide a recording into windows, and compute the posteriors of each, in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from amt.inference.backends.pytorch import PosteriorModel
from amt.inference.parallel import map_batches, one_thread_of_torch

# The early window on a CPU: its notes are there after a fraction of the time that the first full
# window takes, and with two threads it adds less than a tenth to the time for a recording of at
# least the minimum. Half of the usual margin is enough for notes that the next window corrects.
EARLY_SECONDS = 3.0
EARLY_MARGIN = 0.75
EARLY_MIN_RECORDING = 50.0


@dataclass(frozen=True)
class Windowing:
    """How a recording is divided into windows; durations in seconds.

    Windows last at most `seconds` and overlap by twice `margin`. Posteriors in a margin are
    discarded, so that every frame kept has at least that much context on both sides. With 1.5 s the
    trained networks give the same notes as for the recording as a whole. `batch`: windows in one
    batch; more than one does not help on a CPU. `threads`: batches computed in parallel on a CPU,
    by default as many as torch has threads. Where memory runs out, both are halved.
    """

    seconds: float = 20.0
    margin: float = 1.5
    batch: int = 1
    threads: int | None = None

    def starts(
        self, frames: int, frame_rate: float, workers: int = 1
    ) -> tuple[list[int], int, int]:
        """First frame of each window of `frames` frames, and length and margin of all in frames.

        All windows have the same length; the last one is moved back to end with the recording.
        Their number is a multiple of `workers`, unless margins would take up most of each window.
        """
        longest = min(frames, max(1, round(self.seconds * frame_rate)))
        margin = min(round(self.margin * frame_rate), (longest - 1) // 2)
        inner = frames - 2 * margin
        count = math.ceil(inner / (longest - 2 * margin))
        multiple = math.ceil(count / workers) * workers
        count = max(count, min(multiple, inner // max(2 * margin, 1)))
        step = math.ceil(inner / count)
        return [*range(0, inner - step, step), inner - step], step + 2 * margin, margin


@dataclass(frozen=True, eq=False)
class Window:
    """What a model computed for the frames [first, end) of a recording.

    outputs: (end - first, columns) each. The frames [last, end) are its right margin: the next
    window computes them again, with more context. early: an extra window at the beginning, all of
    which later windows compute again.
    """

    outputs: Mapping[str, Tensor]
    first: int
    last: int
    end: int
    early: bool = False


def compute_windows(
    model: PosteriorModel,
    audio: np.ndarray,
    frames: int,
    windowing: Windowing,
    workers: int,
    features: bool = False,
) -> Iterator[Window]:
    """The windows of a recording of `frames` frames; each begins where the last one's margin does.

    workers: batches computed in parallel. features: also compute the model's features (`FEATURES`).
    """
    frame_rate = model.sample_rate / model.hop_length
    starts, length, margin = windowing.starts(frames, frame_rate, workers)
    computed = map_batches(
        lambda batch: model(audio, batch, length, features), starts, windowing.batch, workers
    )
    first = 0
    for batch, outputs in computed:
        for row, start in enumerate(batch):
            end = start + length
            last = frames if end == frames else end - margin
            rows = {name: values[row, first - start :] for name, values in outputs.items()}
            yield Window(rows, first, last, end)
            first = last


def compute_early_window(
    model: PosteriorModel, audio: np.ndarray, frames: int, windowing: Windowing
) -> Iterator[Window]:
    """A short window at the beginning, if the recording is long and the device slow; else nothing.

    Later windows compute all of it again, so that it makes no difference to the result.
    """
    frame_rate = model.sample_rate / model.hop_length
    slow = model.device.type == "cpu" and windowing.seconds >= 2 * EARLY_SECONDS
    if not slow or frames < EARLY_MIN_RECORDING * frame_rate:
        return
    length, margin = round(EARLY_SECONDS * frame_rate), round(EARLY_MARGIN * frame_rate)
    # Torch's own threads would wait for each other after every operation of so short a window.
    with one_thread_of_torch():
        computed = list(map_batches(lambda batch: model(audio, batch, length), [0], 1, 1))
    for _, outputs in computed:
        rows = {name: values[0] for name, values in outputs.items()}
        yield Window(rows, 0, length - margin, length, early=True)
