"""From a waveform to notes: whole recordings of any length, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amt import audio as audio_files
from amt.build import build_model
from amt.decoding import Decoder, Ends
from amt.features import FrontEnd, num_frames
from amt.models.network import Network
from amt.notes import Notes

WEIGHTS = Path(__file__).with_name("weights")
NETWORK_PREFIX = "network."
_EXPECTED = "expected a checkpoint that `python train.py` wrote"

# Seconds of audio around a window that its first and last spectrogram frames see; half of the
# longest analysis window among the front ends (16384 samples, the constant-Q's).
CONTEXT_SECONDS = 0.512

Progress = Callable[[float], object]


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one line that names it."""


@dataclass(frozen=True)
class Windowing:
    """How a recording is cut up; durations in seconds.

    Windows overlap by twice `margin`, and the outputs in a margin are thrown away, so that what is
    kept was computed with at least that much music on both sides. With 1.5 s trained networks give
    the notes that they give without windows. `batch` windows are computed at once: on a CPU more
    than one only takes more memory.
    """

    seconds: float = 16.0
    margin: float = 1.5
    batch: int = 1

    def starts(self, frames: int, frame_rate: float) -> tuple[list[int], int, int]:
        """First frames of the windows over `frames` frames, their length and margin in frames.

        All windows are equally long; the last is moved back to end with the recording.
        """
        length = min(frames, max(1, round(self.seconds * frame_rate)))
        margin = min(round(self.margin * frame_rate), (length - 1) // 2)
        last = frames - length
        starts = [*range(0, last, length - 2 * margin), last]
        return starts, length, margin


@dataclass(frozen=True, eq=False)
class Transcriber:
    """A front end, a network and a decoder that belong together.

    The modules are set to evaluation and stay on their device. `dtype` is what whole recordings are
    kept in: an hour of half precision takes 80 MB.
    """

    front_end: FrontEnd
    network: Network
    decoder: Decoder = field(default_factory=Decoder)
    windowing: Windowing = field(default_factory=Windowing)
    dtype: torch.dtype = torch.float16

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
    def load(path: Path | str, device: str | torch.device = "cpu") -> Transcriber:
        """The transcriber of a training checkpoint. Raises CheckpointError."""
        path = Path(path)
        checkpoint = read_checkpoint(path)
        try:
            settings, state = checkpoint["hyper_parameters"], checkpoint["state_dict"]
            model, decoder = settings["model"], settings["decoder"] or {}
        except (KeyError, TypeError) as error:
            raise CheckpointError(f"{path}: not a checkpoint of amt; {_EXPECTED}") from error
        return _assemble(path, model, decoder, state, device)

    def transcribe(
        self,
        recording: np.ndarray | Path | str,
        progress: Progress | None = None,
        ends: Ends = "sound",
    ) -> Notes:
        """The notes of a recording: samples (S,) at `sample_rate`, or an audio file.

        They end where they stop sounding or, with `ends="key"`, where their keys come up; the
        movements of the sustain pedal come with them if the network hears it. Raises AudioError
        where the file cannot be decoded.
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
        starts, length, margin = self.windowing.starts(frames, self.frame_rate)
        first = 0
        for index in range(0, len(starts), self.windowing.batch):
            batch = starts[index : index + self.windowing.batch]
            outputs = self._compute(audio, batch, length)
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
        logits = self.network(spec[:, :, context : context + length].contiguous())
        return {name: value.sigmoid().to("cpu", self.dtype) for name, value in logits.items()}

    def _samples(self, audio: np.ndarray, start: int, frames: int) -> np.ndarray:
        """The samples of `frames` frames from frame `start`; zeros outside the recording."""
        hop_length = self.front_end.hop_length
        start, stop = start * hop_length, (start + frames) * hop_length
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = audio[max(start, 0) : max(stop, 0)]
        piece[max(-start, 0) : max(-start, 0) + len(inside)] = inside
        return piece


def bundled_checkpoint() -> Path:
    """The weights that come with the package. Raises CheckpointError where none do."""
    found = sorted(WEIGHTS.glob("*.ckpt"))
    if not found:
        raise CheckpointError(
            "no trained weights come with this version; train some with "
            "`python train.py model=lstm` and pass them as --ckpt PATH"
        )
    return found[0]


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`, or the best there is. Raises ValueError where it cannot be used."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {name} cannot be used here ({_gist(error)}); try cpu") from error


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """The contents of a checkpoint file: tensors and plain types, nothing that runs.

    Raises CheckpointError where there is no such file or it holds anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # The unpickler stumbles over foreign bytes in any way there is.
        # Torch's own text advises to load without weights_only: to run whatever the file holds.
        expected = f"not a whole file of tensors and plain values; {_EXPECTED}"
        raise CheckpointError(f"{path}: {expected}") from error
    return checkpoint if isinstance(checkpoint, dict) else {}


def _assemble(
    path: Path,
    model: Mapping[str, Any],
    decoder: Mapping[str, Any],
    state: Mapping[str, Tensor],
    device: str | torch.device,
) -> Transcriber:
    try:
        front_end, network = build_model(model)
        weights = {
            name.removeprefix(NETWORK_PREFIX): tensor
            for name, tensor in state.items()
            if name.startswith(NETWORK_PREFIX)
        }
        network.load_state_dict(weights)
        thresholds = Decoder(**decoder)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: its weights or settings do not fit this version of amt ({_gist(error)})"
        ) from error
    network.to(memory_format=torch.channels_last)
    windowing = Windowing() if torch.device(device).type == "cpu" else Windowing(batch=16)
    return Transcriber(front_end.to(device), network.to(device), thresholds, windowing)


def _gist(error: Exception, most: int = 160) -> str:
    """The beginning of an error in one line; torch's run over pages."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."
