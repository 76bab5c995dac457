"""MAESTRO (Hawthorne et al. 2019): piano competition recordings with the Disklavier's own MIDI."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from amt.data.pieces import (
    AUDIO_SUFFIXES,
    SPLITS,
    Piece,
    Recording,
    SourceError,
    Split,
    existing_root,
    files_fingerprint,
    hash_fraction,
    paired_piece,
    safe_name,
    unusable_piece,
)
from amt.data.rendering import piano_names, render_notes, rendering_fingerprint, room_files
from amt.io.note_tables import read_notes

COLUMNS = ("canonical_composer", "canonical_title", "split", "midi_filename", "audio_filename")

_ADVICE = "download MAESTRO from https://magenta.tensorflow.org/datasets/maestro and unpack it"


@dataclass(frozen=True)
class Maestro:
    """MAESTRO v1, v2 or v3, by the CSV in `root` that matches `table`, with the CSV's split.

    Audio is wav, or of another suffix beside the same stem (the mp3 mirror). The JSON is not read:
    it changed its shape between versions. Composer and title make the work; where a table has a
    work in two splits, `prepare` refuses it (no version of MAESTRO does).

    splits: those to use. limit: at most so many pieces of each, drawn by `seed`, after the first
    `skip` that it would draw: what one limit takes another can leave. render: play the
    MIDI instead of reading audio, on "builtin", the folder of a sampled piano or a list of such;
    piano and setting of each piece are drawn by `seed`. copies: play each MIDI so many times, each
    on the next piano and in another setting. rooms: a folder of impulse responses; half of the
    pieces on sampled pianos sound in one of them.
    """

    root: str
    table: str = "maestro-v*.csv"
    splits: Sequence[Split] = SPLITS
    limit: int | None = None
    skip: int = 0
    render: str | Sequence[str] | None = None
    copies: int = 1
    rooms: str | None = None
    seed: int = 0
    name: str = "maestro"

    def pieces(self) -> list[Piece]:
        """All chosen pieces in the order of the CSV; raises SourceError where something lacks."""
        root = existing_root(self.root, _ADVICE)
        unknown = [split for split in self.splits if split not in SPLITS]
        if unknown:
            raise SourceError(f"splits has {unknown[0]}; expected some of {', '.join(SPLITS)}")
        rows = self._chosen(_read_rows(_find_table(root, self.table)))
        if self.copies < 1 or (self.copies > 1 and self.render is None):
            raise SourceError(f"copies={self.copies}; expected 1, or more with render=PIANOS")
        if self.render is not None:
            return self._rendered(root, rows, piano_names(self.render), room_files(self.rooms))
        sounds = [_find_audio(root / row["audio_filename"]) for row in rows]
        if not any(sounds):
            raise SourceError(
                f"no audio below {self.root}; to play the MIDI instead: render=builtin, or "
                "the folder of a sampled piano"
            )
        return [_recorded(root, row, sound) for row, sound in zip(rows, sounds, strict=True)]

    def _chosen(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        chosen: set[str] = set()
        for split in SPLITS:
            members = [row for row in rows if row["split"] == split and split in self.splits]
            members.sort(key=lambda row: hash_fraction(f"{self.seed}:{row['midi_filename']}"))
            chosen |= {row["midi_filename"] for row in members[self.skip :][: self.limit]}
        return [row for row in rows if row["midi_filename"] in chosen]

    def _rendered(
        self,
        root: Path,
        rows: list[dict[str, str]],
        pianos: tuple[str, ...],
        rooms: tuple[Path, ...],
    ) -> list[Piece]:
        version = rendering_fingerprint(pianos, rooms)
        pieces = []
        for row, copy in product(rows, range(self.copies)):
            midi = root / row["midi_filename"]
            load = partial(render_midi, midi, pianos, self.seed, copy, rooms)
            fingerprint = f"{files_fingerprint([midi])}:{version}:{self.seed}:{copy}"
            name = f"{_name(row)}-copy{copy}" if copy else _name(row)
            pieces.append(Piece(name, _split(row), _work(row), load, fingerprint))
        return pieces


def render_midi(
    midi: Path, pianos: Sequence[str], seed: int, copy: int = 0, rooms: Sequence[Path] = ()
) -> Recording:
    """A MIDI file on the piano that its name and `seed` choose; each copy is on the next one."""
    first = int(hash_fraction(f"{seed}:{midi.name}") * len(pianos))
    rng = np.random.default_rng([seed, int(hash_fraction(midi.name) * 2**32), copy])
    return render_notes(read_notes(midi), [pianos[(first + copy) % len(pianos)]], rng, rooms)


def _find_table(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise SourceError(f"expected one {pattern} in {root}, found {names}; set table=NAME")
    return found[0]


def _read_rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        rows = list(reader)
    if missing:
        raise SourceError(f"{table}: not a MAESTRO table, it lacks the column {missing[0]}")
    for row in rows:
        if row["split"] not in SPLITS:
            raise SourceError(f"{table}: unknown split {row['split']!r} ({row['midi_filename']})")
    return rows


def _find_audio(path: Path) -> Path | None:
    """The recording itself, or the same stem with another suffix that can be decoded."""
    suffixes = (path.suffix, *AUDIO_SUFFIXES)
    candidates = (path.with_suffix(suffix) for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _recorded(root: Path, row: dict[str, str], sound: Path | None) -> Piece:
    if sound is None:
        reason = f"no audio {root / row['audio_filename']} (nor of another suffix)"
        return unusable_piece(_name(row), _split(row), _work(row), reason)
    midi = root / row["midi_filename"]
    return paired_piece(_name(row), _split(row), _work(row), sound, midi)


def _name(row: dict[str, str]) -> str:
    return safe_name(Path(row["midi_filename"]).stem)


def _split(row: dict[str, str]) -> Split:
    return next(split for split in SPLITS if split == row["split"])


def _work(row: dict[str, str]) -> str:
    return f"{row['canonical_composer']}: {row['canonical_title']}"
