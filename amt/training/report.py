"""Tune and score a checkpoint, and report: tables, pictures and audio of the worst, loggers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch.loggers import Logger

from amt.data.datamodule import PianoDataModule
from amt.data.pieces import Split
from amt.evaluation.evaluate import Evaluation
from amt.evaluation.tables import write_report
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import is_slice_classifier, read_checkpoint
from amt.training.finish import score, tune_checkpoint
from amt.training.log_scores import log_evaluation, log_thresholds
from amt.training.worst_pieces import write_worst


def tune_and_report(
    checkpoint: Path,
    data: PianoDataModule,
    folder: Path,
    loggers: Sequence[Logger],
    device: str | torch.device = "cpu",
    tune: bool = True,
    first_seconds: float | None = None,
    worst_pieces: int = 0,
) -> dict[str, float]:
    """Tune the thresholds of a checkpoint, score the test pieces, print what to type next.

    Returns their mean scores. Without test pieces the validation pieces are scored.
    """
    saved = read_checkpoint(checkpoint)
    transcribes = not is_slice_classifier(saved)
    if transcribes and tune:
        tune_checkpoint(checkpoint, data, device, folder=folder)
        log_thresholds(loggers, folder, saved.get("global_step", 0))
    split: Split = "test" if data.entries("test") else "validation"
    found = score_and_report(
        checkpoint, data, split, folder, loggers, device, first_seconds, worst_pieces
    )
    print(f"\nmean of {len(found.rows)} {split} pieces; the model: {checkpoint}")
    if transcribes:
        print(f"next: amt transcribe RECORDING --ckpt {shlex.quote(str(checkpoint))}")
    return found.means


def score_and_report(
    checkpoint: Path,
    data: PianoDataModule,
    split: Split,
    folder: Path,
    loggers: Sequence[Logger],
    device: str | torch.device = "cpu",
    first_seconds: float | None = None,
    worst_pieces: int = 0,
) -> Evaluation:
    """Score whole pieces, print their table and write it to `folder`, tell the loggers.

    worst_pieces: so many get pictures and audio. Raises what `score` raises.
    """
    evaluation = score(checkpoint, data, split, device, first_seconds)
    saved = read_checkpoint(checkpoint)
    links = {}
    if not is_slice_classifier(saved):
        transcriber = Transcriber.load(checkpoint, device)
        links = write_worst(
            folder, transcriber, data, split, evaluation, worst_pieces, first_seconds
        )
    print(write_report(folder, evaluation, split, links))
    log_evaluation(loggers, evaluation, split, saved.get("global_step", 0), folder)
    return evaluation
