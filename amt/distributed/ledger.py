"""What is done: a small file for each recording below OUTPUT/ledger, written after its results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath

from amt.cloud.lake import StorageError, open_lake
from amt.data.pieces import files_fingerprint
from amt.inference.jobs import Job
from amt.inference.remote import object_at
from amt.io.atomic import atomic_write

FOLDER = "ledger"
# No output format has this suffix.
SUFFIX = ".done"


@dataclass(frozen=True)
class Done:
    """A recording that was transcribed.

    source: its path or URI. fingerprint: changes when the recording changes. settings: a digest of
    the model and the options. files: what was added to the name of the result for its files. run:
    the run that did it.
    """

    source: str
    fingerprint: str
    settings: str
    files: list[str]
    notes: int
    seconds: float
    run: str


@dataclass(frozen=True)
class Ledger:
    """The ledger of an output folder, or of gs://BUCKET/FOLDER."""

    output: Path | str

    def read(self, job: Job) -> Done | None:
        """What is written about the results of `job`. Raises StorageError, OSError."""
        place = self._place(job)
        try:
            if isinstance(place, Path):
                text = place.read_text("utf-8")
            else:
                lake, name = object_at(place)
                text = lake.read(name).decode()
            return Done(**json.loads(text))
        except FileNotFoundError:
            return None
        except StorageError as error:
            if error.status == 404:
                return None
            raise
        except (TypeError, ValueError):  # Of another version: the recording is done again.
            return None

    def write(self, job: Job, done: Done) -> None:
        """Write that the results of `job` are there. Raises StorageError, OSError."""
        place, text = self._place(job), json.dumps(asdict(done))
        if isinstance(place, Path):
            with atomic_write(place) as temporary:
                temporary.write_text(text, "utf-8")
            return
        lake, name = object_at(place)
        lake.write(name, text.encode())

    def _place(self, job: Job) -> Path | str:
        if isinstance(self.output, Path):
            relative = PurePath(job.target).relative_to(self.output)
            return self.output / FOLDER / relative.with_name(relative.name + SUFFIX)
        output = self.output.rstrip("/")
        return f"{output}/{FOLDER}/{str(job.target).removeprefix(output + '/')}{SUFFIX}"


def source_fingerprint(source: Path | str) -> str:
    """What changes when a recording changes: size and time, or the generation of the object."""
    if isinstance(source, Path):
        return files_fingerprint([source])
    lake, name = object_at(source)
    stored = lake.stat(name)
    return f"{stored.size}:{stored.generation}" if stored else "missing"


def all_there(target: Path | str, endings: Sequence[str]) -> bool:
    """Whether all files of a result exist."""
    if isinstance(target, Path):
        return all(target.with_name(target.name + ending).is_file() for ending in endings)
    lake, name = object_at(target)
    return all(lake.stat(name + ending) is not None for ending in endings)


def place_in_ledger(output: Path | str, name: str) -> Path | str:
    """The path or URI of another file of the ledger, such as the report."""
    if isinstance(output, Path):
        return output / FOLDER / name
    return f"{output.rstrip('/')}/{FOLDER}/{name}"


def write_place(place: Path | str, path: Path) -> None:
    """Copy a file to a path or URI, whole or not at all. Raises StorageError, OSError."""
    if isinstance(place, Path):
        with atomic_write(place) as temporary:
            temporary.write_bytes(path.read_bytes())
        return
    lake, name = open_lake(place.rpartition("/")[0]), place.rpartition("/")[2]
    lake.upload(path, name)
