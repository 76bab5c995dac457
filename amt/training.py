"""After training: thresholds into the checkpoint, and the final scores."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from lightning.pytorch.loggers import Logger

from amt.data.datamodule import PianoData
from amt.data.pieces import Split
from amt.decoding import Decoder
from amt.evaluation import Evaluation, evaluate, tune, tuning_examples
from amt.files import whole
from amt.tracking import log_evaluation
from amt.transcriber import Transcriber


def tune_checkpoint(path: Path, data: PianoData, first_seconds: float | None = 60.0) -> Decoder:
    """Choose the thresholds on the validation pieces and store them in the checkpoint."""
    transcriber = Transcriber.load(path)
    examples = tuning_examples(transcriber, data.recordings("validation"), first_seconds)
    decoder = tune(examples, transcriber.decoder, transcriber.frame_rate)
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    checkpoint["hyper_parameters"]["decoder"] = asdict(decoder)
    with whole(path) as temporary:
        torch.save(checkpoint, temporary)
    return decoder


def score(
    path: Path,
    data: PianoData,
    split: Split = "test",
    device: str = "cpu",
    first_seconds: float | None = None,
) -> Evaluation:
    """Transcribe and score the whole pieces of a split."""
    transcriber = Transcriber.load(path, device)
    return evaluate(transcriber, data.recordings(split), first_seconds)


def write_rows(path: Path, evaluation: Evaluation) -> None:
    """All scores of all pieces as CSV."""
    columns = list(dict.fromkeys(name for row in evaluation.rows for name in row))
    with whole(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(evaluation.rows)
