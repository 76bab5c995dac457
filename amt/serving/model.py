"""Load the model that the server uses, and check that it works."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from amt.cloud.registry import current_version_of, version_label
from amt.cloud.storage import download_folder
from amt.device import pick_device
from amt.inference.backends.exported import Backend, read_description
from amt.inference.model_version import model_version
from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import DESCRIPTION, WEIGHTS_SUFFIX, CheckpointError
from amt.monitoring.profile import Profile, find_profile
from amt.serving.logging import log
from amt.serving.settings import Settings, variable_name

WARM_UP_SECONDS = 2.0


@dataclass(frozen=True, eq=False)
class Model:
    """A transcriber with its name and version.

    version: the version of amt and the beginning of a SHA-256, to tell apart models of one name.
    profile: the recordings it was validated on (`amt.monitoring`); None if there is no profile.
    """

    transcriber: Transcriber
    name: str
    version: str
    profile: Profile | None = None


def load_model(settings: Settings) -> Model:
    """Load the model that the settings name, and transcribe noise once to test and warm it up.

    Raises CheckpointError or StorageError.
    """
    with _model_path(settings) as path:
        device = pick_device(settings.device)
        transcriber = Transcriber.load(path, device, backend=cast(Backend, settings.backend))
        model = Model(transcriber, _name(path), model_version(path), _profile(path))
    noise = np.random.default_rng(0).standard_normal(
        round(WARM_UP_SECONDS * transcriber.sample_rate), dtype=np.float32
    )
    transcriber.transcribe(noise * 0.1)
    return model


@contextmanager
def _model_path(settings: Settings) -> Iterator[Path]:
    """The file or folder of the model; if it is in Cloud Storage, a temporary copy.

    Of a registered model, LAKE/models/NAME, the version that serves now.
    """
    uri = settings.storage_uri
    if not uri:
        yield pretrained_checkpoint(settings.model)
    elif version := current_version_of(uri):
        with tempfile.TemporaryDirectory(prefix="amt-") as folder:
            yield version.download(Path(folder))
    elif "://" in uri:
        with tempfile.TemporaryDirectory(prefix="amt-") as folder:
            yield find_model(download_folder(uri, Path(folder) / Path(uri).name))
    else:
        yield find_model(Path(uri).expanduser())


def find_model(folder: Path) -> Path:
    """`folder` itself if it is a file or an exported model, else the one file of weights in it.

    Raises CheckpointError if there is none, or more than one.
    """
    if folder.is_file():
        return folder
    if not folder.is_dir():
        option = f"--ckpt or {variable_name('storage_uri')}"
        raise CheckpointError(f"{folder}: no such folder or file; name a model with {option}")
    if (folder / DESCRIPTION).is_file():
        return folder
    found = sorted(p for p in folder.iterdir() if p.suffix in (WEIGHTS_SUFFIX, ".ckpt"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "neither"
        expected = f"what `amt export` wrote, or one file of weights ({WEIGHTS_SUFFIX}, .ckpt)"
        raise CheckpointError(f"{folder}: expected {expected}; found {names}")
    return found[0]


def _name(path: Path) -> str:
    if path.is_dir():
        return str(read_description(path)["name"])
    return version_label(path) or path.stem


def _profile(path: Path) -> Profile | None:
    """The reference profile of the model at a path; with a damaged one it serves as without."""
    try:
        return find_profile(path)
    except ValueError as error:
        log(logging.WARNING, f"monitoring: {error}")
        return None
