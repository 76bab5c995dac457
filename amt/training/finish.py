"""After training: thresholds into the checkpoint, and the final scores."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from amt.data.datamodule import PianoDataModule
from amt.data.pieces import Split
from amt.decoding.hmm import StateDecoder
from amt.decoding.peaks import Decoder
from amt.evaluation.evaluate import Evaluation, evaluate
from amt.evaluation.tuning import tune, tuning_examples
from amt.inference.transcriber import Transcriber
from amt.io.atomic import atomic_write
from amt.io.audio import SAMPLE_RATE
from amt.models.checkpoint import CheckpointError, is_slice_classifier, read_checkpoint


def tune_checkpoint(
    path: Path,
    data: PianoDataModule,
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
    with atomic_write(path) as temporary:
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
    data: PianoDataModule,
    split: Split = "test",
    device: str | torch.device = "cpu",
    first_seconds: float | None = None,
) -> Evaluation:
    """Transcribe and score the whole pieces of a split. Raises ValueError where it has none.

    A model that names slices is scored on these.
    """
    if not data.entries(split):
        raise ValueError(f"no {split} pieces; choose another split, e.g. split=validation")
    if is_slice_classifier(read_checkpoint(path)):
        return _score_slices(path, data, split, first_seconds)
    transcriber = Transcriber.load(path, device)
    return evaluate(transcriber, data.recordings(split), first_seconds, data.extend_sustain)


def _score_slices(
    path: Path, data: PianoDataModule, split: Split, first_seconds: float | None
) -> Evaluation:
    # Here, since it brings scikit-learn, which nothing else that is scored needs.
    from amt.baselines.scoring import score_slices
    from amt.baselines.slice_classifier import SliceClassifiers

    namers = SliceClassifiers.load(path)
    excerpts = (
        (
            name,
            audio[: None if first_seconds is None else round(first_seconds * SAMPLE_RATE)],
            notes,
        )
        for name, audio, notes in data.recordings(split)
    )
    return Evaluation(*score_slices(namers, excerpts, data.extend_sustain))
