"""Two versions of a model on the same recordings: errors, time, certainty, notes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from amt.notes import Notes
from amt.retraining.settings import CompareSettings

_SEED, _SECONDS = 17, 10.0


@dataclass(frozen=True)
class Observed:
    """What a version did. seconds: for each answer. notes: of the recordings, by their number.

    certainty: the mean certainty of its answers, None where they do not say.
    """

    requests: int
    errors: int
    seconds: tuple[float, ...]
    notes: Mapping[int, Notes]
    certainty: float | None = None

    @property
    def error_share(self) -> float:
        """The share of requests that failed."""
        return self.errors / self.requests if self.requests else 0.0

    def numbers(self) -> dict[str, Any]:
        """The numbers of a report."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "median_seconds": round(median(self.seconds), 4) if self.seconds else None,
            "certainty": self.certainty,
        }


def reasons_against(settings: CompareSettings, current: Observed, new: Observed) -> list[str]:
    """Why the new version must not serve, one line each; empty if it may."""
    if not new.seconds or not current.seconds:
        silent = "new" if not new.seconds else "current"
        return [f"the {silent} version gave no answer"]
    found = []
    if new.error_share > current.error_share + settings.error_share:
        found.append(f"errors: {current.error_share:.1%} -> {new.error_share:.1%}")
    slower = median(new.seconds) / max(median(current.seconds), 1e-9)
    if slower > settings.slowdown:
        found.append(f"time: {slower:.2f} times as long, {settings.slowdown:g} are allowed")
    agreement = _agreement(current, new)
    if agreement is not None and agreement < settings.agreement:
        least = f"at least {settings.agreement:g} expected"
        found.append(f"notes: F1 {agreement:.3f} between both, {least}")
    if current.certainty is not None and new.certainty is not None:
        lower = current.certainty - new.certainty
        if lower > settings.certainty:
            found.append(f"certainty: {current.certainty:.3f} -> {new.certainty:.3f}")
    return found


def fastest(one: Observed, other: Observed) -> Observed:
    """The same recordings observed twice, each with its shorter time."""
    return replace(one, seconds=tuple(map(min, one.seconds, other.seconds)))


def recordings_to_compare(count: int) -> list[bytes]:
    """Generated recordings on the built-in piano, as FLAC files: always the same ones."""
    from amt.data.rendering import BUILTIN
    from amt.data.sources.synthetic import generate
    from amt.io.audio import save

    files = []
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        path = Path(folder, "recording.flac")
        for index in range(count):
            audio = generate(_SEED, "test", index, _SECONDS, (BUILTIN,)).audio
            save(path, audio)
            files.append(path.read_bytes())
    return files


def observe_here(weights: Path, recordings: Sequence[bytes]) -> Observed:
    """What a version does in this process, as a local server uses it."""
    from amt.inference.transcriber import Options, Transcriber

    transcriber = Transcriber.load(weights)
    transcriber.run(recordings[0], Options())  # The first one takes longer.
    found, seconds = [], []
    for recording in recordings:
        begin = time.perf_counter()
        found.append(transcriber.run(recording, Options(certainty=True)))
        seconds.append(time.perf_counter() - begin)
    certain = [one.certainty.onset for one in found if one.certainty and one.certainty.onset]
    return Observed(
        requests=len(found),
        errors=0,
        seconds=tuple(seconds),
        notes={number: one.notes for number, one in enumerate(found)},
        certainty=fmean(certain) if certain else None,
    )


def _agreement(current: Observed, new: Observed) -> float | None:
    """The mean note F1 between the notes of both, over recordings that both answered."""
    from amt.evaluation.metrics import note_scores

    both = [number for number in current.notes if number in new.notes]
    pairs = [(current.notes[number], new.notes[number]) for number in both]
    scores = [note_scores(one, other)["note_f1"] for one, other in pairs if len(one)]
    return fmean(scores) if scores else None
