"""Evaluate a transcriber: scores of whole pieces against the original note times."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from torch import Tensor
from tqdm import tqdm

from amt.decoding.build import AnyDecoder
from amt.errors import FileWarning
from amt.evaluation.details import Details
from amt.evaluation.metrics import note_scores, pedal_scores, release_scores
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes, has_sustain
from amt.notes import extend_sustain as extend

# Name, set, times and scores of a piece.
Row = dict[str, float | str]


class TranscriberLike(Protocol):
    """The part of `amt.inference.transcriber.Transcriber` that `evaluate` uses."""

    @property
    def decoder(self) -> AnyDecoder: ...

    @property
    def frame_rate(self) -> float: ...

    def posteriors(self, audio: np.ndarray) -> dict[str, Tensor]: ...

    def both_ends(self, audio: np.ndarray) -> tuple[Notes, Notes]: ...


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of pieces.

    rows: one per piece: `name`, `seconds` (of audio), `took` (seconds of computing), and the scores
    with their names in `amt.evaluation.metrics`; `set`, `piano`: where they are known. remarks:
    text to print below a table of the rows. details: of all pieces together.
    """

    rows: list[Row]
    remarks: str = ""
    details: Details = field(default_factory=Details)

    @property
    def means(self) -> dict[str, float]:
        """Each score averaged over pieces, whatever their length.

        A score that only some pieces have (such as pedal_f1) is averaged over these.
        """
        return _means(self.rows)

    @property
    def group_means(self) -> dict[str, dict[str, float]]:
        """The means of each set and, as SET/PIANO, of each piano; where there are several."""
        groups: dict[str, list[Row]] = {}
        for kind in (("set",), ("set", "piano")):
            found: dict[str, list[Row]] = {}
            for row in self.rows:
                if all(key in row for key in kind):
                    found.setdefault("/".join(str(row[key]) for key in kind), []).append(row)
            groups |= found if len(found) > 1 else {}
        return {name: _means(rows) for name, rows in groups.items()}

    @property
    def speed(self) -> float:
        """Seconds of audio per second of computing."""
        seconds, took = (sum(float(row[key]) for row in self.rows) for key in ("seconds", "took"))
        return seconds / took if took else 0.0


def _means(rows: Iterable[Row]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if name not in ("seconds", "took") and not isinstance(value, str):
                values.setdefault(name, []).append(value)
    return {name: float(np.mean(found)) for name, found in values.items()}


def of_sets(parts: Mapping[str, Evaluation]) -> Evaluation:
    """The evaluations of several sets, by name, as one."""
    rows = [{"name": row["name"], "set": name, **row} for name in parts for row in parts[name].rows]
    details = sum((part.details for part in parts.values()), Details())
    return Evaluation(rows, details=details)


def evaluate(
    transcriber: TranscriberLike,
    recordings: Iterable[tuple[str, np.ndarray, Notes]],
    first_seconds: float | None = None,
    extend_sustain: bool = True,
    label: str = "evaluate",
) -> Evaluation:
    """Transcribe and score each recording: its name, audio (S,) at 16 kHz, and reference notes.

    Reference notes end where their keys are released. With `extend_sustain` they are first
    lengthened to the release of the sustain pedal, as usual for MAESTRO and MAPS; `note_release_*`
    scores them as they are, if the reference contains the pedal. first_seconds: transcribe and
    score only the beginning of each recording. A recording without reference notes has no scores
    (mir_eval would give 0 for silence, right as it is): it is left out, with a FileWarning. label:
    of the progress bar.
    """
    bar = tqdm(recordings, desc=label, unit="piece")
    rows, details = [], Details()
    for name, audio, reference in bar:
        if first_seconds is not None:
            audio = audio[: round(first_seconds * SAMPLE_RATE)]
        pair = References.of(reference, first_seconds, extend_sustain)
        if not len(pair.sound):
            seconds = f"{len(audio) / SAMPLE_RATE:g} s"
            text = f"{name}: not scored, no reference notes in its first {seconds}"
            warnings.warn(FileWarning(text), stacklevel=2)
            continue
        row, counts = _score_piece(transcriber, name, audio, pair)
        rows.append(row)
        details += counts
        bar.set_postfix(note_f1=f"{np.mean([float(row['note_f1']) for row in rows]):.3f}")
    return Evaluation(rows, details=details)


@dataclass(frozen=True)
class References:
    """The reference notes of one recording, with both kinds of offsets.

    sound: notes end where they stop sounding. key: notes end where their keys are released; None if
    the reference does not contain the sustain pedal.
    """

    sound: Notes
    key: Notes | None

    @staticmethod
    def of(notes: Notes, seconds: float | None, extend_sustain: bool) -> References:
        """Both from reference notes and pedal, cut at `seconds`."""
        sound = extend(notes) if extend_sustain else notes
        end = np.inf if seconds is None else seconds
        return References(sound.crop(0, end), notes.crop(0, end) if has_sustain(notes) else None)


def _score_piece(
    transcriber: TranscriberLike, name: str, audio: np.ndarray, references: References
) -> tuple[Row, Details]:
    begin = time.perf_counter()
    estimate, by_key = transcriber.both_ends(audio)
    took = time.perf_counter() - begin
    scores = note_scores(references.sound, estimate)
    if references.key is not None:
        scores |= release_scores(references.key, by_key) | pedal_scores(references.key, by_key)
    row: Row = {"name": name, "seconds": len(audio) / SAMPLE_RATE, "took": took, **scores}
    return row, Details.of(references.sound, estimate)
