"""The runs of a lake: retraining/RUN/STEP.json for each step that is done, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from amt.cloud.lake import Lake

FOLDER = "retraining"
STEPS = (
    "collect",
    "validate",
    "prepare",
    "train",
    "evaluate",
    "gate",
    "register",
    "deploy",
    "compare",
    "promote",
)
# The steps as a pipeline, compiled from pipeline.py, and what stands in it for the container image.
TEMPLATE = Path(__file__).with_name("pipeline.yaml")
IMAGE = "amt-retraining"

# How a run ends. skipped: too few pairs. rejected: by the gate. back: by the comparison.
Outcome = Literal["skipped", "rejected", "back", "deployed"]
FAILED: tuple[Outcome, ...] = ("rejected", "back")

Result = dict[str, Any]


class RunError(ValueError):
    """A run or step that is not there, or not possible now; the message is one line."""


@dataclass(frozen=True)
class Run:
    """A run of a lake. id: the time it began, such as 2026-05-01_03-00-00."""

    lake: Lake
    id: str

    def name(self, file: str) -> str:
        """The name in the lake of a file of the run."""
        return f"{FOLDER}/{self.id}/{file}"

    def results(self) -> dict[str, Result]:
        """The results of the steps that are done, in their order. Raises StorageError."""
        prefix = self.name("")
        files = {stored.name.removeprefix(prefix) for stored in self.lake.list(prefix)}
        done = [step for step in STEPS if f"{step}.json" in files]
        return {step: json.loads(self.lake.read(self.name(f"{step}.json"))) for step in done}

    def finish(self, step: str, result: Result) -> None:
        """Write the result of a step, once. Raises StorageError, status 412, if it is written."""
        text = json.dumps(result, indent=1) + "\n"
        self.lake.write(self.name(f"{step}.json"), text.encode(), if_generation=0)


def outcome(results: dict[str, Result]) -> Outcome | None:
    """How a run ended, by the results of its steps; None while it has not."""
    if "validate" in results and not results["validate"]["enough"]:
        return "skipped"
    if "gate" in results and not results["gate"]["passed"]:
        return "rejected"
    if "promote" in results:
        return "deployed" if results["promote"]["promoted"] else "back"
    return None


def next_step(results: dict[str, Result]) -> str | None:
    """The step after the last one that is done; None if the run is over."""
    left = [step for step in STEPS if step not in results]
    return left[0] if left and outcome(results) is None else None


def runs(lake: Lake) -> list[Run]:
    """All runs of a lake, the oldest first. Raises StorageError."""
    parts = [stored.name.split("/") for stored in lake.list(f"{FOLDER}/")]
    ids = {part[1] for part in parts if part[2:] == [f"{STEPS[0]}.json"]}
    return [Run(lake, id) for id in sorted(ids)]


def results_of(lake: Lake, model: str) -> Iterator[tuple[Run, dict[str, Result]]]:
    """The runs of one model with their results, the newest first. Raises StorageError."""
    for run in reversed(runs(lake)):
        results = run.results()
        if results["collect"]["settings"]["model"] == model:
            yield run, results


def open_run(lake: Lake) -> Run | None:
    """The run that is not over, if there is one. Raises StorageError."""
    newest = runs(lake)[-1:]
    return next((run for run in newest if outcome(run.results()) is None), None)


def new_run(lake: Lake, now: datetime) -> Run:
    """A run that begins now; nothing is written before its first step is done."""
    return Run(lake, f"{now:%Y-%m-%d_%H-%M-%S}")


def find_run(lake: Lake, id: str | None) -> Run:
    """The run of this name, or the last one. Raises RunError."""
    found = runs(lake)
    chosen = [run for run in found if id in (None, run.id)]
    if not chosen:
        known = ", ".join(run.id for run in found[-3:]) or "none"
        raise RunError(f"{lake.uri}: no run {id or ''}; the last ones: {known}")
    return chosen[-1]
