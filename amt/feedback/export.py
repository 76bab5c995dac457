"""Accepted pairs as a folder for training: data=corrections, or data=folder with split: folder.

train/PAIR.flac, train/PAIR.mid, and the same in validation/ and test/; pairs.json lists them with
their checksums, so that a training run can say from which corrections it learnt.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from amt.cloud.lake import Lake
from amt.data.pieces import SPLITS, Split
from amt.feedback.decision import Decision
from amt.feedback.pairs import FOLDER as CORRECTIONS
from amt.feedback.pairs import MIDI, Pair, PairError, list_pairs, read_pair
from amt.io.atomic import atomic_write_folder
from amt.io.audio import load_bytes, save

LISTING = "pairs.json"


@dataclass(frozen=True)
class Exported:
    """A pair in the folder: a line of pairs.json."""

    pair: str
    split: Split
    recording: str
    seconds: float
    note_count: int
    corrected: str
    audio_crc32c: str
    notes_crc32c: str


@dataclass(frozen=True)
class Snapshot:
    """The folder, what is in it, and the lake from which it came."""

    folder: Path
    pairs: tuple[Exported, ...]
    lake: str

    def document(self) -> dict[str, Any]:
        """The content of pairs.json."""
        return {"lake": self.lake, "pairs": [asdict(one) for one in self.pairs]}

    def __str__(self) -> str:
        splits = Counter(one.split for one in self.pairs)
        minutes = sum(one.seconds for one in self.pairs) / 60
        shares = ", ".join(f"{splits[split]} {split}" for split in SPLITS)
        return f"{self.folder}: {len(self.pairs)} pairs, {minutes:.1f} minutes ({shares})"


def export_pairs(lake: Lake, folder: Path) -> Snapshot:
    """Write the accepted pairs into `folder`, whole or not at all; an earlier export is replaced.

    Raises PairError if none is accepted or all are kept for test and validation, FileExistsError if
    the folder holds anything else, AudioError, StorageError.
    """
    pairs = list_pairs(lake)
    chosen = [(pair, pair.decision) for pair in pairs if pair.status == "accepted"]
    used = [(pair, decision) for pair, decision in chosen if decision is not None]
    _check_usable(lake, pairs, used)
    with atomic_write_folder(folder, (*SPLITS, LISTING)) as part:
        exported = tuple(_export(lake, pair, decision, part) for pair, decision in used)
        snapshot = Snapshot(folder, exported, lake.uri)
        (part / LISTING).write_text(json.dumps(snapshot.document(), indent=1) + "\n", "utf-8")
    return snapshot


def _check_usable(lake: Lake, pairs: Sequence[Pair], used: Sequence[tuple[Pair, Decision]]) -> None:
    counts = Counter(pair.status for pair in pairs)
    found = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
    if not used:
        raise PairError(
            f"{lake.uri}: no pair is accepted (pairs: {found}); `amt feedback check` decides on "
            "new ones, `amt feedback accept PAIR` on those to be reviewed"
        )
    if all(decision.split != "train" for _, decision in used):
        raise PairError(
            f"{lake.uri}: all accepted pairs ({len(used)}) are kept for test or validation, none "
            "is left for training; correct more recordings"
        )


def _export(lake: Lake, pair: Pair, decision: Decision, folder: Path) -> Exported:
    """Write audio (16 kHz, mono) and notes of a pair into the folder of its split."""
    content = read_pair(lake, pair)
    audio = load_bytes(content.audio, strict=True, on_warning=lambda _: None)
    base = folder / decision.split / pair.id
    base.parent.mkdir(exist_ok=True)
    # Samples above full scale would be clipped.
    save(base.with_suffix(".flac"), audio / max(1.0, float(abs(audio).max())))
    base.with_suffix(".mid").write_bytes(lake.read(f"{CORRECTIONS}/{pair.id}/{MIDI}"))
    for suffix in (".flac", ".mid"):
        # The same times in every export: what training prepared of it is still valid.
        time = datetime.fromisoformat(pair.corrected).timestamp()
        os.utime(base.with_suffix(suffix), (time, time))
    return Exported(
        pair.id,
        decision.split,
        pair.recording,
        decision.seconds,
        len(content.notes),
        pair.corrected,
        decision.audio_crc32c,
        decision.notes_crc32c,
    )
