"""What every step of a run is given: its lake, settings, working folder, tools and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from amt.cloud.lake import Lake
from amt.cloud.registry import WEIGHTS_FILE, Registry
from amt.retraining.files import fetch_pairs, fetch_version, fetch_weights
from amt.retraining.runs import Result, Run
from amt.retraining.settings import Settings, settings_from
from amt.retraining.tools import Tools

Results = Mapping[str, Result]


def utc_now() -> datetime:
    """The present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Context:
    """The surroundings of a run. work: a folder of this machine. checkout: given for train.py."""

    lake: Lake
    work: Path
    checkout: Path | None = None
    tools: Tools = field(default_factory=Tools)
    now: Callable[[], datetime] = utc_now
    report: Callable[[str], object] = print

    def registry(self, settings: Settings) -> Registry:
        """The versions of the model."""
        return Registry(self.lake, settings.model)

    def folder(self, run: Run) -> Path:
        """The run's folder on this machine."""
        return self.work / run.id

    def versions(self) -> Path:
        """The folder of registered weights on this machine."""
        return self.work / "versions"


@dataclass(frozen=True)
class StepInput:
    """The surroundings of a step, its run, and the results of the steps before it."""

    context: Context
    run: Run
    results: Results

    @property
    def settings(self) -> Settings:
        """The settings with which the run began."""
        return settings_from(self.results["collect"]["settings"])

    @property
    def registry(self) -> Registry:
        return self.context.registry(self.settings)

    @property
    def folder(self) -> Path:
        return self.context.folder(self.run)

    @property
    def parent(self) -> int:
        """The version that served when the run began."""
        return int(self.results["collect"]["parent"])

    def pairs(self) -> Path:
        """The folder of the corrections, on this machine."""
        return fetch_pairs(self.run, self.results["prepare"]["files"], self.folder / "pairs")

    def current_weights(self) -> Path:
        """The weights of the parent, on this machine."""
        return fetch_version(self.registry, self.parent, self.context.versions())

    def new_weights(self) -> Path:
        """The weights of the new model, on this machine."""
        sha256, path = self.results["train"]["sha256"], self.folder / WEIGHTS_FILE
        return fetch_weights(self.run.lake, self.run.name(WEIGHTS_FILE), sha256, path)
