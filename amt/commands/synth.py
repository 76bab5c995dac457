"""`amt synth`: notes to sound."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "synth", help="notes to sound", description="Play a MIDI file or note table on a piano."
    )
    option = parser.add_argument
    option("notes", type=Path, metavar="IN.mid", help="or a note table, .tsv")
    option("audio", type=Path, metavar="OUT.wav", help="or .flac, .ogg, .opus, .mp3")
    option("--piano", type=Path, metavar="FOLDER", help="sampled piano (default: the built-in one)")
    option("--seed", type=int, metavar="N", help="another built-in piano in another room")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.writers import load_player
    from amt.io.audio import SAMPLE_RATE, save
    from amt.io.note_tables import read_notes

    notes = read_notes(arguments.notes)
    if not len(notes):
        raise ValueError(f"{arguments.notes} has no notes of a piano; there is nothing to play")
    audio = load_player(arguments.piano, arguments.seed)(notes)
    save(arguments.audio, audio)
    print(f"{arguments.audio}: {len(notes)} notes, {len(audio) / SAMPLE_RATE:.1f} s")
    return 0
