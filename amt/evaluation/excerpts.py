"""Excerpts of pieces to look at and listen to: pictures, and recording against estimate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from amt.evaluation.evaluate import TranscriberLike
from amt.evaluation.metrics import match
from amt.evaluation.plots import comparison_figure, save_figure
from amt.io.audio import SAMPLE_RATE, save
from amt.notes import Notes
from amt.synth import piano

SECONDS = 10.0
# What `Excerpt.sounds` gives, in the order in which one listens.
SOUNDS = ("recording", "estimate", "reference", "both")


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Seconds `start` to `stop` of a piece.

    spec: log spectrogram (F, T) and posteriors: of onsets (88, T), of these seconds. audio: (S,) at
    SAMPLE_RATE. reference, estimate: notes at their times in the piece.
    """

    start: float
    stop: float
    spec: np.ndarray
    posteriors: np.ndarray
    audio: np.ndarray
    reference: Notes
    estimate: Notes

    def figure(self) -> Figure:
        """Spectrogram, onset posteriors, reference and estimate below each other."""
        return comparison_figure(
            self.spec, self.reference, self.estimate, self.start, self.stop, self.posteriors
        )

    def sounds(self) -> dict[str, np.ndarray]:
        """Audio (S,) by the names of SOUNDS; notes are played on the built-in piano.

        both: (S, 2), the recording on the left and the estimate on the right.
        """
        estimate = self._played(self.estimate)
        both = np.stack([self.audio, estimate], axis=1)
        reference = self._played(self.reference)
        return dict(zip(SOUNDS, (self.audio, estimate, reference, both), strict=True))

    def _played(self, notes: Notes) -> np.ndarray:
        """These seconds of notes, as loud as the recording."""
        inside = notes.crop(self.start, self.stop).shift(-self.start)
        seconds = self.stop - self.start
        played = piano.render(inside, piano.Instrument(), np.random.default_rng(0), seconds)
        return _as_loud(played, self.audio)


def worst_excerpt(
    transcriber: TranscriberLike, front_end: nn.Module, audio: np.ndarray, reference: Notes
) -> Excerpt:
    """The SECONDS of a piece, audio (S,), with the most missed and added notes.

    front_end: of the transcriber's network, audio (B, S) to spectrograms (B, C, T, F).
    """
    estimate, _ = transcriber.both_ends(audio)
    start, stop = worst_span(reference, estimate, len(audio) / SAMPLE_RATE)
    samples = audio[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]
    posteriors = transcriber.posteriors(samples)
    device = next((buffer.device for buffer in front_end.buffers()), torch.device("cpu"))
    with torch.inference_mode():
        spec = front_end(torch.from_numpy(samples)[None].to(device))[0, 0]
    return Excerpt(
        start,
        stop,
        spec.float().T.cpu().numpy(),
        posteriors["onset"].float().T.cpu().numpy(),
        samples,
        reference,
        estimate,
    )


def worst_span(
    reference: Notes, estimate: Notes, end: float, seconds: float = SECONDS
) -> tuple[float, float]:
    """The `seconds` before `end` with the most missed and added notes, as start and stop."""
    if end <= seconds:
        return 0.0, end
    found = match(reference, estimate)
    missed = np.delete(reference.onset, found[:, 0])
    added = np.delete(estimate.onset, found[:, 1])
    onsets = np.sort(np.concatenate([missed, added]))
    if not len(onsets):
        return 0.0, seconds
    counts = np.searchsorted(onsets, onsets + seconds) - np.arange(len(onsets))
    start = min(max(0.0, float(onsets[counts.argmax()]) - 0.5), end - seconds)
    return start, start + seconds


def write_excerpt(folder: Path, name: str, excerpt: Excerpt) -> None:
    """Write FOLDER/NAME.png and, for each of SOUNDS, NAME_SOUND.mp3."""
    save_figure(excerpt.figure(), folder / f"{name}.png")
    for sound, samples in excerpt.sounds().items():
        save(folder / f"{name}_{sound}.mp3", samples)


def _as_loud(audio: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """Audio of the same length as the recording, scaled to its RMS level without clipping."""
    audio = np.pad(audio[: len(recording)], (0, max(0, len(recording) - len(audio))))
    level, wanted = (float(np.sqrt(np.mean(x**2))) if len(x) else 0.0 for x in (audio, recording))
    peak = float(np.abs(audio).max(initial=0.0))
    return (audio * (min(wanted / level, 0.99 / peak) if level else 1.0)).astype(np.float32)
