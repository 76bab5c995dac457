"""Measure excerpts: a JSON object a line, with the numbers, the piece and the note F1."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from excerpts import Excerpt
from tqdm import tqdm

from amt.evaluation.metrics import match
from amt.inference.transcriber import Transcriber
from amt.io.atomic import atomic_write
from amt.monitoring.measuring import measure_recording
from amt.monitoring.numbers import RecordingNumbers
from amt.notes import Notes


@dataclass(frozen=True)
class Measured:
    """The numbers of an excerpt; f1 is None where it holds no notes of a piano."""

    piece: str
    f1: float | None
    numbers: RecordingNumbers


def measure_excerpts(
    transcriber: Transcriber, make: Callable[[], Iterable[Excerpt]], path: Path
) -> list[Measured]:
    """Measure the excerpts that `make` gives, and write them to `path`; if it exists, read it."""
    if not path.exists():
        found = [_measure(transcriber, excerpt) for excerpt in tqdm(make(), path.stem)]
        with atomic_write(path) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in found), "utf-8")
    return read_measured(path)


def read_measured(path: Path) -> list[Measured]:
    """The excerpts that `measure_excerpts` wrote."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Measured(line["piece"], line["f1"], RecordingNumbers.from_json(line)) for line in lines]


def _measure(transcriber: Transcriber, excerpt: Excerpt) -> dict:
    numbers, notes = measure_recording(transcriber, excerpt.audio)
    score = f1(excerpt.notes, notes, excerpt.tolerance) if len(excerpt.notes) else None
    return {"piece": excerpt.piece, "f1": score, **numbers.to_json()}


def f1(reference: Notes, estimate: Notes, tolerance: float) -> float:
    """Note F1 with onsets within `tolerance` seconds."""
    hits = len(match(reference, estimate, tolerance))
    return 2 * hits / max(len(reference) + len(estimate), 1)
