"""Read ASAP: performances with beats, downbeats, metres and key signatures, split by composition.

Foscarin, McLeod, Rigaux, Jacquemard and Sakai (2020), "ASAP: a dataset of aligned scores and
performances for piano transcription" (CC BY-NC-SA 4.0). Its annotations have one line for a beat:
time, time, and `b` (beat), `db` (first beat of a bar) or `bR` (beat of a passage without strict
time), followed by `,METRE` and `,KEY` where one of them begins.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid

SPLITS = ("train", "validation", "test")
# Weights for beats like those of the bundled "asap", but trained on the training split alone.
HELD_OUT = Path(__file__).parents[1] / "weights" / "held_out_beats.safetensors"
# The splits of a composer's compositions, in an order without meaning: of ten, seven are for
# training, one for validation, two for the test; the first is always for training.
PATTERN = ("train", "test", "train", "train", "validation", "train", "test", *["train"] * 3)
# Parts for cross-validation.
FOLDS = 4
# The same composition with other repeats: 24-1, 24-1_no_repeat, 24-1_no_2_repeat.
REPEATS = re.compile(r"(_no(_\w+)?)?_(repeat|trio)$")


@dataclass(frozen=True)
class Performance:
    """A performance of a composition: its files.

    composition: the folder below that of ASAP, which may hold several performances. work: the same
    without what it says about repeats. split: one of SPLITS, the same for all of a work. score,
    score_annotations, musicxml: the score, with the same beats as the performance.
    """

    composition: str
    work: str
    composer: str
    split: str
    midi: Path
    annotations: Path
    score: Path
    score_annotations: Path
    musicxml: Path

    @property
    def file_name(self) -> str:
        """A name for a MIDI file of this performance in one folder with others."""
        return f"{self.composition}/{self.midi.name}".replace("/", "__")


@dataclass(frozen=True, eq=False)
class Annotations:
    """Beats of a performance, in the unit of the metre: two in 6/8, three in 9/8 and in 3/8.

    beats: (N,) seconds, rising. downbeats: (N,) whether a bar begins. strict: (N,) False for beats
    of a passage without strict time. metres, keys: from which beat on, and the metre ("6/8") or the
    key signature (sharps, or minus the number of flats); the first holds from the beginning.
    """

    beats: np.ndarray
    downbeats: np.ndarray
    strict: np.ndarray
    metres: tuple[tuple[int, str], ...]
    keys: tuple[tuple[int, int], ...]

    def metre_at(self, seconds: float) -> str:
        """The metre ("6/8") at a time; before the first beat that of the first."""
        return self.metres[self._begun(self.metres, seconds)][1]

    def key_at(self, seconds: float) -> int:
        """The key signature at a time: sharps, or minus the number of flats."""
        return self.keys[self._begun(self.keys, seconds)][1]

    def _begun(self, changes: Sequence[tuple[int, object]], seconds: float) -> int:
        """The index of the last change at or before a time; 0 before the first."""
        starts = self.beats[[beat for beat, _ in changes]]
        return max(int(np.searchsorted(starts, seconds, side="right")) - 1, 0)


def performances(root: Path, split: str | None = None) -> list[Performance]:
    """The performances of ASAP in the folder `root`, in the order of its index; of one split."""
    splits = asap_splits(root)
    found = []
    with (root / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            folder = root / row["folder"]
            found.append(
                Performance(
                    composition=row["folder"],
                    work=work_of(row["folder"]),
                    composer=row["composer"],
                    split=splits[row["folder"]],
                    midi=folder / row["performance"],
                    annotations=folder / row["annotations"],
                    score=folder / "midi_score.mid",
                    score_annotations=folder / "midi_score_annotations.txt",
                    musicxml=folder / "score.mxl",
                )
            )
    return [one for one in found if split in (None, one.split)]


def first_performances(
    root: Path, split: str | None = None, folder: Path | None = None
) -> list[Performance]:
    """The first performance of each composition; those with a transcription in `folder`."""
    first = {one.composition: one for one in reversed(performances(root, split))}
    chosen = list(first.values())[::-1]
    return [one for one in chosen if folder is None or (folder / one.file_name).is_file()]


def notes_file(one: Performance, folder: Path | None, original: bool) -> Path:
    """The MIDI of a performance; or, if not `original`, its transcription in `folder`."""
    return one.midi if folder is None or original else folder / one.file_name


def beat_weights(name: str) -> str | Path:
    """What a command line calls so: `held_out`, a bundled network, or a file of weights."""
    if name == "held_out":
        return HELD_OUT
    return Path(name) if Path(name).suffix else name


def hands_beside(beats: str | None) -> str:
    """How hands are found beside beats of this name, as `amt score` does."""
    return "open" if beats == "open" else "asap"


@cache
def asap_splits(root: Path) -> dict[str, str]:
    """The split of each composition (its folder below `root`): of a work all have the same."""
    with (root / "index.csv").open(newline="", encoding="utf-8") as file:
        folders = {row["folder"]: row["composer"] for row in csv.DictReader(file)}
    split_of_work: dict[str, str] = {}
    for composer in sorted(set(folders.values())):
        works = {work_of(folder) for folder, name in folders.items() if name == composer}
        for number, work in enumerate(sorted(works, key=_digest)):
            split_of_work[work] = PATTERN[number % len(PATTERN)]
    return {folder: split_of_work[work_of(folder)] for folder in folders}


def folds_of_works(root: Path) -> dict[str, int]:
    """The fold of each work, of FOLDS; each fold has as many of a composer and of a split."""
    splits = asap_splits(root)
    found: dict[str, int] = {}
    for split in set(splits.values()):
        works = {work_of(folder) for folder, name in splits.items() if name == split}
        ordered = sorted(works, key=lambda work: (work.split("/")[0], _digest(work)))
        found |= {work: number % FOLDS for number, work in enumerate(ordered)}
    return found


def asap_split(root: Path, composition: str) -> str:
    """The split of a composition, given its folder below `root`: one of SPLITS."""
    return asap_splits(root)[composition]


def work_of(composition: str) -> str:
    """The folder of a composition without what it says about repeats.

    >>> work_of("Beethoven/Piano_Sonatas/24-1_no_2_repeat"), work_of("Schumann/Toccata_repeat")
    ('Beethoven/Piano_Sonatas/24-1', 'Schumann/Toccata')
    """
    return REPEATS.sub("", composition)


def _digest(work: str) -> str:
    return hashlib.sha256(work.encode()).hexdigest()


def read_annotations(path: Path) -> Annotations:
    """The annotations of a performance or of a score, in a file of ASAP."""
    times, kinds = [], []
    metres: list[tuple[int, str]] = []
    keys: list[tuple[int, int]] = []
    for number, line in enumerate(path.read_text("utf-8").split("\n")[:-1]):
        time, _, label = line.split("\t")
        kind, metre, key = [*label.strip().split(","), "", ""][:3]
        times.append(float(time))
        kinds.append(kind)
        if metre:
            metres.append((number, metre))
        if key:
            keys.append((number, int(key)))
    beats = np.array(times)
    # Several beats of a score fall on one time in a few performances: the first one is kept.
    kept = np.append(True, np.diff(beats) > 0)
    place = np.cumsum(kept) - 1
    return Annotations(
        beats=beats[kept],
        downbeats=np.array([kind == "db" for kind in kinds])[kept],
        strict=np.array([kind != "bR" for kind in kinds])[kept],
        metres=tuple((int(place[beat]), metre) for beat, metre in metres),
        keys=tuple((int(place[beat]), key) for beat, key in keys),
    )


def grid_from_annotations(annotations: Annotations) -> MetricalGrid:
    """The annotated beats and metres as a grid, of a performance or of a score: what is true."""
    bar = np.cumsum(annotations.downbeats) - int(annotations.downbeats[0])
    spans: list[MetreSpan] = []
    for number, (beat, metre) in enumerate(annotations.metres):
        span = MetreSpan(int(bar[beat]) if number else 0, *map(int, metre.split("/")))
        spans = [*(one for one in spans if one.first_bar < span.first_bar), span]
    return MetricalGrid(annotations.beats, annotations.downbeats, tuple(spans), certainty=1.0)
