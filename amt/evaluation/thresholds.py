"""What tuning did to a decoder: thresholds before and after, scores against the onset threshold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from amt.decoding.build import AnyDecoder
from amt.evaluation.metrics import onset_scores
from amt.evaluation.tuning import ONSET_GRID, Example
from amt.io.atomic import atomic_write

THRESHOLDS = "thresholds.json"


def threshold_document(
    examples: Sequence[Example], before: AnyDecoder, after: AnyDecoder, frame_rate: float
) -> dict[str, Any]:
    """Thresholds and scores before and after tuning, in types that JSON has.

    thresholds: NAME: [before, after], of those that are numbers. note_f1: [before, after], mean
    over the examples. curve: note_f1, note_precision and note_recall by onset threshold.
    """
    old, new = asdict(before), asdict(after)
    changed = {
        name: [old[name], new[name]]
        for name in new
        if isinstance(new[name], int | float) and name in old
    }
    grid = sorted({*ONSET_GRID, before.onset_threshold, after.onset_threshold})
    curve = [
        {
            "onset_threshold": value,
            **_mean_scores(examples, replace(after, onset_threshold=value), frame_rate),
        }
        for value in grid
    ]
    f1 = [_mean_scores(examples, decoder, frame_rate)["note_f1"] for decoder in (before, after)]
    return {"thresholds": changed, "note_f1": f1, "curve": curve}


def write_thresholds(folder: Path, document: dict[str, Any]) -> None:
    """Write FOLDER/thresholds.json."""
    with atomic_write(folder / THRESHOLDS) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _mean_scores(
    examples: Sequence[Example], decoder: AnyDecoder, frame_rate: float
) -> dict[str, float]:
    scores = [
        onset_scores(references.sound, decoder.decode(posteriors, frame_rate))
        for posteriors, references in examples
    ]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}
