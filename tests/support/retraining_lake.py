"""A small lake with corrections, and tools of a retraining that compute nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from small_model import small_checkpoint

from amt.cloud.folder_lake import FolderLake
from amt.cloud.lake import Lake
from amt.data.pieces import Split
from amt.feedback.decision import Decision, update_decision
from amt.feedback.pairs import Pair, list_pairs, pair_files, write_pair
from amt.inference.model_card import ModelInfo
from amt.notes import Notes
from amt.retraining.comparing import Observed
from amt.retraining.context import Context
from amt.retraining.scripts import EvaluateJob, Rows, TrainJob
from amt.retraining.settings import Settings, settings_from
from amt.retraining.tools import Tools

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)
NOTES = Notes(np.array([0.5]), np.array([1.0]), np.array([60]), np.array([64]))
FIXED = {"margin": 0.01, "overrides": ["data=synthetic"]}
SETTINGS = settings_from(
    {"gate": {"sets": {"fixed": FIXED}}, "compare": {"recordings": 2, "wait_minutes": 0.0}}
)


def write_take(lake: Lake, name: str) -> str:
    """A finished correction, whose audio is its name."""
    model = {"name": "base", "version": "1"}
    files = pair_files(name.encode(), NOTES, NOTES, 2.0, f"{name}.wav", model)
    return write_pair(lake, f"{name}-1-00000000", files).rpartition("/")[2]


def write_takes(lake: Lake, count: int = 2) -> list[str]:
    """`count` corrections; the last one is for the test."""
    return [write_take(lake, f"take{number}") for number in range(count)]


@dataclass
class FakeTools:
    """What the tools answer, and what they were asked.

    splits: of the pairs by id; train for others. rejected: pairs that the check rejects. f1: mean
    note F1 by set and model; pieces: of each set. observed: of the current and the new version.
    """

    splits: dict[str, Split] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    f1: dict[tuple[str, str], float] = field(
        default_factory=lambda: {
            ("corrections", "current"): 0.8,
            ("corrections", "new"): 0.9,
            ("fixed", "current"): 0.95,
            ("fixed", "new"): 0.95,
        }
    )
    pieces: dict[str, int] = field(default_factory=lambda: {"corrections": 6, "fixed": 8})
    slowdown: float = 1.0
    calls: list[str] = field(default_factory=list)

    def tools(self) -> Tools:
        """The fake tools."""
        return Tools(
            check_pairs=self._check,
            export_pairs=self._export_pairs,
            train=self._train,
            evaluate=self._evaluate,
            measure=lambda weights, sets: [{"numbers": {}, "f1": 1.0}],
            profile=lambda measured, model, version: b"{}\n",
            export=self._export,
            recordings=lambda count: [b"recording"] * count,
            observe=self._observe,
        )

    def _check(self, lake: Lake) -> None:
        self.calls.append("check")
        for pair in list_pairs(lake):
            if pair.decision is None:
                update_decision(lake, pair.id, lambda _, pair=pair: self._decision(pair))

    def _decision(self, pair: Pair) -> Decision:
        return Decision(
            pair=pair.id,
            decision="rejected" if pair.id in self.rejected else "accepted",
            reason="",
            by="check",
            audio_crc32c=pair.audio.crc32c,
            notes_crc32c=pair.notes.crc32c,
            split=self.splits.get(pair.id, "train"),
            audio=pair.audio.crc32c,
            fingerprint="",
            seconds=2.0,
            checked=True,
        )

    def _export_pairs(self, lake: Lake, folder: Path) -> list[dict[str, Any]]:
        self.calls.append("export pairs")
        listed = []
        for pair in list_pairs(lake):
            if pair.decision and pair.status == "accepted":
                split = pair.decision.split
                path = folder / split / f"{pair.id}.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(pair.id)
                listed.append({"pair": pair.id, "split": split, "seconds": 2.0})
        return listed

    def _train(self, job: TrainJob) -> Path:
        self.calls.append("train")
        assert any(job.pairs.glob("train/*.flac")) and job.init.is_file()
        job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        return small_checkpoint(job.checkpoint)

    def _evaluate(self, job: EvaluateJob) -> Rows:
        name, model = job.folder.parent.name, job.folder.name
        self.calls.append(f"evaluate {name} {model}")
        assert job.checkpoint.is_file()
        scores = np.linspace(-0.01, 0.01, self.pieces[name]) + self.f1[name, model]
        return [{"name": f"piece{i}", "note_f1": float(f1)} for i, f1 in enumerate(scores)]

    def _export(self, weights: Path, folder: Path, info: ModelInfo) -> None:
        self.calls.append("export")
        folder.mkdir()
        (folder / "model.json").write_text(json.dumps({"name": info.name}))

    def _observe(self, weights: Path, recordings: Sequence[bytes]) -> Observed:
        new = "-0." not in weights.name
        seconds = (self.slowdown if new else 1.0,) * len(recordings)
        return Observed(len(recordings), 0, seconds, dict.fromkeys(range(len(recordings)), NOTES))


def settings(**changes: Any) -> Settings:
    """The settings of the tests with changes of the first level."""
    return replace(SETTINGS, **changes)


def context(
    lake: Lake,
    work: Path,
    fake: FakeTools,
    report: Callable[[str], object] = lambda line: None,
    now: datetime = NOW,
) -> Context:
    """The surroundings of a run at a fixed time."""
    checkout = work / "checkout"
    for script in ("train.py", "evaluate.py"):
        checkout.mkdir(parents=True, exist_ok=True)
        (checkout / script).touch()
    return Context(lake, work, checkout, fake.tools(), lambda: now, report)


def later(days: int) -> datetime:
    """A time after NOW."""
    return NOW + timedelta(days=days)


def content(lake: FolderLake) -> Mapping[str, bytes]:
    """All objects of a lake; how long the training took is left out, since it differs."""
    found = {stored.name: lake.read(stored.name) for stored in lake.list()}
    for name in [name for name in found if name.endswith("/train.json")]:
        result = json.loads(found[name])
        found[name] = json.dumps({**result, "seconds": 0}).encode()
    return found
