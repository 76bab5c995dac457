"""Pictures and audio of the worst pieces of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from amt.data.datamodule import PianoDataModule
from amt.data.pieces import Split
from amt.evaluation.evaluate import Evaluation, References, Row
from amt.evaluation.excerpts import SOUNDS, Excerpt, worst_excerpt, write_excerpt
from amt.evaluation.tables import piece_key, worst_first
from amt.inference.backends.pytorch import PyTorchModel
from amt.inference.transcriber import Transcriber
from amt.io.audio import SAMPLE_RATE


def write_worst(
    folder: Path,
    transcriber: Transcriber,
    data: PianoDataModule,
    split: Split,
    evaluation: Evaluation,
    pieces: int,
    first_seconds: float | None = None,
) -> dict[str, str]:
    """Write the worst ten seconds of the worst pieces to FOLDER/SPLIT_worst.

    Files of an earlier evaluation there are removed. Returns the path of each picture relative to
    `folder`, by `piece_key`.
    """
    target = folder / f"{split}_worst"
    rows = worst_first(evaluation.rows)[:pieces]
    links = {}
    for row, excerpt in _excerpts(transcriber, data, split, rows, first_seconds):
        target.mkdir(parents=True, exist_ok=True)
        write_excerpt(target, piece_key(row), excerpt)
        links[piece_key(row)] = f"{target.name}/{piece_key(row)}.png"
    kept = {f"{key}{end}" for key in links for end in (".png", *(f"_{s}.mp3" for s in SOUNDS))}
    for path in target.glob("*.*"):
        if path.name not in kept:
            path.unlink()
    return links


def _excerpts(
    transcriber: Transcriber,
    data: PianoDataModule,
    split: Split,
    rows: list[Row],
    first_seconds: float | None,
) -> Iterator[tuple[Row, Excerpt]]:
    model = transcriber.model
    assert isinstance(model, PyTorchModel)
    for row in rows:
        for _, audio, notes in data.recordings(split, str(row["set"]), {str(row["name"])}):
            if first_seconds is not None:
                audio = audio[: round(first_seconds * SAMPLE_RATE)]
            reference = References.of(notes, first_seconds, data.extend_sustain).sound
            yield row, worst_excerpt(transcriber, model.front_end, audio, reference)
