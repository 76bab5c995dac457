"""Write a transcription to a file: MIDI, JSON, CSV, TSV, a piano-roll image, audio or arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from amt.inference.arrays import piano_roll_array
from amt.io.atomic import atomic_write
from amt.io.audio import save
from amt.io.midi import write_midi
from amt.io.note_tables import write_csv, write_json, write_table
from amt.notes import Notes

# Notes to samples (S,) at amt.io.audio.SAMPLE_RATE.
Player = Callable[[Notes], np.ndarray]


# The format of which a recording gets two files, with these ends of their names.
ARRAYS = "npy"
PIANO_ROLL, EMBEDDING = "_piano_roll.npy", "_embedding.npy"


def endings(formats: Sequence[str]) -> list[str]:
    """What is added to the name of a recording for its files in `formats`, each one of `FORMATS`
    or a suffix without its dot."""
    parts = [[PIANO_ROLL, EMBEDDING] if name == ARRAYS else [f".{name}"] for name in formats]
    return [ending for part in parts for ending in part]


def write(
    path: Path,
    notes: Notes,
    seconds: float,
    player: Player,
    embedding: np.ndarray | None = None,
) -> None:
    """Write a transcription of `seconds` in the format that the end of the path's name says.

    It is one of `endings(FORMATS)`. embedding: what a path that ends in `EMBEDDING` will hold. The
    file is written completely or not at all. Raises OSError, MidiError or AudioError.
    """
    if path.name.endswith(PIANO_ROLL):
        _write_array(path, piano_roll_array(notes, seconds))
    elif path.name.endswith(EMBEDDING):
        assert embedding is not None
        _write_array(path, embedding)
    else:
        _WRITERS[path.suffix.removeprefix(".")](path, notes, seconds, player)


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


def _write_mid(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    write_midi(path, notes)


def _write_json(path: Path, notes: Notes, seconds: float, _player: Player) -> None:
    write_json(path, notes, seconds)


def _write_csv(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    write_csv(path, notes)


def _write_tsv(path: Path, notes: Notes, _seconds: float, _player: Player) -> None:
    write_table(path, notes)


def _write_png(path: Path, notes: Notes, seconds: float, _player: Player) -> None:
    from amt.evaluation.plots import piano_roll_figure, save_figure

    save_figure(piano_roll_figure(notes, seconds, title=readable_name(path)), path)


def _write_wav(path: Path, notes: Notes, _seconds: float, player: Player) -> None:
    save(path, player(notes))


def readable_name(path: Path) -> str:
    """The name of a file without suffix, as a title; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(path.stem).decode("utf-8", "replace")


_WRITERS = {
    "mid": _write_mid,
    "json": _write_json,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "png": _write_png,
    "wav": _write_wav,
}
FORMATS = (*_WRITERS, ARRAYS)
