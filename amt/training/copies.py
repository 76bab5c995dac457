"""The checkpoints of a run: read wherever they lie now, copied to the data lake, continued from."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from amt.cloud.lake import StorageError, open_lake
from amt.errors import FileWarning
from amt.inference.remote import object_at
from amt.io.atomic import atomic_write
from amt.models.checkpoint import CheckpointError
from amt.training.processes import launched

CHECKPOINTS = "checkpoints"
BEST = "best.ckpt"
LAST = "last.ckpt"
METRICS = "metrics.csv"
# resume=AUTO: go on where the run of this folder stopped, or begin it.
AUTO = "auto"


class RunCheckpoints(TorchCheckpointIO):
    """Reads a checkpoint as one of the run in whose folder it lies, which may have been moved.

    Checkpoints hold the paths of others. Those of another folder are not used: best.ckpt of a run
    that was copied would be replaced.
    """

    def load_checkpoint(self, path: Any, *settings: Any, **options: Any) -> dict[str, Any]:
        checkpoint = super().load_checkpoint(path, *settings, **options)
        for state in checkpoint.get("callbacks", {}).values():
            if "dirpath" in state:
                _move(state, Path(os.path.realpath(path)).parent)
        return checkpoint


class CopiedCheckpoints(RunCheckpoints):
    """Writes checkpoints as usual and then copies each to `place`/checkpoints, whole or not at all.

    metrics.csv is copied with them, if there is one. A copy that fails gives a warning, since
    training goes on; the next one replaces it.
    """

    def __init__(self, place: str) -> None:
        self.place = place

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        super().save_checkpoint(checkpoint, path, storage_options)
        run = Path(path).parent.parent
        try:
            for file in (Path(path), run / METRICS):
                if file.is_file():
                    open_lake(self.place).upload(file, file.relative_to(run).as_posix())
        except StorageError as error:
            text = f"{path} was not copied: {error}; training goes on, the next one will be"
            warnings.warn(FileWarning(text), stacklevel=2)


def check_place(place: str, resumed: bool) -> None:
    """Raises StorageError where a run cannot be copied to `place`, or would replace another."""
    found = [stored.name for stored in open_lake(place).list(f"{CHECKPOINTS}/")]
    if found and not resumed:
        raise StorageError(
            f"upload={place}: holds the checkpoints of another run; choose another VERSION (of "
            "several runs, each its own: upload='PLACE/${hydra:job.num}')"
        )


def copy_run(folder: Path, place: str) -> str:
    """Copy the checkpoints and results of a finished run; returns a line. Raises StorageError."""
    lake = open_lake(place)
    files = [*sorted(folder.glob("*.*")), *sorted(folder.glob(f"{CHECKPOINTS}/*.ckpt"))]
    files = [path for path in files if path.is_file() and not path.name.startswith(".")]
    for path in files:
        lake.upload(path, path.relative_to(folder).as_posix())
    return f"copied to {lake.uri}: {', '.join(path.name for path in files)}"


def find_last(resume: str | None, folder: Path, upload: str | None) -> str | None:
    """The checkpoint to resume; of resume=auto the last one at `upload`, else in the run `folder`.

    None: a new run begins. Raises StorageError; CheckpointError where a new run of processes that
    were started together would replace another one.
    """
    last = folder / CHECKPOINTS / LAST
    if resume != AUTO:
        launch = launched()
        if not resume and launch and launch.processes > 1 and last.is_file():
            raise CheckpointError(
                f"{folder} holds another run; to go on with it type resume=auto, else choose "
                "another --rdzv-id or hydra.run.dir"
            )
        return resume
    # The copy first: processes on other nodes may see no other.
    if upload and open_lake(upload).stat(name := f"{CHECKPOINTS}/{LAST}"):
        return f"{upload.rstrip('/')}/{name}"
    return str(last) if last.is_file() else None


def fetch_run(uri: str, folder: Path) -> Path:
    """Fetch a checkpoint to resume, the best one beside it and metrics.csv into the run `folder`.

    Returns its path. Raises StorageError.
    """
    lake, name = object_at(uri)
    new = Path(os.path.realpath(folder / CHECKPOINTS))
    if name != BEST and lake.stat(BEST):
        lake.download(BEST, new / BEST)
    run, parent = object_at(lake.uri)
    if parent == CHECKPOINTS and run.stat(METRICS):
        run.download(METRICS, folder / METRICS)
    return lake.download(name, new / name)


def keep_in_run(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint to resume in the folder of its run: its own, else `folder`, with a copy of it
    and of the best one beside it. Raises OSError.
    """
    if checkpoint.parent.name == CHECKPOINTS:
        return checkpoint
    new = Path(os.path.realpath(folder / CHECKPOINTS))
    new.mkdir(parents=True, exist_ok=True)
    for path in {checkpoint.with_name(BEST), checkpoint}:
        if path.is_file():
            with atomic_write(new / path.name) as temporary:  # Other processes may read it.
                shutil.copyfile(path, temporary)
    return new / checkpoint.name


def _move(state: dict[str, Any], folder: Path) -> None:
    """Replace the folder of all paths in the state of a ModelCheckpoint; leave out missing files.

    Without its best checkpoint the best score is unknown, so that the next one is saved.
    """

    def moved(path: str) -> str:
        new = folder / Path(path).name
        return str(new) if path and new.is_file() else ""

    state["dirpath"] = str(folder)
    for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[key] = moved(state.get(key, ""))
    best = state.get("best_k_models", {})
    state["best_k_models"] = {moved(path): score for path, score in best.items() if moved(path)}
    if not state["best_model_path"]:
        state["best_model_score"] = None
