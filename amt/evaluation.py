"""Final scores: whole pieces against the original note times; and the thresholds that suit best."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np
from torch import Tensor
from tqdm import tqdm

from amt.audio import SAMPLE_RATE
from amt.decoding import Decoder
from amt.metrics import OFFSET_RATIO, note_f1, note_scores
from amt.notes import Notes

Example = tuple[Mapping[str, Tensor], Notes]

ONSET_GRID = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
END_GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
STEPS = (0.1, 0.05, 0.02, 0.01)
INTERVALS = (0.03, 0.05, 0.07)
NO_OFFSET_PEAKS = 1.1


class Transcribes(Protocol):
    """What goes from a waveform to notes."""

    def transcribe(self, audio: np.ndarray) -> Notes: ...

    def posteriors(self, audio: np.ndarray) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of pieces.

    rows: one a piece, in order: its name, the `seconds` of audio, the seconds that transcribing
    `took`, and its scores as `amt.metrics.note_scores` names them.
    """

    rows: list[dict[str, float | str]]

    @property
    def means(self) -> dict[str, float]:
        """Each score averaged by piece, a short piece counting as much as a long one.

        A score that only some pieces have (the pedal's) is averaged over these.
        """
        names = dict.fromkeys(name for row in self.rows for name in row)
        numbers = [name for name in names if name not in ("name", "seconds", "took")]
        return {
            name: float(np.mean([float(row[name]) for row in self.rows if name in row]))
            for name in numbers
        }

    @property
    def speed(self) -> float:
        """Seconds of audio transcribed in a second."""
        seconds, took = (sum(float(row[key]) for row in self.rows) for key in ("seconds", "took"))
        return seconds / took if took else 0.0


def evaluate(
    transcriber: Transcribes,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    first_seconds: float | None = None,
) -> Evaluation:
    """Transcribe and score each recording: its name, audio (S,) at 16 kHz, and reference notes.

    With `first_seconds` only the beginning of each is transcribed and scored. The reference counts
    as it is given: whether the sustain pedal lengthens its notes is the caller's choice.
    """
    bar = tqdm(recordings, desc="evaluate", unit="piece")
    rows = []
    for name, audio, reference in bar:
        audio, reference = _beginning(audio, reference, first_seconds)
        rows.append(_score_piece(transcriber, name, audio, reference))
        bar.set_postfix(note_f1=f"{np.mean([float(row['note_f1']) for row in rows]):.3f}")
    return Evaluation(rows)


def _beginning(
    audio: np.ndarray, reference: Notes, seconds: float | None
) -> tuple[np.ndarray, Notes]:
    """The first `seconds` of audio and reference; both as they are without a number."""
    if seconds is None:
        return audio, reference
    return audio[: round(seconds * SAMPLE_RATE)], reference.crop(0.0, seconds)


def _score_piece(
    transcriber: Transcribes, name: str, audio: np.ndarray, reference: Notes
) -> dict[str, float | str]:
    begin = time.perf_counter()
    estimate = transcriber.transcribe(audio)
    took = time.perf_counter() - begin
    seconds = len(audio) / SAMPLE_RATE
    scores = note_scores(reference, estimate)
    return {"name": name, "seconds": seconds, "took": took, **scores}


def tuning_examples(
    transcriber: Transcribes,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    first_seconds: float | None = None,
) -> list[Example]:
    """What `tune` needs of each recording: its posteriors, on the CPU, and its reference."""
    found: list[Example] = []
    for _, audio, reference in tqdm(recordings, desc="posteriors", unit="piece"):
        audio, reference = _beginning(audio, reference, first_seconds)
        posteriors = transcriber.posteriors(audio)
        found.append(({name: values.cpu() for name, values in posteriors.items()}, reference))
    return found


def tune(examples: Sequence[Example], decoder: Decoder, frame_rate: float) -> Decoder:
    """`decoder` with the thresholds that suit `examples`, pairs of posteriors and reference, best.

    In two stages, each on a mean by piece: what decides about onsets on note_f1, then the two ways
    in which a note ends on note_offset_f1. Final scores must come from other pieces.
    """
    if not examples:
        raise ValueError("no examples to tune the decoder on; give at least one validation piece")
    with tqdm(desc="tune", unit="trial") as bar:
        onsets = _Search(examples, frame_rate, None, bar)
        decoder = onsets.best([replace(decoder, onset_threshold=value) for value in ONSET_GRID])
        for step in STEPS[1:]:
            decoder = onsets.around(decoder, "onset_threshold", step)
        decoder = onsets.best([replace(decoder, min_interval=value) for value in INTERVALS])
        ends = _Search(examples, frame_rate, OFFSET_RATIO, bar)
        decoder = ends.best(
            [
                replace(decoder, frame_threshold=frame, offset_threshold=offset)
                for frame, offset in product(END_GRID, (*END_GRID, NO_OFFSET_PEAKS))
            ]
        )
        for step in STEPS:
            for name in ("frame_threshold", "offset_threshold"):
                decoder = ends.around(decoder, name, step)
    return decoder


@dataclass(frozen=True)
class _Search:
    """Looks for the decoder with the best mean F1; with offsets where there is a ratio."""

    examples: Sequence[Example]
    frame_rate: float
    offset_ratio: float | None
    bar: tqdm

    def best(self, candidates: Sequence[Decoder]) -> Decoder:
        """The best of `candidates`; of several equally good ones the middle, as the safest."""
        scores = np.array([self._score(candidate) for candidate in candidates])
        winners = np.flatnonzero(scores == scores.max())
        self.bar.set_postfix(f1=f"{scores.max():.4f}")
        return candidates[winners[len(winners) // 2]]

    def around(self, decoder: Decoder, name: str, step: float) -> Decoder:
        """The best of `decoder` and the two whose threshold `name` is one step lower or higher."""
        value = getattr(decoder, name)
        steps = (max(round(value + change, 4), 0.01) for change in (-step, 0, step))
        return self.best([replace(decoder, **{name: changed}) for changed in steps])

    def _score(self, decoder: Decoder) -> float:
        self.bar.update()
        return float(
            np.mean(
                [
                    note_f1(
                        reference, decoder.decode(posteriors, self.frame_rate), self.offset_ratio
                    )
                    for posteriors, reference in self.examples
                ]
            )
        )
