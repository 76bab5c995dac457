"""After training: thresholds into the checkpoint, and the final scores."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from amt.audio import SAMPLE_RATE
from amt.checkpoints import CheckpointError, names_slices, read_checkpoint
from amt.data.datamodule import PianoData
from amt.data.pieces import Split
from amt.decoding import Decoder
from amt.evaluation import Evaluation, evaluate, tune, tuning_examples
from amt.files import whole
from amt.hmm import StateDecoder
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
) -> Decoder | StateDecoder:
    """Choose the thresholds on the validation pieces and store them in the checkpoint."""
    transcriber = Transcriber.load(path, device)
    pieces = data.recordings("validation")
    examples = tuning_examples(transcriber, pieces, first_seconds, data.extend_sustain)
    decoder = tune(examples, transcriber.decoder, transcriber.frame_rate)
    checkpoint = dict(read_checkpoint(path))
    checkpoint["hyper_parameters"]["decoder"] = asdict(decoder)
    save_checkpoint(path, checkpoint)
    return decoder


def save_checkpoint(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write `state_dict` and `hyper_parameters`, whole or not at all. Raises OSError."""
    # By way of memory: where the disk is full torch's own writer raises pages of something else.
    written = io.BytesIO()
    torch.save(checkpoint, written)
    with whole(path) as temporary:
        temporary.write_bytes(written.getvalue())


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
    """Transcribe and score the whole pieces of a split. Raises ValueError where it has none.

    A model that names slices is scored on these.
    """
    if not data.entries(split):
        raise ValueError(f"no {split} pieces; choose another split, e.g. split=validation")
    if names_slices(read_checkpoint(path)):
        return _score_slices(path, data, split, first_seconds)
    transcriber = Transcriber.load(path, device)
    return evaluate(transcriber, data.recordings(split), first_seconds, data.extend_sustain)


def _score_slices(
    path: Path, data: PianoData, split: Split, first_seconds: float | None
) -> Evaluation:
    # Here, since it brings scikit-learn, which nothing else that is scored needs.
    from amt.classical.naming import SliceNamers
    from amt.classical.scoring import score_slices

    namers = SliceNamers.load(path)
    excerpts = (
        (
            name,
            audio[: None if first_seconds is None else round(first_seconds * SAMPLE_RATE)],
            notes,
        )
        for name, audio, notes in data.recordings(split)
    )
    return Evaluation(*score_slices(namers, excerpts, data.extend_sustain))


def write_report(folder: Path, evaluation: Evaluation, split: Split) -> str:
    """The table of pieces, which comes back, as FOLDER/SPLIT.md; all their scores as SPLIT.csv."""
    columns = COLUMNS if COLUMNS[0] in evaluation.means else tuple(evaluation.means)
    table = score_table(evaluation.rows, evaluation.means, columns)
    if evaluation.remarks:
        table += f"\n\n{evaluation.remarks}"
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
