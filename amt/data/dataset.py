"""Random training segments from caches, drawn anew for every index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from amt.data.manifest import Entry, open_notes, read_audio, read_manifest
from amt.data.pieces import Split
from amt.io.audio import SAMPLE_RATE
from amt.notes import (
    OFFSET,
    ONSET,
    PITCH,
    RELEASE,
    VELOCITY,
    Notes,
    has_sustain,
    sustain_presses,
)
from amt.notes import extend_sustain as extend_by_pedal

# Note tables kept by each worker: 0.2 MB for a long piece, so some 50 MB at most.
_KEPT_TABLES = 256


@dataclass(frozen=True, eq=False)
class NoteTable:
    """Notes of a piece, ready for cutting segments out.

    rows: (N, 5) float64, onset, offset (s), pitch, velocity, release of the key (s); sorted by
    onset. longest: the longest duration in seconds; no note that begins earlier than this before a
    time sounds then. presses: (P, 2), when the sustain pedal is down. pedal_known: whether the
    piece says what its pedal does; where it does not, neither are the releases known.
    """

    rows: np.ndarray
    longest: float
    presses: np.ndarray
    pedal_known: bool

    @staticmethod
    def of(notes: Notes, extend_sustain: bool = False) -> NoteTable:
        """The table of `notes`, whose offsets are extended by the pedal if asked for."""
        ends = extend_by_pedal(notes).offset if extend_sustain else notes.offset
        columns = {
            ONSET: notes.onset,
            OFFSET: ends,
            PITCH: notes.pitch,
            VELOCITY: notes.velocity,
            RELEASE: notes.offset,
        }
        rows = np.stack([columns[index] for index in sorted(columns)], axis=1)
        longest = float((ends - notes.onset).max(initial=0.0))
        return NoteTable(rows, longest, sustain_presses(notes), has_sustain(notes))

    def sounding(self, start: float, stop: float) -> np.ndarray:
        """Rows (n, 5) of the notes that sound within [start, stop); times relative to `start`."""
        onset = self.rows[:, ONSET]
        # A microsecond more: differences of float times are not exact.
        first, last = np.searchsorted(onset, (start - self.longest - 1e-6, stop))
        rows = self.rows[first:last]
        rows = rows[(rows[:, OFFSET] > start) | (rows[:, ONSET] >= start)].copy()
        rows[:, [ONSET, OFFSET, RELEASE]] -= start
        return rows

    def pressed(self, start: float, stop: float) -> np.ndarray:
        """Presses (p, 2) of the pedal within [start, stop); times relative to `start`."""
        inside = (self.presses[:, 1] > start) & (self.presses[:, 0] < stop)
        return self.presses[inside] - start


class Segments(Dataset):
    """Segments of `samples` samples from one split of one or more caches, without end.

    Segment `index` is a function of (seed, index) alone: the piece is drawn with a probability
    proportional to its duration (times the weight of its cache), the start anywhere in it. Pieces
    shorter than a segment are padded with zeros. Only what a segment needs is read from disk.

    caches: folders filled by `prepare`. weights: one a cache; None weighs all the same.
    extend_sustain: lengthen notes to the release of the sustain pedal that holds them.
    Raises CacheError where a cache is missing, ValueError where there is nothing to draw from.
    """

    def __init__(
        self,
        caches: Sequence[Path | str],
        split: Split,
        samples: int,
        seed: int,
        weights: Sequence[float] | None = None,
        extend_sustain: bool = True,
    ) -> None:
        weights = [1.0] * len(caches) if weights is None else weights
        if len(weights) != len(caches):
            raise ValueError(f"{len(weights)} weights for {len(caches)} caches; give one a cache")
        self.samples, self.seed, self.extend_sustain = samples, seed, extend_sustain
        self.places, chances = [], []
        for root, weight in zip(caches, weights, strict=True):
            entries = read_manifest(root, split)
            self.places += [(Path(root), entry) for entry in entries]
            chances += [entry.seconds * weight for entry in entries]
        if min(weights, default=0.0) < 0:
            raise ValueError(f"weights must not be negative, got {list(weights)}")
        if not sum(chances) > 0:
            raise ValueError(f"no {split} pieces in {', '.join(map(str, caches))}")
        self.cumulative = np.cumsum(chances) / sum(chances)

    def __getitem__(self, index: int) -> dict[str, np.ndarray | int]:
        """A segment.

        audio: (S,) float32 in -1..1. notes: (n, 5) float32, onset and offset in seconds from the
        start of the segment, pitch, velocity, release of the key; every note that sounds inside, so
        an onset may be negative and an offset beyond the end. pedal: (p, 2) float32, presses of the
        sustain pedal. pedal_known: whether the piece says what its pedal does. length: the samples
        of `audio` that are not padding.
        """
        root, entry, start = self.locate(index)
        return cut(root, entry, start, self.samples, self.extend_sustain)

    def locate(self, index: int) -> tuple[Path, Entry, int]:
        """Cache, piece and first sample of segment `index`."""
        rng = np.random.default_rng([self.seed, index])
        drawn = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        root, entry = self.places[min(drawn, len(self.places) - 1)]
        return root, entry, int(rng.integers(max(entry.samples - self.samples, 0) + 1))


def cut(
    root: Path, entry: Entry, start: int, samples: int, extend_sustain: bool
) -> dict[str, np.ndarray | int]:
    """The segment of `samples` samples that begins at sample `start` of a cached piece."""
    audio = np.zeros(samples, dtype=np.float32)
    piece = read_audio(root, entry, start, samples)
    audio[: len(piece)] = piece
    seconds = start / SAMPLE_RATE
    table = note_table(root, entry, extend_sustain)
    span = seconds, seconds + len(piece) / SAMPLE_RATE
    return {
        "audio": audio,
        "notes": table.sounding(*span).astype(np.float32),
        "pedal": table.pressed(*span).astype(np.float32),
        "pedal_known": table.pedal_known,
        "length": len(piece),
    }


@lru_cache(maxsize=_KEPT_TABLES)
def note_table(root: Path, entry: Entry, extend_sustain: bool) -> NoteTable:
    """The notes of a cached piece; the most recent ones are kept in memory."""
    return NoteTable.of(open_notes(root, entry), extend_sustain)


def collate(segments: Sequence[dict[str, np.ndarray | int]]) -> dict[str, torch.Tensor]:
    """A batch: audio (B, S), notes (B, N, 5), pedal (B, P, 2) float32; pedal_known, length (B,).

    Rows that only fill a note table up have pitch 0; those that fill up presses have no length.
    """
    return {
        "audio": torch.from_numpy(np.stack([np.asarray(s["audio"]) for s in segments])),
        "notes": _padded([np.asarray(s["notes"]) for s in segments]),
        "pedal": _padded([np.asarray(s["pedal"]) for s in segments]),
        "pedal_known": torch.tensor([bool(s["pedal_known"]) for s in segments]),
        "length": torch.tensor([int(s["length"]) for s in segments]),
    }


def _padded(tables: Sequence[np.ndarray]) -> torch.Tensor:
    """Tables (n, C) filled up with zeros to equal lengths: (B, N, C)."""
    columns = tables[0].shape[1]
    padded = np.zeros((len(tables), max(map(len, tables)), columns), dtype=np.float32)
    for rows, table in zip(padded, tables, strict=True):
        rows[: len(table)] = table
    return torch.from_numpy(padded)


class IndexSampler(Sampler[int]):
    """Indices for endless data: an epoch has `length` indices from `start()` on.

    Every rank takes its own share, so no index is drawn twice or missed by any worker or rank.
    `start` is asked when an epoch begins; where it counts the segments drawn so far, a resumed run
    goes on where it stopped. `length` is rounded up to a multiple of `world_size`: ranks with
    unequal shares would wait for each other for ever.
    """

    def __init__(
        self,
        length: int,
        rank: int = 0,
        world_size: int = 1,
        start: Callable[[], int] = lambda: 0,
    ) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} is not in 0..{world_size - 1}")
        self.share = -(-length // world_size)
        self.rank, self.world_size, self.start = rank, world_size, start

    def __iter__(self) -> Iterator[int]:
        first = self.start() + self.rank
        return iter(range(first, first + self.share * self.world_size, self.world_size))

    def __len__(self) -> int:
        return self.share
