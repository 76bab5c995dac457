"""After training: thresholds into the checkpoint, and the final scores."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from amt.checkpoints import CheckpointError, read_checkpoint
from amt.data.datamodule import PianoData
from amt.data.pieces import Split
from amt.decoding import Decoder
from amt.evaluation import Evaluation, evaluate, tune, tuning_examples
from amt.files import whole
from amt.report import score_table
from amt.transcriber import Transcriber

COLUMNS = (
    "note_f1",
    "note_precision",
    "note_recall",
    "note_100ms_f1",
    "note_offset_f1",
    "note_velocity_f1",
    "note_offset_velocity_f1",
    "note_release_f1",
    "pedal_f1",
    "frame_f1",
)


def tune_checkpoint(
    path: Path,
    data: PianoData,
    device: str | torch.device = "cpu",
    first_seconds: float | None = 60.0,
) -> Decoder:
    """Choose the thresholds on the validation pieces and store them in the checkpoint."""
    transcriber = Transcriber.load(path, device)
    pieces = data.recordings("validation")
    examples = tuning_examples(transcriber, pieces, first_seconds, data.extend_sustain)
    decoder = tune(examples, transcriber.decoder, transcriber.frame_rate)
    checkpoint = dict(read_checkpoint(path))
    checkpoint["hyper_parameters"]["decoder"] = asdict(decoder)
    with whole(path) as temporary:
        torch.save(checkpoint, temporary)
    return decoder


def read_recipe(path: Path) -> dict[str, Any]:
    """The whole configuration that a checkpoint was trained with. Raises CheckpointError."""
    try:
        return dict(read_checkpoint(path)["hyper_parameters"]["recipe"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} does not say what it was trained with; name the data: data=..."
        ) from error


def score(
    path: Path,
    data: PianoData,
    split: Split = "test",
    device: str | torch.device = "cpu",
    first_seconds: float | None = None,
) -> Evaluation:
    """Transcribe and score the whole pieces of a split. Raises ValueError where it has none."""
    if not data.entries(split):
        raise ValueError(f"no {split} pieces; choose another split, e.g. split=validation")
    transcriber = Transcriber.load(path, device)
    return evaluate(transcriber, data.recordings(split), first_seconds, data.extend_sustain)


def write_report(folder: Path, evaluation: Evaluation, split: Split) -> str:
    """The table of pieces, which comes back, as FOLDER/SPLIT.md; all their scores as SPLIT.csv."""
    table = score_table(evaluation.rows, evaluation.means, COLUMNS)
    write_rows(folder / f"{split}.csv", evaluation)
    with whole(folder / f"{split}.md") as temporary:
        temporary.write_text(table + "\n", encoding="utf-8")
    return table


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """All scores of all pieces as CSV."""
    columns = list(dict.fromkeys(name for row in evaluation.rows for name in row))
    with whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(evaluation.rows)
