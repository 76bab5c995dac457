"""What a retraining run calls besides the lake: feedback, scripts, export, profile, comparison.

Tests put plain functions in their place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from amt.cloud.lake import Lake
from amt.cloud.vertex_metrics import Counted, counts
from amt.cloud.vertex_versions import VersionedEndpoint, VertexTarget
from amt.inference.model_card import ModelInfo
from amt.monitoring.entries import Entry, read_entries
from amt.retraining import scripts
from amt.retraining.comparing import Observed, observe_here, recordings_to_compare
from amt.retraining.measuring import Measured, ScoredSet, measure_sets, reference_profile
from amt.retraining.scripts import EvaluateJob, Rows, TrainJob

# What is kept of a pair in the lineage of a model.
LISTED = ("pair", "split", "seconds", "note_count", "corrected", "audio_crc32c", "notes_crc32c")


def check_pairs(lake: Lake) -> None:
    """Decide on every pair that waits for a decision (`amt feedback check`)."""
    from amt.feedback.check import check_pairs as check

    check(lake)


def export_pairs(lake: Lake, folder: Path) -> list[dict[str, Any]]:
    """Write the accepted pairs into a folder per split (`amt feedback export`); lists them.

    Without the names of the recordings, which are the users' own.
    """
    from amt.feedback.export import export_pairs as export

    listed = [asdict(pair) for pair in export(lake, folder).pairs]
    return [{key: pair[key] for key in LISTED} for pair in listed]


def export_model(weights: Path, folder: Path, info: ModelInfo) -> None:
    """Write an exported model (`amt export`)."""
    from amt.inference.export import export

    export(weights, folder, info, report=lambda line: None)


@dataclass(frozen=True)
class Tools:
    """The functions of a run."""

    check_pairs: Callable[[Lake], object] = check_pairs
    export_pairs: Callable[[Lake, Path], list[dict[str, Any]]] = export_pairs
    train: Callable[[TrainJob], Path] = scripts.train
    evaluate: Callable[[EvaluateJob], Rows] = scripts.evaluate
    measure: Callable[[Path, Sequence[ScoredSet]], list[Measured]] = measure_sets
    profile: Callable[[Sequence[Measured], str, int], bytes | None] = reference_profile
    export: Callable[[Path, Path, ModelInfo], object] = export_model
    recordings: Callable[[int], list[bytes]] = recordings_to_compare
    observe: Callable[[Path, Sequence[bytes]], Observed] = observe_here
    endpoint: Callable[[VertexTarget], VersionedEndpoint] = VersionedEndpoint
    entries: Callable[[str, datetime], list[Entry]] = read_entries
    counts: Callable[[str, str, datetime], dict[str, Counted]] = counts
