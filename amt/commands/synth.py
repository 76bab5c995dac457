"""`amt synth`: render a MIDI file or note table to audio."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from amt.commands.options import file_or_folder


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "synth",
        help="render notes to audio",
        description="Render a MIDI file or note table on a piano.",
    )
    option = parser.add_argument
    option(
        "notes", type=file_or_folder, metavar="IN.mid", help="or a note table: .tsv, .csv, .json"
    )
    option("audio", type=file_or_folder, metavar="OUT.wav", help="or .flac, .ogg, .opus, .mp3")
    option(
        "--piano",
        type=file_or_folder,
        metavar="FOLDER",
        help="sampled piano (default: the built-in piano)",
    )
    option("--seed", type=int, metavar="N", help="draw a random built-in piano and room")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from amt.inference.result_lines import note_count
    from amt.inference.writers import load_player
    from amt.io.audio import SAMPLE_RATE, save
    from amt.io.note_tables import read_notes

    notes = read_notes(arguments.notes)
    if not len(notes):
        raise ValueError(
            f"{arguments.notes} has no piano notes (MIDI 21 to 108); there is nothing to render"
        )
    if notes.onset[0] < 0:
        raise ValueError(
            f"{arguments.notes}: a note begins at {notes.onset[0]:g} s; expected 0 s or later"
        )
    audio = load_player(arguments.piano, arguments.seed)(notes)
    save(arguments.audio, audio)
    print(f"{arguments.audio}: {note_count(len(notes))}, {len(audio) / SAMPLE_RATE:.1f} s")
    return 0
