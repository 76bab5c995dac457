"""Spectrograms and piano rolls of a prepared set as .npy files, for programs of others."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from amt.cloud.lake import open_lake
from amt.data.dataset import NoteTable
from amt.data.manifest import open_recording, read_manifest
from amt.data.pieces import Recording
from amt.data.targets import make_targets
from amt.features.frontends import ConstantQ, FrontEnd, LogFrequency, Mel

# Front ends with their usual settings, by the names of conf/features.
FRONT_ENDS: dict[str, Callable[[], FrontEnd]] = {
    "logfreq": LogFrequency,
    "mel": Mel,
    "cqt": ConstantQ,
}


def write_arrays(folder: Path, place: str | Path, features: str) -> int:
    """Write SPLIT/NAME_X.npy and SPLIT/NAME_Y.npy for each piece of the set in `folder`.

    place: a folder or gs://BUCKET/PREFIX. features: a name of `FRONT_ENDS`. Returns the number of
    pieces. Raises CacheError, StorageError.
    """
    lake, front_end = open_lake(place), FRONT_ENDS[features]()
    entries = read_manifest(folder)
    for entry in tqdm(entries, desc="arrays", unit="piece", leave=False, disable=None):
        x, y = piece_arrays(open_recording(folder, entry), front_end)
        lake.write(f"{entry.split}/{entry.name}_X.npy", _npy(x))
        lake.write(f"{entry.split}/{entry.name}_Y.npy", _npy(y))
    return len(entries)


@torch.no_grad()
def piece_arrays(recording: Recording, front_end: FrontEnd) -> tuple[np.ndarray, np.ndarray]:
    """The log spectrogram X, float32 (T, F) or (C, T, F), and the piano roll Y, uint8 (T, 88).

    Y is 1 where a note sounds, from its onset to the release of its key or of the sustain pedal;
    column 0 is A0, MIDI number 21.
    """
    spec = front_end(torch.from_numpy(recording.audio)[None])[0]
    table = NoteTable.from_notes(recording.notes, extend_sustain=True)
    rows = torch.from_numpy(table.rows.astype(np.float32))[None]
    frame = make_targets(rows, spec.shape[1], front_end.frame_rate)["frame"][0]
    x = spec[0] if len(spec) == 1 else spec
    return x.numpy(), frame.numpy().astype(np.uint8)


def _npy(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
