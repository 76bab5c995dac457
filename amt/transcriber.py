"""From a waveform to notes: whole recordings of any length, window by window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amt import audio as audio_files
from amt.build import build_checkpoint, build_decoder
from amt.bundled import DEFAULT, bundled_checkpoint
from amt.checkpoints import CheckpointError
from amt.decoding import Decoder, Ends
from amt.engines.exported import Engine, load_exported
from amt.engines.listener import Listener, Modules
from amt.features import num_frames
from amt.hardware import pick_precision
from amt.hmm import StateDecoder
from amt.models.inference import for_inference
from amt.notes import Notes
from amt.threads import in_order

Progress = Callable[[float], object]


@dataclass(frozen=True)
class Windowing:
    """How a recording is cut up; durations in seconds.

    Windows last at most `seconds` and overlap by twice `margin`; the outputs in a margin are thrown
    away, so that what is kept was computed with at least that much music on both sides. With 1.5 s
    trained networks give the notes that they give without windows. `batch` windows are computed at
    once: on a CPU more than one only takes more memory. There, `threads` batches are computed side
    by side, by default as many as torch has threads.
    """

    seconds: float = 20.0
    margin: float = 1.5
    batch: int = 1
    threads: int | None = None

    def starts(
        self, frames: int, frame_rate: float, workers: int = 1
    ) -> tuple[list[int], int, int]:
        """First frames of the windows over `frames` frames, their length and margin in frames.

        All windows are equally long; the last is moved back to end with the recording. There are as
        many for each of `workers`, unless margins would then be the greater part of them.
        """
        longest = min(frames, max(1, round(self.seconds * frame_rate)))
        margin = min(round(self.margin * frame_rate), (longest - 1) // 2)
        inner = frames - 2 * margin
        count = math.ceil(inner / (longest - 2 * margin))
        shared = math.ceil(count / workers) * workers
        count = max(count, min(shared, inner // max(2 * margin, 1)))
        step = math.ceil(inner / count)
        return [*range(0, inner - step, step), inner - step], step + 2 * margin, margin


@dataclass(frozen=True, eq=False)
class Transcriber:
    """A listener, which hears posteriors in audio, and a decoder, which reads notes in them.

    `dtype` is what whole recordings are kept in: an hour of half precision takes 80 MB.
    """

    listener: Listener
    decoder: Decoder | StateDecoder = field(default_factory=Decoder)
    windowing: Windowing = field(default_factory=Windowing)
    dtype: torch.dtype = torch.float16

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.listener.sample_rate / self.listener.hop_length

    @property
    def sample_rate(self) -> int:
        """The rate of the audio that `posteriors` and `transcribe` take."""
        return self.listener.sample_rate

    @property
    def device(self) -> torch.device:
        """Where the listener computes."""
        return self.listener.device

    @staticmethod
    def load(
        path: Path | str,
        device: str | torch.device = "cpu",
        precision: str = "auto",
        engine: Engine = "auto",
    ) -> Transcriber:
        """The transcriber of a training checkpoint, of weights that are shipped (.safetensors), or
        of a folder that `amt export` wrote.

        precision: float32, bfloat16, or auto: bfloat16 on processors that multiply it in hardware.
        engine: of a folder's programs, which computes. Raises CheckpointError, ValueError.
        """
        path, device = Path(path), torch.device(device)
        listener: Listener
        if path.is_dir():
            listener, settings = load_exported(path, device, precision, engine)
            decoder = _decoder_of(path, settings)
        elif engine == "auto":
            listener, decoder = _load_checkpoint(path, device, precision)
        else:
            raise ValueError(f"engine {engine}: only folders of `amt export` have it; leave it out")
        windowing = Windowing() if device.type == "cpu" else Windowing(seconds=16.0, batch=16)
        return Transcriber(listener, decoder, windowing)

    @staticmethod
    def bundled(
        name: str = DEFAULT, device: str | torch.device = "cpu", precision: str = "auto"
    ) -> Transcriber:
        """The model called `name` that comes with the package. Raises CheckpointError."""
        return Transcriber.load(bundled_checkpoint(name), device, precision)

    def transcribe(
        self,
        recording: np.ndarray | Path | str,
        progress: Progress | None = None,
        ends: Ends = "sound",
    ) -> Notes:
        """The notes of a recording: samples (S,) at `sample_rate`, or an audio file.

        They end where they stop sounding or, with `ends="key"`, where their keys come up, and the
        movements of the sustain pedal come with them. Raises AudioError where the file cannot be
        decoded.
        """
        if not isinstance(recording, np.ndarray):
            recording = audio_files.load(recording, self.sample_rate)
        posteriors = self.posteriors(recording, progress)
        del recording  # An hour of audio takes 230 MB; decoding can use them.
        return self.decoder.decode(posteriors, self.frame_rate, ends)

    def posteriors(self, audio: np.ndarray, progress: Progress | None = None) -> dict[str, Tensor]:
        """Outputs of the listener for samples (S,), 0..1, on the CPU: (T, 88), the pedal's (T, 1).

        T is what the front end's clock gives, at least 1. `progress` is called with the seconds of
        audio done since it was last called. Raises ValueError for audio of another shape.
        """
        if audio.ndim != 1:
            raise ValueError(f"expected samples (S,), got {audio.shape}; mix to mono first")
        frames = max(1, num_frames(len(audio), self.listener.hop_length))
        whole = {
            name: torch.empty(frames, width, dtype=self.dtype)
            for name, width in self.listener.widths.items()
        }
        done = 0
        for window, first, last in self._windows(audio, frames):
            for name, values in window.items():
                whole[name][first:last] = values[: last - first]
            if progress:
                progress((last - done) / self.frame_rate)
            done = last
        return whole

    def _windows(
        self, audio: np.ndarray, frames: int
    ) -> Iterator[tuple[dict[str, Tensor], int, int]]:
        """Posteriors of each window without its margins, and the frames [first, last) they are."""
        on_cpu = self.device.type == "cpu"
        workers = self.windowing.threads or torch.get_num_threads() if on_cpu else 1
        starts, length, margin = self.windowing.starts(frames, self.frame_rate, workers)
        size = self.windowing.batch
        batches = [starts[index : index + size] for index in range(0, len(starts), size)]
        computed = in_order(lambda batch: self.listener(audio, batch, length), batches, workers)
        first = 0
        for batch, outputs in zip(batches, computed, strict=True):
            for row, start in enumerate(batch):
                last = frames if start + length == frames else start + length - margin
                rows = {name: values[row, first - start :] for name, values in outputs.items()}
                yield rows, first, last
                first = last


def _decoder_of(folder: Path, settings: Mapping[str, Any]) -> Decoder | StateDecoder:
    try:
        return build_decoder(settings)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder}: its decoder does not fit this version of amt ({error})"
        ) from error


def _load_checkpoint(
    path: Path, device: torch.device, precision: str
) -> tuple[Modules, Decoder | StateDecoder]:
    front_end, network, decoder = build_checkpoint(path)
    chosen = pick_precision(precision, device)
    for_inference(network, chosen)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Modules(front_end.to(device), network, chosen), decoder
