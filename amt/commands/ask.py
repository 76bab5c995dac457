"""`amt ask`: questions about a recording or a MIDI file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.options import add_model_options, file_or_folder, load_transcriber

if TYPE_CHECKING:
    from amt.answers.piece import Piece


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "ask",
        help="answer a question about a recording or a MIDI file",
        description="Answer a question about a piano recording or a MIDI file: most common note, "
        "key, tempo, chords, loudest moment, pedal, mood and more. The numbers come from the "
        "notes. Gemini phrases the answer if GEMINI_API_KEY or GOOGLE_GENAI_USE_VERTEXAI is set; "
        "otherwise nothing leaves this machine.",
    )
    option = parser.add_argument
    option("file", type=file_or_folder, metavar="FILE", help="audio, film, MIDI or note table")
    option(
        "question",
        nargs="*",
        metavar="QUESTION",
        help="in your words; several at once are fine (default: a summary)",
    )
    option("--url", metavar="URL", help="ask an app, such as one of `amt app`, instead")
    option("--json", action="store_true", help="print answer, facts, caption and mood as JSON")
    add_model_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    prompt = " ".join(arguments.question)
    ask = _ask_app if arguments.url else _ask_here
    answer = ask(arguments, prompt)
    if arguments.json:
        print(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        print(answer["response"])
    if notice := answer.get("notice"):
        print(f"amt: {notice}", file=sys.stderr)
    return 0


def _ask_here(arguments: argparse.Namespace, prompt: str) -> dict[str, Any]:
    from amt.answers.gemini import answer
    from amt.cloud.gemini import Gemini

    return asdict(answer(prompt, _read_piece(arguments), Gemini.from_environment()))


def _read_piece(arguments: argparse.Namespace) -> Piece:
    """The notes of the file: read, or transcribed with their offsets at key releases."""
    from amt.answers.piece import Piece
    from amt.inference.batch import bar_progress, progress_bar
    from amt.inference.transcriber import Options
    from amt.inference.writers import readable_name
    from amt.io.note_tables import read_notes
    from amt.page.describe import is_recording

    path: Path = arguments.file
    if not is_recording(path):
        notes = read_notes(path)
        return Piece(notes, notes.end, readable_name(path))
    transcriber = load_transcriber(arguments)
    with progress_bar(f"{path.name}: reading") as bar:
        report = bar_progress(bar, path.name)
        done = transcriber.run(path, Options("key"), report)
    return Piece(done.notes, done.seconds, readable_name(path))


def _ask_app(arguments: argparse.Namespace, prompt: str) -> dict[str, Any]:
    from amt.client import Client
    from amt.inference.batch import bar_progress, progress_bar

    client = Client(arguments.url)
    path: Path = arguments.file
    with progress_bar(f"{path.name}: sending") as bar:
        recording = client.transcribe(path, progress=bar_progress(bar, path.name))
    try:
        return client.ask(recording["id"], prompt)
    finally:
        client.delete(recording["id"])
