"""Beats of recordings: found once, and stored for description, score and answers.

beats-REVISION.json      the grid of the notes; null if they have no beats
"""

from __future__ import annotations

import json
import threading
from dataclasses import astuple

import numpy as np

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.app.made_files import MadeFiles
from amt.app.recordings import Recording
from amt.cloud.lake import StorageError
from amt.score.notated import Notation


class Beats:
    """Finds the beats of recordings. May be used in any thread, but not in the event loop."""

    def __init__(self, files: MadeFiles) -> None:
        self.files = files
        self._one = threading.Lock()

    def grid(self, recording: Recording) -> MetricalGrid | None:
        """The grid of a recording that is done; None without beats. Raises StorageError."""
        name = f"beats-{recording.revision}.json"
        with self._one:
            try:
                return _read(self.files.recordings.read(recording, name))
            except (StorageError, ValueError):  # Not there yet, or damaged: made anew.
                return _read(self.files.make(recording, name, self._find))

    def _find(self, recording: Recording) -> bytes:
        notes, _ = self.files.recordings.read_notes(recording)
        grid = Notation.beside(recording.model.get("name", "")).of(notes).grid
        return json.dumps(_document(grid), separators=(",", ":")).encode()


def _document(grid: MetricalGrid | None) -> dict[str, object] | None:
    if grid is None:
        return None
    return {
        "beats": grid.beats.tolist(),
        "downbeats": np.flatnonzero(grid.downbeats).tolist(),
        "metres": [astuple(metre) for metre in grid.metres],
        "certainty": grid.certainty,
    }


def _read(data: bytes) -> MetricalGrid | None:
    found = json.loads(data)
    if found is None:
        return None
    beats = np.array(found["beats"])
    downbeats = np.isin(np.arange(len(beats)), found["downbeats"])
    metres = tuple(MetreSpan(*metre) for metre in found["metres"])
    return MetricalGrid(beats, downbeats, metres, found["certainty"])
