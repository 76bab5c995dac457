"""Recordings to notes: read audio, compute posteriors window by window, decode them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from amt.decoding.build import AnyDecoder, build_decoder
from amt.decoding.peaks import Decoder, Ends
from amt.device import pick_precision
from amt.errors import one_line
from amt.features.frontends import num_frames
from amt.features.tuning import estimate_tuning
from amt.inference.backends.exported import Backend, load_exported
from amt.inference.backends.pytorch import PosteriorModel, PyTorchModel
from amt.inference.certainty import measure_certainty
from amt.inference.embedding import FeatureStatistics
from amt.inference.note_reporter import NoteReporter, OnNotes
from amt.inference.optimize import optimize_for_inference
from amt.inference.pretrained import DEFAULT, pretrained_checkpoint
from amt.inference.retuning import UNCHANGED, Retuning, retune
from amt.inference.transcription import OnAudio, Options, Progress, Recording, Transcription
from amt.inference.velocities import adjust_velocities
from amt.inference.windows import Window, Windowing, compute_early_window, compute_windows
from amt.io.audio import MAX_PEAK, OnWarning, load, load_bytes, warn_of_file
from amt.models.build import incompatible, load_network
from amt.models.checkpoint import CheckpointError
from amt.notes import Notes

__all__ = ["OnAudio", "Options", "Progress", "Recording", "Transcriber", "Transcription"]


@dataclass(frozen=True, eq=False)
class Transcriber:
    """A model, which computes posteriors of audio, and a decoder, which turns them into notes.

    dtype: the type in which the posteriors of a whole recording are stored; in half precision they
    take 80 MB per hour. tuning: "auto" transcribes what is out of tune, runs fast or slow, or
    drifts, as if it did not; "off", as it is; a number is the frequency of A4 in Hz, which is taken
    out instead.
    """

    model: PosteriorModel
    decoder: AnyDecoder = field(default_factory=Decoder)
    windowing: Windowing = field(default_factory=Windowing)
    dtype: torch.dtype = torch.float16
    tuning: Retuning = "auto"

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.model.sample_rate / self.model.hop_length

    @property
    def sample_rate(self) -> int:
        """The sample rate that `posteriors`, `transcribe` and `run` expect of samples, in Hz."""
        return self.model.sample_rate

    @property
    def device(self) -> torch.device:
        """The device on which the model computes."""
        return self.model.device

    @staticmethod
    def load(
        path: Path | str,
        device: str | torch.device = "cpu",
        precision: str = "auto",
        backend: Backend = "auto",
    ) -> Transcriber:
        """Load a training checkpoint (.ckpt), weights (.safetensors) or a folder of `amt export`.

        precision: float32, bfloat16, or auto: bfloat16 on CPUs that multiply it in hardware.
        backend: auto, torchscript or onnx, for an exported folder only. Raises CheckpointError if
        the model cannot be used, ValueError for an unknown device, precision or backend.
        """
        path, device = Path(path), torch.device(device)
        model: PosteriorModel
        if path.is_dir():
            model, settings = load_exported(path, device, precision, backend)
        elif backend == "auto":
            model, settings = _load_pytorch(path, device, precision)
        else:
            raise ValueError(
                f"backend {backend}: only for folders that `amt export` wrote; omit it for {path}"
            )
        windowing = Windowing() if device.type == "cpu" else Windowing(seconds=16.0, batch=16)
        return Transcriber(model, _decoder(path, settings), windowing)

    @staticmethod
    def from_pretrained(
        name: str = DEFAULT, device: str | torch.device = "cpu", precision: str = "auto"
    ) -> Transcriber:
        """Load a pretrained model, by default the most accurate one. Raises CheckpointError.

        name: one of `amt.inference.pretrained.pretrained_names()`.
        """
        return Transcriber.load(pretrained_checkpoint(name), device, precision)

    def transcribe(
        self, recording: Recording, progress: Progress | None = None, ends: Ends = "sound"
    ) -> Notes:
        """The notes of a recording; `run` has more options.

        Notes end where they stop sounding; with `ends="key"` they end where their keys are released
        and contain the sustain pedal. Raises AudioError if the audio cannot be read.
        """
        return self.run(recording, Options(ends), progress).notes

    def run(
        self,
        recording: Recording,
        options: Options | None = None,
        progress: Progress | None = None,
        check: Callable[[], object] | None = None,
        on_warning: OnWarning = warn_of_file,
        on_notes: OnNotes | None = None,
        on_audio: OnAudio | None = None,
    ) -> Transcription:
        """Transcribe a recording. The Python interface, the commands and the server all use this.

        progress: called before the first window and after each. check: called after every block of
        audio read and before `progress`; an exception that it raises ends the transcription.
        on_warning: called with one line for what is wrong with the file; by default a FileWarning.
        on_notes: called after each window with the new notes, as `NoteReporter` chooses them, and
        the time before which all notes have been reported; with the last call, the duration. Before
        the last call velocities are the network's, as the whole recording's levels are unknown. The
        result is the same with and without it, and is to be preferred to the notes reported.
        on_audio: called once with the samples (S,), which it must not change, and their tuning.
        Raises AudioError if the audio cannot be read, TooLongError if it exceeds
        `options.max_seconds`.
        """
        options = options or Options()
        audio = self._samples(recording, options.max_seconds, check, on_warning)
        seconds = len(audio) / self.sample_rate
        tuning = estimate_tuning(audio, self.sample_rate)
        if on_audio:
            on_audio(audio, tuning)
        retuning = self.tuning if options.tuning is None else options.tuning
        audio, clock = retune(audio, self.sample_rate, tuning, retuning)

        def report(done: float) -> None:
            if check:
                check()
            if progress:
                progress(min(clock.time(done), seconds), seconds)

        def report_notes(notes: Notes, until: float) -> None:
            assert on_notes
            on_notes(notes.retime(clock), clock.time(until))

        report(0.0)
        decoder = self.decoder
        if options.onset_threshold is not None:
            decoder = replace(decoder, onset_threshold=options.onset_threshold)
        reporter = None
        if on_notes:
            reporter = NoteReporter(decoder, self.frame_rate, options.ends, report_notes)
        posteriors, embedding = self._compute(audio, options, report, reporter)
        notes, keyed = self._decode(decoder, posteriors, audio, options)
        if reporter:
            reporter.finish(notes, len(audio) / self.sample_rate)
        return Transcription(
            notes.retime(clock),
            seconds,
            embedding,
            measure_certainty(posteriors, self.decoder) if options.certainty else None,
            keyed.retime(clock) if keyed is not None else None,
            tuning,
            retuned=clock is not UNCHANGED,
            a4=None if isinstance(retuning, str) else retuning,
        )

    def _decode(
        self,
        decoder: AnyDecoder,
        posteriors: Mapping[str, Tensor],
        audio: np.ndarray,
        options: Options,
    ) -> tuple[Notes, Notes | None]:
        """The notes, and if asked for those with ends="key", of posteriors and what they are of."""
        notes = decoder.decode(posteriors, self.frame_rate, options.ends)
        if isinstance(decoder, Decoder):
            weight = decoder.level_weight
            notes = adjust_velocities(notes, audio, self.sample_rate, weight, self.device)
        if not options.keyed or options.ends == "key":
            return notes, notes if options.keyed else None
        keyed = decoder.decode(posteriors, self.frame_rate, "key")
        return notes, replace(keyed, velocity=notes.velocity)

    def both_ends(self, audio: np.ndarray) -> tuple[Notes, Notes]:
        """The notes of samples (S,), as `transcribe` gives them with each kind of ends."""
        found = self.run(audio, Options(keyed=True))
        assert found.keyed is not None
        return found.notes, found.keyed

    def posteriors(
        self,
        audio: np.ndarray,
        progress: Callable[[float], object] | None = None,
        threads: int | None = None,
    ) -> dict[str, Tensor]:
        """Posteriors of samples (S,), in 0..1, on the CPU: (T, 88) each, the pedal's (T, 1).

        T is the number of frames of the front end, at least 1. progress: called after each window
        with the seconds of audio done. Raises ValueError for audio of another shape.
        """
        return self._compute(audio, Options(threads=threads), progress)[0]

    def _compute(
        self,
        audio: np.ndarray,
        options: Options,
        progress: Callable[[float], object] | None = None,
        reporter: NoteReporter | None = None,
    ) -> tuple[dict[str, Tensor], np.ndarray | None]:
        """`posteriors`, and the embedding if `options` ask for it."""
        _check_mono(audio)
        frames = max(1, num_frames(len(audio), self.model.hop_length))
        posteriors = {
            name: torch.empty(frames, width, dtype=self.dtype)
            for name, width in self.model.widths.items()
        }
        width = self.model.feature_width if options.embedding else 0
        statistics = FeatureStatistics(width) if width else None
        for window in self._windows(audio, frames, options, early=reporter is not None):
            for name, values in posteriors.items():
                values[window.first : window.end] = window.outputs[name]
            if statistics and not window.early:
                statistics.add(window)
            if reporter and window.end < frames:
                reporter.add(posteriors, window)
            if progress:
                # The last frame may end after the last sample.
                progress(min(window.last / self.frame_rate, len(audio) / self.sample_rate))
        return posteriors, statistics.embedding() if statistics else None

    def _samples(
        self,
        recording: Recording,
        max_seconds: float,
        check: Callable[[], object] | None,
        on_warning: OnWarning,
    ) -> np.ndarray:
        if isinstance(recording, np.ndarray):
            _check_mono(recording)
            if not np.issubdtype(recording.dtype, np.floating):
                expected = "expected floating-point samples in -1..1"
                raise ValueError(f"samples of type {recording.dtype}: {expected}")
            reach = max(recording.max(initial=0), -recording.min(initial=0))
            if not reach <= MAX_PEAK:
                expected = "expected finite floating-point samples in -1..1"
                raise ValueError(f"samples reach {reach:.0f}: {expected}")
            return recording
        read: Callable[..., np.ndarray] = load_bytes if isinstance(recording, bytes) else load
        return read(recording, self.sample_rate, max_seconds, check, on_warning=on_warning)

    def _windows(
        self, audio: np.ndarray, frames: int, options: Options, early: bool
    ) -> Iterator[Window]:
        workers = 1
        if self.device.type == "cpu":
            workers = options.threads or self.windowing.threads or torch.get_num_threads()
        if early:
            yield from compute_early_window(self.model, audio, frames, self.windowing)
        yield from compute_windows(
            self.model, audio, frames, self.windowing, workers, options.embedding
        )


def _check_mono(audio: np.ndarray) -> None:
    if audio.ndim != 1:
        raise ValueError(f"expected samples (S,), got {audio.shape}; mix to mono first")


def _load_pytorch(
    path: Path, device: torch.device, precision: str
) -> tuple[PyTorchModel, dict[str, Any]]:
    front_end, network, settings = load_network(path)
    chosen = pick_precision(precision, device)
    optimize_for_inference(network, chosen)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PyTorchModel(front_end.to(device), network, chosen), settings


def _decoder(path: Path, settings: Mapping[str, Any]) -> AnyDecoder:
    try:
        return build_decoder(settings)
    except (TypeError, ValueError) as error:
        if path.is_dir():
            reason = f"its decoder does not fit this version of amt ({one_line(error)})"
            raise CheckpointError(f"{path}: {reason}; export the checkpoint again") from error
        raise incompatible(path, error) from error
