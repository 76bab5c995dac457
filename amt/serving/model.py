"""Which model the server answers with, and that it works."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from amt import __version__
from amt.cloud.storage import fetch_folder
from amt.device import pick_device
from amt.inference.backends.exported import Backend, read_description
from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import DESCRIPTION, WEIGHTS_SUFFIX, CheckpointError
from amt.serving.settings import Settings, variable

WARM_UP_SECONDS = 2.0
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class Model:
    """A transcriber, what it is called, and what tells it from another of that name."""

    transcriber: Transcriber
    name: str
    version: str


def load_model(settings: Settings) -> Model:
    """The model that the settings ask for, after its first transcription.

    Raises CheckpointError or StorageError.
    """
    with _model_path(settings) as path:
        device = pick_device(settings.device)
        transcriber = Transcriber.load(path, device, backend=cast(Backend, settings.backend))
        name = read_description(path)["name"] if path.is_dir() else path.stem
        model = Model(transcriber, name, f"{__version__}-{_digest(path)}")
    noise = np.random.default_rng(0).standard_normal(
        round(WARM_UP_SECONDS * transcriber.sample_rate), dtype=np.float32
    )
    transcriber.transcribe(noise * 0.1)
    return model


@contextmanager
def _model_path(settings: Settings) -> Iterator[Path]:
    """The model's file or folder, fetched for as long as the block lasts if it is in storage."""
    uri = settings.storage_uri
    if not uri:
        yield pretrained_checkpoint(settings.model)
    elif "://" in uri:
        with tempfile.TemporaryDirectory(prefix="amt-") as folder:
            yield find_model(fetch_folder(uri, Path(folder) / Path(uri).name))
    else:
        yield find_model(Path(uri))


def find_model(folder: Path) -> Path:
    """The exported model that a folder is, or the one file of weights in it.

    Raises CheckpointError where there is none, or more than one.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{variable('storage_uri')}={folder}: no such folder")
    if (folder / DESCRIPTION).is_file():
        return folder
    found = sorted(p for p in folder.iterdir() if p.suffix in (WEIGHTS_SUFFIX, ".ckpt"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "nothing of the kind"
        expected = f"what `amt export` wrote, or one file of weights ({WEIGHTS_SUFFIX}, .ckpt)"
        raise CheckpointError(f"{folder}: expected {expected}; found {names}")
    return found[0]


def _digest(path: Path) -> str:
    """The beginning of the SHA-256 of a file, or of what an exported model says of its files."""
    file = path / DESCRIPTION if path.is_dir() else path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGITS]
