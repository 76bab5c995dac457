"""Read what runs left on the disk: metrics.csv, settings, scores, thresholds, pictures."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from amt.data.pieces import SPLITS

METRICS, THRESHOLDS = "metrics.csv", "thresholds.json"
# Columns of metrics.csv that are no metrics.
NOT_METRICS = ("step", "epoch")
# Scores by which runs are ranked: the first that any of them has.
RANKED_BY = ("val/note_f1", "test/note_f1", "validation/note_f1", "test/accuracy")


class RunError(ValueError):
    """A folder that is no run; the message is one line."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of a split: rows of SPLIT.csv, the worst first; SPLIT.json; files of SPLIT_worst."""

    rows: list[dict[str, str]]
    document: dict[str, Any] = field(default_factory=dict)
    media: list[Path] = field(default_factory=list)

    @property
    def details(self) -> dict[str, Any]:
        """Mistakes, onset errors, note F1 by pitch; empty where nothing was counted."""
        found = self.document.get("details", {})
        return found if found.get("reference_notes") else {}


@dataclass(frozen=True, eq=False)
class Run:
    """A training, or an evaluation alone.

    curves: by metric, [(step, value)]. overrides: what was given on the command line. evaluations:
    by split. faults: what could not be read, a line each.
    """

    name: str
    folder: Path
    curves: dict[str, list[tuple[int, float]]]
    overrides: dict[str, str]
    evaluations: dict[str, Evaluation]
    thresholds: dict[str, Any]
    faults: list[str]

    @property
    def steps(self) -> int:
        """Training steps logged."""
        steps = (points[-1][0] for points in self.curves.values() if points)
        return 1 + max(steps, default=-1)

    def best(self, metric: str) -> float | None:
        """The best value of a metric: the lowest of a loss, else the highest; None without one."""
        values = [value for _, value in self.curves.get(metric, [])]
        if not values:
            split, _, score = metric.partition("/")
            evaluation = self.evaluations.get(split)
            found = evaluation.document.get("means", {}).get(score) if evaluation else None
            return None if found is None else float(found)
        return min(values) if "loss" in metric else max(values)


def read_runs(places: Sequence[Path]) -> list[Run]:
    """The runs in folders of runs, evaluations or sweeps, the best first. Raises RunError."""
    folders = [folder for place in places for folder in _run_folders(place)]
    folders = list(dict.fromkeys(folder.resolve() for folder in folders))
    names = _short_names(folders)
    runs = [_read_run(folder, name) for folder, name in zip(folders, names, strict=True)]
    return sorted(runs, key=lambda run: -(ranking_score(run, runs) or -math.inf))


def ranking_metric(runs: Sequence[Run]) -> str | None:
    """The metric by which these runs are ranked."""
    return next((m for m in RANKED_BY if any(run.best(m) is not None for run in runs)), None)


def ranking_score(run: Run, runs: Sequence[Run]) -> float | None:
    """The value of a run by which `runs` are ranked."""
    metric = ranking_metric(runs)
    return run.best(metric) if metric else None


def _run_folders(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        raise RunError(f"{place}: no such folder; expected that of a run, such as runs/NAME")
    if _is_run(place):
        yield place
        return
    below = sorted((path for path in place.iterdir() if _is_run(path)), key=_by_number)
    if not below:
        raise RunError(
            f"{place}: no {METRICS} and no scores here or in its folders; expected the folder of a "
            "run, of a sweep, or of an evaluation"
        )
    yield from below


def _is_run(folder: Path) -> bool:
    names = (METRICS, THRESHOLDS, *(f"{split}.csv" for split in SPLITS))
    return folder.is_dir() and any((folder / name).is_file() for name in names)


def _by_number(path: Path) -> tuple[int, str]:
    """Jobs of a sweep in their order: 2 before 10."""
    return (int(path.name) if path.name.isdigit() else -1, path.name)


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The name of each folder, with that of its parent where several have the same."""
    names = [folder.name for folder in folders]
    return [
        f"{folder.parent.name}/{name}" if names.count(name) > 1 or name.isdigit() else name
        for folder, name in zip(folders, names, strict=True)
    ]


def _read_run(folder: Path, name: str) -> Run:
    faults: list[str] = []
    return Run(
        name,
        folder,
        _read_curves(folder / METRICS, faults),
        _read_overrides(folder / ".hydra" / "overrides.yaml", faults),
        {
            split: _read_evaluation(folder, split, faults)
            for split in SPLITS
            if (folder / f"{split}.csv").is_file()
        },
        _read_json(folder / THRESHOLDS, faults),
        faults,
    )


def _read_curves(path: Path, faults: list[str]) -> dict[str, list[tuple[int, float]]]:
    """The points of each metric; of a step that was repeated after a stop, the later ones."""
    points: dict[str, dict[int, float]] = {}
    for number, row in _rows(path, faults):
        try:
            step = int(float(row.get("step") or ""))
            values = {key: float(value) for key, value in row.items() if value}
        except ValueError as error:
            faults.append(f"{path.name}: line {number} is left out: {error}")
            continue
        for key in values.keys() - set(NOT_METRICS):
            if math.isfinite(values[key]):
                points.setdefault(key, {})[step] = values[key]
            else:
                faults.append(f"{path.name}: line {number}: {key} is {values[key]}")
    return {key: sorted(found.items()) for key, found in sorted(points.items())}


def _rows(path: Path, faults: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by line number; a row of another length is left out."""
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return
    reader = csv.reader(text.replace("\0", "").splitlines())
    header = next(reader, [])
    for cells in reader:
        if len(cells) == len(header):
            yield reader.line_num, dict(zip(header, cells, strict=True))
        else:
            faults.append(
                f"{path.name}: line {reader.line_num} is left out: {len(cells)} cells, expected "
                f"{len(header)} (the run was cut short?)"
            )


def _read_overrides(path: Path, faults: list[str]) -> dict[str, str]:
    """What was given on the command line, by key."""
    if not path.is_file():
        return {}
    try:
        words = [str(word) for word in OmegaConf.load(path)]
    except Exception as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return {}
    return {key.lstrip("+~"): value for key, _, value in (word.partition("=") for word in words)}


def _read_evaluation(folder: Path, split: str, faults: list[str]) -> Evaluation:
    rows = [row for _, row in _rows(folder / f"{split}.csv", faults)]
    rows.sort(key=lambda row: number(row.get("note_f1") or row.get("accuracy")) or 0.0)
    document = _read_json(folder / f"{split}.json", faults)
    return Evaluation(rows, document, sorted((folder / f"{split}_worst").glob("*.*")))


def number(text: str | None) -> float | None:
    """The number in a cell; None where there is none."""
    try:
        return float(text or "")
    except ValueError:
        return None


def _read_json(path: Path, faults: list[str]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        faults.append(f"{path.name} cannot be read: {error}")
        return {}
    return found if isinstance(found, Mapping) else {}  # type: ignore[return-value]
