"""After training: tune the thresholds, write them into the checkpoint, score whole pieces."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from amt.data.datamodule import PianoDataModule
from amt.data.pieces import SourceError, Split
from amt.data.sources.maps import piano_in
from amt.decoding.hmm import HmmDecoder
from amt.decoding.peaks import Decoder
from amt.evaluation.evaluate import Evaluation, evaluate, of_sets
from amt.evaluation.thresholds import threshold_document, write_thresholds
from amt.evaluation.tuning import PARTS, Part, tune, tuning_examples
from amt.inference.transcriber import Transcriber
from amt.io.atomic import atomic_write
from amt.io.audio import SAMPLE_RATE
from amt.models.checkpoint import CheckpointError, is_slice_classifier, read_checkpoint


def tune_checkpoint(
    path: Path,
    data: PianoDataModule,
    device: str | torch.device = "cpu",
    first_seconds: float | None = 60.0,
    folder: Path | None = None,
    parts: Sequence[Part] = PARTS,
) -> Decoder | HmmDecoder:
    """Tune the decoder's thresholds on the validation pieces and store them in the checkpoint.

    first_seconds: use only so much of each piece; None: all of it. folder: also write the
    thresholds before and after, and scores against the onset threshold, to its thresholds.json.
    parts: which thresholds. Returns the tuned decoder.
    """
    transcriber = Transcriber.load(path, device)
    pieces = data.recordings("validation")
    examples = tuning_examples(transcriber, pieces, first_seconds, data.extend_sustain)
    decoder = tune(examples, transcriber.decoder, transcriber.frame_rate, parts)
    checkpoint = dict(read_checkpoint(path))
    checkpoint["hyper_parameters"]["decoder"] = asdict(decoder)
    save_checkpoint(path, checkpoint)
    if folder:
        before, rate = transcriber.decoder, transcriber.frame_rate
        write_thresholds(folder, threshold_document(examples, before, decoder, rate))
    return decoder


def save_checkpoint(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically. Raises OSError."""
    # Through memory: on a full disk torch's own writer raises a long internal error, not OSError.
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


def best_score(path: Path) -> float:
    """The best validation score of the run that wrote a checkpoint; 0 where there is none."""
    if not path.is_file():
        return 0.0
    states = read_checkpoint(path).get("callbacks", {}).values()
    scores = [state["best_model_score"] for state in states if state.get("monitor")]
    return max((float(value) for value in scores if value is not None), default=0.0)


def score(
    path: Path,
    data: PianoDataModule,
    split: Split = "test",
    device: str | torch.device = "cpu",
    first_seconds: float | None = None,
) -> Evaluation:
    """Transcribe and score the whole pieces of a split; of a slice classifier, score its slices.

    Raises SourceError where the split has no pieces, or no piece has notes.
    """
    if not data.entries(split):
        raise SourceError(
            f"no {split} pieces; choose another split, e.g. split=validation (or of your own "
            "recordings, data=folder, all: data.sources.folder.test=1.0)"
        )
    if is_slice_classifier(read_checkpoint(path)):
        return _score_slices(path, data, split, first_seconds)
    transcriber = Transcriber.load(path, device)
    parts = {
        name: evaluate(
            transcriber, data.recordings(split, name), first_seconds, data.extend_sustain, name
        )
        for name in data.sources
        if data.entries(split, name)
    }
    found = of_sets(parts)
    for row in found.rows:
        if piano := piano_in(str(row["name"])):
            row["piano"] = piano
    if not found.rows:
        raise SourceError(f"no {split} piece was scored, since none has reference notes")
    return found


def _score_slices(
    path: Path, data: PianoDataModule, split: Split, first_seconds: float | None
) -> Evaluation:
    # Imported here: it needs scikit-learn, which scoring a network does not.
    from amt.baselines.scoring import score_slices
    from amt.baselines.slice_classifier import SliceClassifiers

    classifiers = SliceClassifiers.load(path)
    excerpts = (
        (
            name,
            audio[: None if first_seconds is None else round(first_seconds * SAMPLE_RATE)],
            notes,
        )
        for name, audio, notes in data.recordings(split)
    )
    return Evaluation(*score_slices(classifiers, excerpts, data.extend_sustain))
