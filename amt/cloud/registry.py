"""The registry of models in the lake: versions of a model, and which of them served since when.

models/NAME/VERSION/        weights.safetensors, export/, MODEL_CARD.md, profile.json, and
                            version.json, written last: a version without it is unfinished
models/NAME/history.json    [{"version", "since", "by", "reason"}, ...], the newest last

Versions are numbers from 0 on; nothing of a finished version is ever changed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from amt.cloud.lake import Lake, StorageError, open_lake
from amt.cloud.objects import is_name

FOLDER = "models"
WEIGHTS_FILE = "weights.safetensors"
EXPORT_FOLDER = "export"
CARD_FILE = "MODEL_CARD.md"
PROFILE_FILE = "profile.json"
VERSION_FILE = "version.json"
HISTORY = "history.json"


class RegistryError(ValueError):
    """A model or version that is not there, or cannot be used; the message is one line."""


@dataclass(frozen=True)
class Served:
    """From `since` on (UTC, ISO 8601) this version serves. by: who or what chose it."""

    version: int
    since: str
    by: str
    reason: str


@dataclass(frozen=True)
class Registry:
    """The versions of the model `name` in a lake. All methods raise StorageError."""

    lake: Lake
    name: str

    def __post_init__(self) -> None:
        if not is_name(self.name) or "/" in self.name or self.name.startswith("."):
            raise RegistryError(f"model {self.name!r}: expected a name such as base")

    def versions(self) -> list[int]:
        """The numbers of all finished versions, ascending."""
        ending = f"/{VERSION_FILE}"
        found = [stored.name for stored in self.lake.list(f"{FOLDER}/{self.name}/")]
        folders = [name.removesuffix(ending).rpartition("/")[2] for name in found if ending in name]
        return sorted(int(folder) for folder in folders if folder.isdecimal())

    def path(self, version: int, file: str) -> str:
        """The name in the lake of a file of a version."""
        return f"{FOLDER}/{self.name}/{version}/{file}"

    def read(self, version: int) -> dict[str, Any]:
        """Lineage and scores of a version: its version.json. Raises RegistryError."""
        try:
            return json.loads(self.lake.read(self.path(version, VERSION_FILE)))
        except StorageError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            known = ", ".join(map(str, self.versions())) or "none"
            text = f"{self.name} has no version {version} in {self.lake.uri}; it has {known}"
            raise RegistryError(text) from error

    def history(self) -> list[Served]:
        """Which version served since when, the newest last; empty where none ever did."""
        return self._history()[0]

    def current(self) -> int | None:
        """The version that serves."""
        history = self.history()
        return history[-1].version if history else None

    def serve(self, version: int, by: str, reason: str, now: datetime | None = None) -> Served:
        """Let a version serve from now on. Nothing changes where it does already.

        Raises RegistryError for a version that is not there; StorageError, status 412, where
        another process changed the history at the same time.
        """
        self.read(version)
        history, generation = self._history()
        if history and history[-1].version == version:
            return history[-1]
        since = (now or datetime.now(UTC)).isoformat(timespec="seconds")
        served = Served(version, since, by, reason)
        text = json.dumps([asdict(one) for one in [*history, served]], indent=1) + "\n"
        self.lake.write(f"{FOLDER}/{self.name}/{HISTORY}", text.encode(), generation)
        return served

    def previous(self) -> int:
        """The version that served before the present one. Raises RegistryError."""
        history = self.history()
        before = [one.version for one in history if one.version != history[-1].version]
        if not before:
            raise RegistryError(f"{self.name} in {self.lake.uri}: no version served before")
        return before[-1]

    def _history(self) -> tuple[list[Served], int]:
        """The history and its generation, 0 where there is none."""
        name = f"{FOLDER}/{self.name}/{HISTORY}"
        stored = self.lake.stat(name)
        if stored is None:
            return [], 0
        try:
            rows = json.loads(self.lake.read(name))
            return [Served(**row) for row in rows], stored.generation
        except (ValueError, TypeError) as error:
            if isinstance(error, StorageError):
                raise
            raise RegistryError(f"{self.lake.object_uri(name)}: damaged ({error})") from error


@dataclass(frozen=True)
class CurrentVersion:
    """The version of a registered model that serves now."""

    registry: Registry
    version: int

    @property
    def label(self) -> str:
        """Its name where it serves, such as base-v3."""
        return label(self.registry.name, self.version)

    def download(self, folder: Path) -> Path:
        """Its weights, with what `download_profile` writes beside them. Raises StorageError."""
        self.download_profile(folder)
        return self._download(WEIGHTS_FILE, folder)

    def download_profile(self, folder: Path) -> Path:
        """Write its version.json and, if it has one, its profile into a folder; returns that."""
        self._download(VERSION_FILE, folder)
        if self.registry.lake.stat(self.registry.path(self.version, PROFILE_FILE)):
            self._download(PROFILE_FILE, folder)
        return folder

    def _download(self, file: str, folder: Path) -> Path:
        return self.registry.lake.download(self.registry.path(self.version, file), folder / file)


def current_version_of(place: str) -> CurrentVersion | None:
    """The version that serves of LAKE/models/NAME, a folder or gs://; None if it is none of these.

    Raises StorageError, RegistryError.
    """
    parts = place.rstrip("/").rsplit("/", 2)
    if len(parts) != 3 or parts[1] != FOLDER:
        return None
    registry = Registry(open_lake(parts[0]), parts[2])
    current = registry.current()
    return None if current is None else CurrentVersion(registry, current)


def version_label(weights: Path) -> str | None:
    """The name of a registered version, by its weight file, such as base-v3; else None."""
    path = weights.with_name(VERSION_FILE)
    if weights.name != WEIGHTS_FILE or not path.is_file():
        return None
    about = json.loads(path.read_text("utf-8"))
    return label(about["model"], about["version"])


def label(name: str, version: int) -> str:
    """The name of a version where it serves, such as base-v3."""
    return f"{name}-v{version}"


def model_names(lake: Lake) -> list[str]:
    """The names of all registered models of a lake. Raises StorageError."""
    names = [stored.name.split("/") for stored in lake.list(f"{FOLDER}/")]
    return sorted({parts[1] for parts in names if parts[2:] == [HISTORY]})
