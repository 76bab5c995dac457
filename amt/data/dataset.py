"""Random training segments from caches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from amt.data.ahead import Ahead
from amt.data.manifest import Entry, Root, fetch, open_notes, read_audio, read_manifest
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

# Note tables in the memory of each worker: 0.2 MB for a long piece, so about 50 MB at most.
_KEPT_TABLES = 256


@dataclass(frozen=True, eq=False)
class NoteTable:
    """Notes of a piece as an array, from which segments are cut.

    rows: (N, 5) float64: onset, offset (s), pitch, velocity, key release (s); sorted by onset.
    max_duration: of all notes, in seconds. presses: (P, 2), press and release of the sustain pedal
    in seconds. pedal_known: whether the piece has pedal data; if not, its offsets may be those of
    the pedal, so that key releases are unknown too.
    """

    rows: np.ndarray
    max_duration: float
    presses: np.ndarray
    pedal_known: bool

    @staticmethod
    def from_notes(notes: Notes, extend_sustain: bool = False) -> NoteTable:
        """The table of `notes`; extend_sustain: extend offsets to the release of the pedal."""
        ends = extend_by_pedal(notes).offset if extend_sustain else notes.offset
        columns = {
            ONSET: notes.onset,
            OFFSET: ends,
            PITCH: notes.pitch,
            VELOCITY: notes.velocity,
            RELEASE: notes.offset,
        }
        rows = np.stack([columns[index] for index in sorted(columns)], axis=1)
        max_duration = float((ends - notes.onset).max(initial=0.0))
        return NoteTable(rows, max_duration, sustain_presses(notes), has_sustain(notes))

    def notes_between(self, start: float, stop: float) -> np.ndarray:
        """Rows (n, 5) of the notes that sound within [start, stop); times relative to `start`."""
        onset = self.rows[:, ONSET]
        # A microsecond more, since differences of float times are not exact.
        first, last = np.searchsorted(onset, (start - self.max_duration - 1e-6, stop))
        rows = self.rows[first:last]
        rows = rows[(rows[:, OFFSET] > start) | (rows[:, ONSET] >= start)].copy()
        rows[:, [ONSET, OFFSET, RELEASE]] -= start
        return rows

    def presses_between(self, start: float, stop: float) -> np.ndarray:
        """Pedal presses (p, 2) that overlap [start, stop); times relative to `start`."""
        inside = (self.presses[:, 1] > start) & (self.presses[:, 0] < stop)
        return self.presses[inside] - start


class Segments(Dataset):
    """Endless random segments of `samples` samples from one split of one or more caches.

    Segment `index` depends on (seed, index) alone: a piece is drawn with a probability proportional
    to its duration times the weight of its cache, and a uniform start within it. Pieces shorter
    than a segment are padded with zeros. Only the segment is read from the disk.

    caches: folders filled by `prepare`. weights: one per cache; None, all equal. extend_sustain:
    extend notes to the release of the sustain pedal. shares: one per cache, see `shared_weights`.
    world_size: processes that divide the segments among themselves.
    Raises CacheError if a cache is missing, ValueError if there are no pieces to draw from.
    """

    def __init__(
        self,
        caches: Sequence[Root],
        split: Split,
        samples: int,
        seed: int,
        weights: Sequence[float] | None = None,
        extend_sustain: bool = True,
        shares: Sequence[float | None] | None = None,
        world_size: int = 1,
    ) -> None:
        weights = [1.0] * len(caches) if weights is None else weights
        if len(weights) != len(caches):
            raise ValueError(
                f"{len(weights)} weights for {len(caches)} caches; expected one per cache"
            )
        self.samples, self.seed, self.extend_sustain = samples, seed, extend_sustain
        if min(weights, default=0.0) < 0:
            raise ValueError(f"weights must not be negative, got {list(weights)}")
        listed = [read_manifest(root, split) for root in caches]
        seconds = [sum(entry.seconds for entry in entries) for entries in listed]
        weights = shared_weights(seconds, weights, shares or [None] * len(weights))
        self.pieces, chances = [], []
        for root, entries, weight in zip(caches, listed, weights, strict=True):
            self.pieces += [(root, entry) for entry in entries]
            chances += [entry.seconds * weight for entry in entries]
        if not sum(chances) > 0:
            raise ValueError(f"no {split} pieces in {', '.join(map(str, caches))}")
        self.cumulative = np.cumsum(chances) / sum(chances)
        self.ahead = Ahead(caches, self._piece, world_size)

    def __getitem__(self, index: int) -> dict[str, np.ndarray | int]:
        """A segment, as a dictionary.

        audio: (S,) float32 in -1..1. notes: (n, 5) float32, the columns of `NoteTable.rows`, of all
        notes that sound within the segment; times in seconds from its start, so that an onset may
        be negative and an offset beyond the end. pedal: (p, 2) float32, presses of the sustain
        pedal. pedal_known: whether the piece has pedal data. length: samples that are not padding.
        """
        root, entry, start = self.locate(index)
        return cut(root, entry, start, self.samples, self.extend_sustain)

    def __getitems__(self, indices: list[int]) -> list[dict[str, np.ndarray | int]]:
        """The segments of a batch, which a loader asks for; pieces are fetched at the same time."""
        self.ahead.after(indices)
        fetch(self.locate(index)[:2] for index in indices)
        return [self[index] for index in indices]

    def _piece(self, index: int) -> tuple[Root, Entry]:
        return self.locate(index)[:2]

    def locate(self, index: int) -> tuple[Root, Entry, int]:
        """Cache, piece and start sample of segment `index`."""
        rng = np.random.default_rng([self.seed, index])
        drawn = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        root, entry = self.pieces[min(drawn, len(self.pieces) - 1)]
        return root, entry, int(rng.integers(max(entry.samples - self.samples, 0) + 1))


class ValidationExcerpts(Dataset):
    """The first `samples` samples of every piece of a split, without any randomness.

    `set` is the number of its cache.
    """

    def __init__(
        self,
        caches: Sequence[Root],
        split: Split,
        samples: int,
        extend_sustain: bool,
        world_size: int = 1,
    ) -> None:
        self.pieces = [
            (number, root, entry)
            for number, root in enumerate(caches)
            for entry in read_manifest(root, split)
        ]
        self.samples = samples
        self.extend_sustain = extend_sustain
        self.ahead = Ahead(caches, self._locate, world_size)

    def _locate(self, index: int) -> tuple[Root, Entry] | None:
        return self.pieces[index][1:] if index < len(self.pieces) else None

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> dict[str, Any]:
        self.ahead.after([index])
        number, root, entry = self.pieces[index]
        samples = min(self.samples, entry.samples)
        return {**cut(root, entry, 0, samples, self.extend_sustain), "set": number}


def shared_weights(
    seconds: Sequence[float], weights: Sequence[float], shares: Sequence[float | None]
) -> list[float]:
    """The weight of a second of each source, with which sources get their shares of all segments.

    seconds: how long each source is. shares: fractions from 0 to below 1; None: the source divides
    the rest with others by its weight. A source without pieces leaves its share to the others.
    Raises ValueError for other shares.
    """
    given = [0.0 if share is None else share for share in shares]
    if min(given, default=0.0) < 0 or sum(given) >= 1:
        raise ValueError(f"data.shares={given}: expected fractions that add up to less than 1")
    sources = list(zip(seconds, weights, shares, strict=True))
    rest = sum(length * weight for length, weight, share in sources if share is None)
    scale = (rest or 1.0) / (1 - sum(given))
    return [
        weight if share is None else share * scale / max(length, 1e-9)
        for length, weight, share in sources
    ]


def cut(
    root: Root, entry: Entry, start: int, samples: int, extend_sustain: bool
) -> dict[str, np.ndarray | int]:
    """The segment of `samples` samples of a cached piece from sample `start` on; see `Segments`."""
    audio = np.zeros(samples, dtype=np.float32)
    found = read_audio(root, entry, start, samples)
    audio[: len(found)] = found
    seconds = start / SAMPLE_RATE
    table = note_table(root, entry, extend_sustain)
    span = seconds, seconds + len(found) / SAMPLE_RATE
    return {
        "audio": audio,
        "notes": table.notes_between(*span).astype(np.float32),
        "pedal": table.presses_between(*span).astype(np.float32),
        "pedal_known": table.pedal_known,
        "length": len(found),
    }


@lru_cache(maxsize=_KEPT_TABLES)
def note_table(root: Root, entry: Entry, extend_sustain: bool) -> NoteTable:
    """The notes of a cached piece; recent ones are kept in memory."""
    return NoteTable.from_notes(open_notes(root, entry), extend_sustain)


def collate(segments: Sequence[dict[str, np.ndarray | int]]) -> dict[str, torch.Tensor]:
    """A batch: audio (B, S), notes (B, N, 5), pedal (B, P, 2) float32; pedal_known, length (B,).

    Of validation excerpts also set (B,). Note tables and pedal presses are padded with rows of
    zeros: notes of pitch 0, presses of zero duration.
    """
    sets = [int(s["set"]) for s in segments if "set" in s]
    return {
        "audio": torch.from_numpy(np.stack([np.asarray(s["audio"]) for s in segments])),
        "notes": _padded([np.asarray(s["notes"]) for s in segments]),
        "pedal": _padded([np.asarray(s["pedal"]) for s in segments]),
        "pedal_known": torch.tensor([bool(s["pedal_known"]) for s in segments]),
        "length": torch.tensor([int(s["length"]) for s in segments]),
        **({"set": torch.tensor(sets)} if sets else {}),
    }


def _padded(tables: Sequence[np.ndarray]) -> torch.Tensor:
    """Tables (n, C), padded with zeros to the longest: (B, N, C)."""
    columns = tables[0].shape[1]
    padded = np.zeros((len(tables), max(map(len, tables)), columns), dtype=np.float32)
    for rows, table in zip(padded, tables, strict=True):
        rows[: len(table)] = table
    return torch.from_numpy(padded)


class IndexSampler(Sampler[int]):
    """Indices for an endless data set: each epoch has `length` indices, from `start()` on.

    Each rank gets every `world_size`-th index, so that no index is drawn twice or missed. `start`
    is called at the beginning of an epoch; if it counts the segments drawn so far, a resumed run
    continues where it stopped. `length` is rounded up to a multiple of `world_size`, since ranks
    with different numbers of batches would wait for each other forever. torch's DistributedSampler
    needs a data set of finite length and cannot resume within it.
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
        self.length_per_rank = -(-length // world_size)
        self.rank, self.world_size, self.start = rank, world_size, start

    def __iter__(self) -> Iterator[int]:
        first = self.start() + self.rank
        return iter(range(first, first + self.length_per_rank * self.world_size, self.world_size))

    def __len__(self) -> int:
        return self.length_per_rank
