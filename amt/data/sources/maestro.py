"""MAESTRO (Hawthorne et al. 2019): recordings of a piano competition with MIDI of a Disklavier."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from amt.data.pieces import (
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
    tidy_paths,
    unusable_piece,
)
from amt.data.rendering import (
    piano_names,
    render_notes,
    rendering_fingerprint,
    room_files,
    split_pianos,
)
from amt.errors import one_line
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.note_tables import read_notes

CSV_COLUMNS = ("canonical_composer", "canonical_title", "split", "midi_filename", "audio_filename")

_SAVE = "save it as UTF-8 CSV with commas"
_ADVICE = "download MAESTRO from https://magenta.tensorflow.org/datasets/maestro and unpack it"


@dataclass(frozen=True)
class Maestro:
    """MAESTRO v1, v2 or v3, by the CSV in `root` that matches `table`, with the splits of the CSV.

    Audio is wav, or a file with the same stem and another suffix (the mp3 mirror). The JSON is not
    read, since its structure differs between versions. A composition is a composer and a title; one
    in two splits is an error (no version of MAESTRO has any).

    splits: those to use. limit: at most so many pieces of each, in a random order given by `seed`,
    after the first `skip` pieces of it; so two sources can share a split. render: render the MIDI
    instead of reading audio, on "builtin", the folder of a sampled piano or a list of these; `seed`
    draws piano and recording conditions of each piece. copies: render each MIDI so many times, each
    on the next piano under other conditions. vary_pianos: make another instrument of the samples
    for each piece. rooms: folder of impulse responses, used by half of the pieces on sampled
    pianos.
    """

    root: str
    table: str = "maestro-v*.csv"
    splits: Sequence[Split] = SPLITS
    limit: int | None = None
    skip: int = 0
    render: str | Sequence[str] | None = None
    copies: int = 1
    vary_pianos: bool = False
    rooms: str | None = None
    seed: int = 0
    name: str = "maestro"

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", tidy_paths(self.root))
        object.__setattr__(self, "render", tidy_paths(split_pianos(self.render)))
        object.__setattr__(self, "rooms", tidy_paths(self.rooms))

    def pieces(self) -> list[Piece]:
        """All selected pieces in the order of the CSV; raises SourceError if files are missing."""
        root = existing_root(self.root, _ADVICE)
        unknown = [split for split in self.splits if split not in SPLITS]
        if unknown:
            raise SourceError(f"splits has {unknown[0]}; expected some of {', '.join(SPLITS)}")
        table = _find_table(root, self.table, self.name)
        rows = self._select(_read_rows(table))
        if self.skip < 0 or (self.limit is not None and self.limit < 0):
            raise SourceError(f"skip={self.skip}, limit={self.limit}: expected 0 or more pieces")
        if self.copies < 1 or (self.copies > 1 and self.render is None):
            raise SourceError(f"copies={self.copies}; expected 1, or more with render=PIANOS")
        if self.render is not None:
            return self._rendered(root, rows, piano_names(self.render), room_files(self.rooms))
        audio_files = [_find_audio(root / row["audio_filename"]) for row in rows]
        if not any(audio_files):
            raise SourceError(
                f"{self.root} has none of the audio that {table.name} names, such as "
                f"{rows[0]['audio_filename'] if rows else 'NAME.wav'}; to render the MIDI instead, "
                "set render=builtin or to the folder of a sampled piano"
            )
        return [_recorded(root, row, path) for row, path in zip(rows, audio_files, strict=True)]

    def _select(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        selected: set[str] = set()
        for split in SPLITS:
            members = [row for row in rows if row["split"] == split and split in self.splits]
            members.sort(key=lambda row: hash_fraction(f"{self.seed}:{row['midi_filename']}"))
            selected |= {row["midi_filename"] for row in members[self.skip :][: self.limit]}
        return [row for row in rows if row["midi_filename"] in selected]

    def _rendered(
        self,
        root: Path,
        rows: list[dict[str, str]],
        pianos: tuple[str, ...],
        rooms: tuple[Path, ...],
    ) -> list[Piece]:
        version = rendering_fingerprint(pianos, rooms, self.vary_pianos)
        pieces = []
        for row, copy in product(rows, range(self.copies)):
            midi = root / row["midi_filename"]
            load = partial(render_midi, midi, pianos, self.seed, copy, rooms, self.vary_pianos)
            fingerprint = f"{files_fingerprint([midi])}:{version}:{self.seed}:{copy}"
            name = f"{_name(row)}-copy{copy}" if copy else _name(row)
            pieces.append(Piece(name, _split(row), _composition(row), load, fingerprint))
        return pieces


def render_midi(
    midi: Path,
    pianos: Sequence[str],
    seed: int,
    copy: int = 0,
    rooms: Sequence[Path] = (),
    vary_pianos: bool = False,
) -> Recording:
    """Render a MIDI file on the piano given by its name and `seed`; each copy on the next piano."""
    first = int(hash_fraction(f"{seed}:{midi.name}") * len(pianos))
    rng = np.random.default_rng([seed, int(hash_fraction(midi.name) * 2**32), copy])
    piano = pianos[(first + copy) % len(pianos)]
    return render_notes(read_notes(midi, strict=True), [piano], rng, rooms, vary_pianos)


def _find_table(root: Path, pattern: str, source: str) -> Path:
    found = sorted(root.glob(pattern))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise SourceError(
            f"expected one {pattern} in {root}, found {names}; type --table NAME, or for train.py "
            f"++data.sources.{source}.table=NAME"
        )
    return found[0]


def _read_rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in CSV_COLUMNS if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (UnicodeError, csv.Error) as error:
        raise SourceError(f"{table}: not a MAESTRO table ({one_line(error)}); {_SAVE}") from error
    if missing:
        raise SourceError(f"{table}: not a MAESTRO table, it lacks {missing[0]}; {_SAVE}")
    for number, row in enumerate(rows, start=1):
        if any(row[name] is None for name in CSV_COLUMNS):
            raise SourceError(f"{table}: row {number} has too few cells; {_SAVE}")
        if row["split"] not in SPLITS:
            expected = f"row {number} ({row['midi_filename']}); expected one of {', '.join(SPLITS)}"
            raise SourceError(f"{table}: unknown split {row['split']!r} in {expected}")
    return rows


def _find_audio(path: Path) -> Path | None:
    """The audio file `path`, or one with the same stem and another audio suffix."""
    suffixes = (path.suffix, *AUDIO_SUFFIXES, *map(str.upper, AUDIO_SUFFIXES))
    candidates = (path.with_suffix(suffix) for suffix in suffixes)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _recorded(root: Path, row: dict[str, str], audio_file: Path | None) -> Piece:
    if audio_file is None:
        reason = f"no audio {root / row['audio_filename']} (nor with another suffix)"
        return unusable_piece(_name(row), _split(row), _composition(row), reason)
    midi = root / row["midi_filename"]
    return paired_piece(_name(row), _split(row), _composition(row), audio_file, midi)


def _name(row: dict[str, str]) -> str:
    return safe_name(Path(row["midi_filename"]).stem)


def _split(row: dict[str, str]) -> Split:
    return next(split for split in SPLITS if split == row["split"])


def _composition(row: dict[str, str]) -> str:
    return f"{row['canonical_composer']}: {row['canonical_title']}"
