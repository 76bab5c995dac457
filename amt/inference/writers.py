"""Write a transcription to a file: MIDI, tables, a piano-roll image, audio, arrays or a score."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from amt.inference.arrays import piano_roll_array
from amt.inference.retuning import tuning_remark
from amt.io.atomic import atomic_write
from amt.io.audio import save
from amt.io.midi import write_midi
from amt.io.note_tables import write_csv, write_json, write_table
from amt.io.tempo_map import TempoMap
from amt.notes import Notes

if TYPE_CHECKING:
    from amt.inference.transcription import Transcription

# Notes to samples (S,) at amt.io.audio.SAMPLE_RATE.
Player = Callable[[Notes], np.ndarray]


class Notated(Protocol):
    """What follows from the notes of a piece: `amt.score.notated.NotatedPiece`."""

    @property
    def tempo_map(self) -> TempoMap | None:
        """Of its MIDI file."""

    @property
    def remark(self) -> str:
        """What is to be said of that."""

    @property
    def doubt(self) -> str:
        """What is to be said of its score."""

    def written(self, notes: Notes) -> Notes:
        """Notes of the piece as they are written."""

    def content(self, format: str) -> bytes:
        """The content of a file of the score."""


class Notation(Protocol):
    """How pieces are written: `amt.score.notated.Notation`."""

    def of(self, notes: Notes, title: str) -> Notated:
        """A piece by its notes, which end where their keys are released, with the pedal."""


# The format of which a recording gets two files, with these ends of their names.
ARRAYS = "npy"
PIANO_ROLL, EMBEDDING = "_piano_roll.npy", "_embedding.npy"
# Sheet music.
SCORES = ("musicxml", "pdf", "svg")


def endings(formats: Sequence[str]) -> list[str]:
    """What is added to the name of a recording for its files in `formats`, each one of `FORMATS`
    or `SCORES`, or a suffix without its dot."""
    parts = [[PIANO_ROLL, EMBEDDING] if name == ARRAYS else [f".{name}"] for name in formats]
    return [ending for part in parts for ending in part]


def write_all(
    paths: Sequence[Path],
    result: Transcription,
    player: Player,
    notation: Notation | None = None,
    title: str = "",
) -> str:
    """Write a transcription to all paths, as `write` does; scores last, which may be impossible.

    Returns what is to be said of it: of a tuning that was corrected, and of beats (of the tempo of
    a MIDI file, of a score).
    """
    remark = tuning_remark(result.tuning_document())
    notated = None
    if notation:
        played = result.notes if result.keyed is None else result.keyed
        notated = notation.of(played, title)
    for path in sorted(paths, key=is_score):
        write(path, result, player, notated)
    return "; ".join(filter(None, (remark, _beats_remark(paths, notated))))


def _beats_remark(paths: Sequence[Path], notated: Notated | None) -> str:
    if notated is None:
        return ""
    has_midi = any(path.suffix == ".mid" for path in paths)
    has_score = any(map(is_score, paths))
    return (notated.remark if has_midi else "") or (notated.doubt if has_score else "")


def write(
    path: Path, result: Transcription, player: Player, notated: Notated | None = None
) -> None:
    """Write a transcription in the format that the end of the path's name says.

    It is one of `endings(FORMATS)`, or of `SCORES`, which need `notated`. The file is written
    completely or not at all. Raises OSError, MidiError, AudioError, or ValueError for a score that
    cannot be made.
    """
    notes = result.notes
    if notated and (moved := notated.written(notes)) is not notes:
        notes = moved
        result = replace(result, notes=moved, seconds=max(result.seconds, moved.end))
    if path.suffix == ".mid":
        write_midi(path, notes, tempo_map=notated.tempo_map if notated else None)
    elif is_score(path):
        assert notated is not None
        write_bytes(path, notated.content(path.suffix.removeprefix(".")))
    elif path.name.endswith(PIANO_ROLL):
        _write_array(path, piano_roll_array(notes, result.seconds))
    elif path.name.endswith(EMBEDDING):
        assert result.embedding is not None
        _write_array(path, result.embedding)
    else:
        _WRITERS[path.suffix.removeprefix(".")](path, result, player)


def is_score(path: Path) -> bool:
    """Whether a file is sheet music, by its name."""
    return path.suffix.removeprefix(".") in SCORES


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file completely or not at all. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def _write_array(path: Path, array: np.ndarray) -> None:
    with atomic_write(path) as temporary:
        np.save(temporary, array, allow_pickle=False)


def load_player(piano: Path | None, seed: int | None = None) -> Player:
    """A function that renders notes: with the sampled piano in a folder, or the built-in piano.

    With a seed the built-in piano gets random properties and a random room. Raises SampleMapError
    or AudioError if the sampled piano cannot be read.
    """
    rng = np.random.default_rng(0 if seed is None else seed)
    if piano is not None:
        from amt.synth.sampler import SampledPiano

        sampled = SampledPiano.load(piano)
        return lambda notes: sampled.render(notes, rng=rng)
    from amt.synth import piano as builtin

    instrument = builtin.Instrument() if seed is None else builtin.random_instrument(rng)
    return lambda notes: builtin.render(notes, instrument, rng)


def _write_json(path: Path, result: Transcription, _player: Player) -> None:
    write_json(path, result.notes, result.seconds, {"tuning": result.tuning_document()})


def _write_csv(path: Path, result: Transcription, _player: Player) -> None:
    write_csv(path, result.notes)


def _write_tsv(path: Path, result: Transcription, _player: Player) -> None:
    write_table(path, result.notes)


def _write_png(path: Path, result: Transcription, _player: Player) -> None:
    from amt.evaluation.plots import piano_roll_figure, save_figure

    figure = piano_roll_figure(result.notes, result.seconds, title=readable_name(path))
    save_figure(figure, path)


def _write_wav(path: Path, result: Transcription, player: Player) -> None:
    save(path, player(result.notes))


def readable_name(path: Path) -> str:
    """The name of a file without suffix, as a title; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path.stem).decode("utf-8", "replace")


_WRITERS = {
    "json": _write_json,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "png": _write_png,
    "wav": _write_wav,
}
FORMATS = ("mid", *_WRITERS, ARRAYS)
