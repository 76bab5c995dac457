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
from amt.build import build_decoder, build_model
from amt.bundled import DEFAULT, bundled_checkpoint
from amt.checkpoints import CheckpointError, names_slices, network_state, read_checkpoint
from amt.decoding import Decoder, Ends
from amt.features import FrontEnd, num_frames
from amt.hardware import fastest_precision
from amt.hmm import StateDecoder
from amt.models.inference import for_inference
from amt.models.linear import LinearKeys
from amt.models.network import Network
from amt.notes import Notes
from amt.threads import in_order

PRECISIONS = ("auto", "float32", "bfloat16")

# Seconds of audio around a window that its first and last spectrogram frames see; half of the
# longest analysis window among the front ends (16384 samples, the constant-Q's).
CONTEXT_SECONDS = 0.512

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
    """A front end, a network and a decoder that belong together.

    The modules are set to evaluation and stay on their device. `dtype` is what whole recordings are
    kept in: an hour of half precision takes 80 MB. The network runs under autocast to `precision`.
    """

    front_end: FrontEnd
    network: Network | LinearKeys
    decoder: Decoder | StateDecoder = field(default_factory=Decoder)
    windowing: Windowing = field(default_factory=Windowing)
    dtype: torch.dtype = torch.float16
    precision: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        self.front_end.eval()
        self.network.eval()

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.front_end.frame_rate

    @property
    def sample_rate(self) -> int:
        """The rate of the audio that `posteriors` and `transcribe` take."""
        return self.front_end.sample_rate

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @staticmethod
    def load(
        path: Path | str, device: str | torch.device = "cpu", precision: str = "auto"
    ) -> Transcriber:
        """The transcriber of a training checkpoint, or of weights that are shipped (.safetensors).

        precision: float32, bfloat16, or auto: bfloat16 on processors that multiply it in hardware.
        Raises CheckpointError.
        """
        path, device = Path(path), torch.device(device)
        checkpoint = read_checkpoint(path)
        if names_slices(checkpoint):
            advice = f"score it: python evaluate.py ckpt={path}"
            raise CheckpointError(f"{path}: names slices and cannot transcribe; {advice}")
        try:
            settings, state = checkpoint["hyper_parameters"], checkpoint["state_dict"]
            model, decoder = settings["model"], settings["decoder"] or {}
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path}: not a checkpoint of amt; expected one that `python train.py` wrote"
            ) from error
        front_end, network, thresholds = _assemble(path, model, decoder, state)
        chosen = pick_precision(precision, device)
        for_inference(network, chosen)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        windowing = Windowing() if device.type == "cpu" else Windowing(seconds=16.0, batch=16)
        return Transcriber(front_end.to(device), network, thresholds, windowing, precision=chosen)

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
        """Outputs of the network for samples (S,), 0..1, on the CPU: (T, 88), the pedal's (T, 1).

        T is what the front end's clock gives, at least 1. `progress` is called with the seconds of
        audio done since it was last called. Raises ValueError for audio of another shape.
        """
        if audio.ndim != 1:
            raise ValueError(f"expected samples (S,), got {audio.shape}; mix to mono first")
        frames = max(1, num_frames(len(audio), self.front_end.hop_length))
        whole = {
            name: torch.empty(frames, width, dtype=self.dtype)
            for name, width in self.network.widths.items()
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
        computed = in_order(lambda batch: self._compute(audio, batch, length), batches, workers)
        first = 0
        for batch, outputs in zip(batches, computed, strict=True):
            for row, start in enumerate(batch):
                last = frames if start + length == frames else start + length - margin
                rows = {name: values[row, first - start :] for name, values in outputs.items()}
                yield rows, first, last
                first = last

    @torch.inference_mode()
    def _compute(self, audio: np.ndarray, starts: list[int], length: int) -> dict[str, Tensor]:
        """Posteriors (B, length, 88) of the windows that begin at frames `starts`."""
        context = round(CONTEXT_SECONDS * self.frame_rate)
        cut = np.stack([self._samples(audio, s - context, length + 2 * context) for s in starts])
        spec = self.front_end(torch.from_numpy(cut).to(self.device))
        spec = spec[:, :, context : context + length].contiguous()
        half = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=half):
            logits = self.network(spec)
        return {name: value.sigmoid().to("cpu", self.dtype) for name, value in logits.items()}

    def _samples(self, audio: np.ndarray, start: int, frames: int) -> np.ndarray:
        """The samples of `frames` frames from frame `start`; zeros outside the recording."""
        hop_length = self.front_end.hop_length
        start, stop = start * hop_length, (start + frames) * hop_length
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = audio[max(start, 0) : max(stop, 0)]
        piece[max(-start, 0) : max(-start, 0) + len(inside)] = inside
        return piece


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`, or the best there is. Raises ValueError where it cannot be used."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {name} cannot be used here ({_gist(error)}); try cpu") from error


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The precision called `name`, or the fastest that a network runs well in on `device`."""
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r}: expected one of {', '.join(PRECISIONS)}")
    if name == "auto":
        fast = device.type == "cpu" and fastest_precision("cpu") == "bf16-mixed"
        name = "bfloat16" if fast else "float32"
    return getattr(torch, name)


def _assemble(
    path: Path,
    model: Mapping[str, Any],
    decoder: Mapping[str, Any],
    state: Mapping[str, Tensor],
) -> tuple[FrontEnd, Network | LinearKeys, Decoder | StateDecoder]:
    try:
        front_end, network = build_model(model)
        network.load_state_dict(network_state(state))
        thresholds = build_decoder(decoder)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: its weights or settings do not fit this version of amt ({_gist(error)})"
        ) from error
    return front_end, network.eval(), thresholds


def _gist(error: Exception, most: int = 160) -> str:
    """The beginning of an error in one line; torch's run over pages."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."
