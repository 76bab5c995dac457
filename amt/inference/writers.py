"""A transcription in the forms people use: MIDI, JSON, tables, a picture, a sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from amt.io.audio import save
from amt.io.midi import write_midi
from amt.io.note_tables import write_csv, write_json, write_table
from amt.notes import Notes

# Notes to samples (S,) at amt.io.audio.SAMPLE_RATE.
Player = Callable[[Notes], np.ndarray]


def write(path: Path, notes: Notes, seconds: float, player: Player) -> None:
    """Write the notes of a recording of `seconds` in the form that the suffix names, of FORMATS.

    The file is written whole or not at all. Raises OSError, MidiError or AudioError otherwise.
    """
    _WRITERS[path.suffix.removeprefix(".")](path, notes, seconds, player)


def load_player(piano: Path | None, seed: int | None = None) -> Player:
    """Something that plays notes: the sampled piano in a folder, or the built-in one.

    A seed gives the built-in piano another character and another room. Raises SampleMapError or
    AudioError where a sampled piano cannot be read.
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

    save_figure(piano_roll_figure(notes, seconds, title=path.stem), path)


def _write_wav(path: Path, notes: Notes, _seconds: float, player: Player) -> None:
    save(path, player(notes))


_WRITERS = {
    "mid": _write_mid,
    "json": _write_json,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "png": _write_png,
    "wav": _write_wav,
}
FORMATS = tuple(_WRITERS)
