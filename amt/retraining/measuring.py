"""The reference profile of a new version: what its recordings and its notes of them look like."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amt.cloud.registry import label
from amt.data.manifest import MANIFEST, Root, open_recording, read_manifest
from amt.data.pieces import Split

# One recording: its numbers, and its note F1 where that is known.
Measured = dict[str, Any]


@dataclass(frozen=True)
class ScoredSet:
    """A split of decoded sets, with the note F1 of its pieces by name."""

    roots: Sequence[Root]
    split: Split
    f1: Mapping[str, float]


def decoded_sets(cache: Path) -> list[Root]:
    """The sets that lie in a folder of caches."""
    return [path.parent for path in sorted(cache.glob(f"*/{MANIFEST}"))]


def measure_sets(weights: Path, sets: Sequence[ScoredSet]) -> list[Measured]:
    """Transcribe and measure every recording of the sets. Raises CacheError, StorageError."""
    from amt.inference.transcriber import Transcriber
    from amt.monitoring.measuring import measure_recording

    transcriber, found = Transcriber.load(weights), []
    for one in sets:
        for root in one.roots:
            for entry in read_manifest(root, one.split):
                numbers, _ = measure_recording(transcriber, open_recording(root, entry).audio)
                found.append({"numbers": numbers.to_json(), "f1": one.f1.get(entry.name)})
    return found


def reference_profile(measured: Sequence[Measured], model: str, version: int) -> bytes | None:
    """The profile that `amt monitor` compares with, as the content of its file.

    None for fewer recordings than a profile needs.
    """
    from amt.monitoring.numbers import RecordingNumbers
    from amt.monitoring.profile import MIN_RECORDINGS, make_profile, write_profile

    if len(measured) < MIN_RECORDINGS:
        return None
    numbers = [RecordingNumbers.from_json(one["numbers"]) for one in measured]
    origin = f"the fixed sets of retraining, {len(numbers)} recordings"
    f1 = [one["f1"] for one in measured]
    profile = make_profile(numbers, label(model, version), str(version), origin, f1)
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        path = Path(folder, "profile.json")
        write_profile(path, profile)
        return path.read_bytes()


def dump(measured: Sequence[Measured]) -> bytes:
    """Measurements as JSON."""
    return (json.dumps(list(measured)) + "\n").encode()
