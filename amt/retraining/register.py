"""Register a version of a model: its files, its model card, and where it comes from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from amt import __version__
from amt.cloud.registry import (
    CARD_FILE,
    EXPORT_FOLDER,
    PROFILE_FILE,
    VERSION_FILE,
    WEIGHTS_FILE,
    Registry,
    label,
)
from amt.inference.model_card import ModelInfo, model_info
from amt.inference.pretrained import (
    WEIGHTS,
    checksum,
    pretrained_checkpoint,
    pretrained_licence,
)
from amt.models.checkpoint import WEIGHTS_SUFFIX
from amt.retraining.tools import Tools
from amt.training.code_version import code_version

BY = "amt retrain"


@dataclass(frozen=True)
class NewVersion:
    """What a version is made of. about: what version.json says, besides names and checksums."""

    weights: Path
    profile: Path | None
    info: ModelInfo
    about: Mapping[str, Any]


def register(registry: Registry, version: int, new: NewVersion, tools: Tools) -> None:
    """Write all files of a version, version.json last.

    Those of an attempt that did not come to its end are replaced. Raises StorageError,
    CheckpointError.
    """
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        exported = Path(folder, EXPORT_FOLDER)
        tools.export(new.weights, exported, new.info)
        files = {WEIGHTS_FILE: new.weights}
        files |= {f"{EXPORT_FOLDER}/{path.name}": path for path in sorted(exported.iterdir())}
        if new.profile:  # In the export as well: a server on Vertex AI sees nothing else.
            files |= dict.fromkeys((PROFILE_FILE, f"{EXPORT_FOLDER}/{PROFILE_FILE}"), new.profile)
        for name, path in files.items():
            registry.lake.upload(path, registry.path(version, name))
        sums = {name: checksum(path) for name, path in files.items()}
    registry.lake.write(registry.path(version, CARD_FILE), new.info.card.encode())
    about = {"model": registry.name, "version": version, **new.about, "sha256": sums}
    text = json.dumps(about, indent=1) + "\n"
    registry.lake.write(registry.path(version, VERSION_FILE), text.encode())


def ensure_registered(registry: Registry, now: datetime, tools: Tools) -> int:
    """The version that serves; a model without one begins with the pretrained one as version 0.

    Raises CheckpointError if there is no pretrained model of this name; StorageError.
    """
    current = registry.current()
    if current is not None:
        return current
    if 0 not in registry.versions():
        register(registry, 0, _pretrained(registry.name, now), tools)
    return registry.serve(0, BY, f"the pretrained model of amt {__version__}", now).version


def card(
    registry: Registry, version: int, licence: str, about: Mapping[str, Any], lines: Sequence[str]
) -> str:
    """The model card of a retrained version in Markdown. lines: the gate's, one for each set."""
    splits = [pair["split"] for pair in about["pairs"]]
    counts = ", ".join(f"{splits.count(split)} {split}" for split in dict.fromkeys(splits))
    scores = about["scores"]
    table = [
        f"| {name} | {both['pieces']} | {_cell(both['current'])} | {_cell(both['new'])} |"
        for name, both in scores.items()
    ]
    heading = f"| set | pieces | version {about['parent']} | version {version} |"
    return "\n".join(
        [
            f"# {registry.name}, version {version}",
            "",
            f"Fine-tuned from version {about['parent']} on corrected recordings ({counts}).",
            "",
            f"- Licence: {licence}",
            f"- Registered: {about['registered']}, by amt {about['code']['amt']}",
            f"- Run: {about['run']}; {VERSION_FILE} has its settings, seed and checksums",
            "",
            f"Mean {about['settings']['metric']} by piece:",
            "",
            heading,
            "|---|---:|---:|---:|",
            *table,
            "",
            "The gate:",
            "",
            *(f"- {line}" for line in lines),
            "",
        ]
    )


def _pretrained(name: str, now: datetime) -> NewVersion:
    """The pretrained model of the package as the first version."""
    weights = pretrained_checkpoint(name)
    profile = WEIGHTS / f"{name}.profile.json"
    info = replace(model_info(weights), name=label(name, 0))
    about = {
        "parent": None,
        "registered": now.isoformat(timespec="seconds"),
        "code": code_version(),
        "licence": pretrained_licence(name),
        "source": f"amt/weights/{name}{WEIGHTS_SUFFIX}",
    }
    return NewVersion(weights, profile if profile.is_file() else None, info, about)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
