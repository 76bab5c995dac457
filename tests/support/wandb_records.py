"""What an offline run of W&B holds. wandb's own reader is a program in Go, for uploads only."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import ArtifactRecord, Record

# The file is a log of LevelDB: blocks of parts, each with checksum, length and kind.
BLOCK, HEADER = 32768, struct.Struct("<IHB")
FULL, LAST = 1, 4


def records(folder: Path) -> list[Record]:
    """All records of the one offline run in FOLDER/wandb."""
    (path,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    return [Record.FromString(data) for data in _logged(path.read_bytes())]


def _logged(data: bytes) -> Iterator[bytes]:
    """The entries of a log, whose first bytes say what it is."""
    position, entry = HEADER.size, b""
    while position + HEADER.size <= len(data):
        if BLOCK - position % BLOCK < HEADER.size:
            position += BLOCK - position % BLOCK
        _, length, kind = HEADER.unpack_from(data, position)
        position += HEADER.size
        entry += data[position : position + length]
        position += length
        if kind in (FULL, LAST):
            yield entry
            entry = b""


def history(folder: Path) -> dict[str, list[Any]]:
    """What was logged, in order, by key."""
    values: dict[str, list[Any]] = {}
    for record in records(folder):
        for item in record.history.item:
            key = item.key or "/".join(item.nested_key)
            values.setdefault(key, []).append(json.loads(item.value_json))
    return values


def config(folder: Path) -> dict[str, Any]:
    """The configuration."""
    values = {}
    for record in records(folder):
        for item in (*record.run.config.update, *record.config.update):
            values[item.key or "/".join(item.nested_key)] = json.loads(item.value_json)
    return values


def artifacts(folder: Path) -> list[ArtifactRecord]:
    """The artifacts that the run used or made."""
    return [r.artifact for r in records(folder) if r.WhichOneof("record_type") == "artifact"]


def goals(folder: Path) -> dict[str, str]:
    """Of each metric that is summarised by its best value: "max" or "min"."""
    metrics = [r.metric for r in records(folder) if r.WhichOneof("record_type") == "metric"]
    best = [metric for metric in metrics if metric.summary.max or metric.summary.min]
    return {metric.name: "max" if metric.summary.max else "min" for metric in best}


def table(folder: Path, key: str) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of the last table logged under `key`."""
    path = history(folder)[f"{key}/path"][-1]
    (run,) = (folder / "wandb").glob("offline-run-*")
    document = json.loads((run / "files" / path).read_text())
    return document["columns"], document["data"]
