"""Scores of an evaluation and of threshold tuning, for all loggers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from amt.evaluation.details import ERROR_EDGES
from amt.evaluation.evaluate import Evaluation, Row
from amt.evaluation.tables import piece_key, worst_first
from amt.evaluation.thresholds import THRESHOLDS
from amt.training.media import log_to_wandb, tensorboard_writer, wandb_run


def log_evaluation(
    loggers: Sequence[Logger],
    evaluation: Evaluation,
    split: str,
    steps: int = 0,
    folder: Path | None = None,
) -> None:
    """Send the scores of an evaluation to the loggers.

    All of them: SPLIT/SCORE, the means over all pieces, and SPLIT/SET/SCORE. W&B: the table of
    pieces, the worst first, with the pictures and sounds that `write_worst` left in `folder`;
    mistakes, onset errors, note F1 by pitch. TensorBoard: the table, and the note F1 as the score
    of its HPARAMS page. steps: how many the model was trained; Lightning counts them from 0.
    """
    step = max(0, steps - 1)
    means = {f"{split}/{name}": value for name, value in evaluation.means.items()}
    for group, found in evaluation.group_means.items():
        means |= {f"{split}/{group}/{name}": value for name, value in found.items()}
    for logger in loggers:
        logger.log_metrics(means, step=step)
        if isinstance(logger, TensorBoardLogger) and "note_f1" in evaluation.means:
            logger.log_metrics({"hp_metric": evaluation.means["note_f1"]}, step=step)
        logger.save()
    run, writer = wandb_run(loggers), tensorboard_writer(loggers)
    if run is not None and evaluation.rows:
        log_to_wandb(run, _wandb_charts(evaluation, split, folder), step)
    if writer is not None and folder and (folder / f"{split}.md").is_file():
        writer.add_text(f"{split}/pieces", (folder / f"{split}.md").read_text("utf-8"), step)


def log_thresholds(loggers: Sequence[Logger], folder: Path, steps: int) -> None:
    """Send thresholds.json of a folder to the loggers; nothing where there is none.

    All of them: threshold/NAME and threshold/NAME_before, and note F1 on the validation pieces with
    either. W&B: the table, and scores against the onset threshold.
    """
    if not (folder / THRESHOLDS).is_file():
        return
    found = json.loads((folder / THRESHOLDS).read_text("utf-8"))
    pairs = {**found["thresholds"], "note_f1": found["note_f1"]}
    values = {f"threshold/{name}_before": old for name, (old, _) in pairs.items()}
    values |= {f"threshold/{name}": new for name, (_, new) in pairs.items()}
    for logger in loggers:
        logger.log_metrics(values, step=max(0, steps - 1))
    run = wandb_run(loggers)
    if run is not None:
        log_to_wandb(run, _wandb_thresholds(pairs, found["curve"]), max(0, steps - 1))


def _wandb_charts(evaluation: Evaluation, split: str, folder: Path | None) -> dict[str, Any]:
    import wandb

    rows = worst_first(evaluation.rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    pieces = wandb.Table(columns=[*columns, "picture", "recording", "estimate", "both"])
    for row in rows:
        media = _media(folder / f"{split}_worst" if folder else None, row)
        pieces.add_data(*(row.get(name) for name in columns), *media)
    charts: dict[str, Any] = {f"{split}/pieces": pieces}
    details = evaluation.details
    if details.reference:
        mistakes = list(details.mistakes_per_hundred().items())
        kinds = wandb.Table(columns=["kind", "per 100 notes"], data=[[*pair] for pair in mistakes])
        by_pitch = [[pitch, score] for pitch, score in details.note_f1_by_pitch().items()]
        pitches = wandb.Table(columns=["pitch", "note_f1"], data=by_pitch)
        histogram = (details.onset_errors, np.asarray(ERROR_EDGES))
        charts[f"{split}/mistakes"] = wandb.plot.bar(
            kinds, "kind", "per 100 notes", title="Mistakes per 100 notes of the reference"
        )
        charts[f"{split}/note_f1_by_pitch"] = wandb.plot.scatter(
            pitches, "pitch", "note_f1", title="Note F1 by MIDI pitch"
        )
        charts[f"{split}/onset_errors_ms"] = wandb.Histogram(np_histogram=histogram)
    return charts


def _media(folder: Path | None, row: Row) -> list[Any]:
    """Picture, recording, estimate and both of a piece; None where there is no such file."""
    import wandb

    if folder is None:
        return [None] * 4
    picture = folder / f"{piece_key(row)}.png"
    sounds = [folder / f"{piece_key(row)}_{name}.mp3" for name in ("recording", "estimate", "both")]
    return [
        wandb.Image(str(picture)) if picture.is_file() else None,
        *(wandb.Audio(str(path)) if path.is_file() else None for path in sounds),
    ]


def _wandb_thresholds(
    pairs: Mapping[str, Sequence[float]], curve: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    import wandb

    table = wandb.Table(
        columns=["name", "before", "after"], data=[[name, *pair] for name, pair in pairs.items()]
    )
    scores = [name for name in curve[0] if name != "onset_threshold"]
    return {
        "threshold/table": table,
        "threshold/curve": wandb.plot.line_series(
            xs=[point["onset_threshold"] for point in curve],
            ys=[[point[name] for point in curve] for name in scores],
            keys=scores,
            title="Scores on the validation pieces against the onset threshold",
            xname="onset threshold",
        ),
    }
