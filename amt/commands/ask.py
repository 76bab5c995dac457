"""`amt ask`: questions about a recording or a MIDI file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.options import add_model_options, file_or_folder, load_transcriber

if TYPE_CHECKING:
    from amt.answers.piece import Piece
    from amt.client import Client


EXAMPLE = 'amt ask song.mp3 "What key is it in?"'
# They choose what computes here; an app has a model of its own.
_MODEL_OPTIONS = ("--model", "--ckpt", "--device", "--precision", "--backend")


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "ask",
        help="answer a question about a recording or a MIDI file",
        description="Answer a question about a piano recording or a MIDI file: most common note, "
        "key, tempo, chords, loudest moment, pedal, mood and more. The numbers come from the "
        "notes. Gemini phrases the answer if GEMINI_API_KEY or GOOGLE_GENAI_USE_VERTEXAI is set; "
        "otherwise nothing leaves this machine.",
        usage="amt ask [options] FILE [QUESTION ...]",
        epilog=f"example: {EXAMPLE}",
    )
    option = parser.add_argument
    option(
        "file",
        type=file_or_folder,
        nargs="?",
        metavar="FILE",
        help="audio, film, MIDI or note table",
    )
    option(
        "question",
        nargs="*",
        metavar="QUESTION",
        help="in your words; several at once are fine (default: a summary)",
    )
    option("--url", metavar="URL", help="ask an app, such as one of `amt app`, instead")
    option("--json", action="store_true", help="print answer, facts, caption and mood as JSON")
    add_model_options(parser)
    parser.set_defaults(run=_run, of_model=_model_options(words))
    _allow_options_between(parser)


def _allow_options_between(parser: argparse.ArgumentParser) -> None:
    """Let options stand between FILE and QUESTION, which parsers of sub-commands do not allow."""

    def parse(*given: Any) -> Any:
        del parser.parse_known_args  # That of the class again.
        return parser.parse_known_intermixed_args(*given)

    parser.parse_known_args = parse  # type: ignore[method-assign, assignment]


def _model_options(words: Sequence[str]) -> list[str]:
    """The options of the model among the words of a command, which may be abbreviated."""
    given = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--"]
    return [option for option in _MODEL_OPTIONS if any(map(option.startswith, given))]


def _check(arguments: argparse.Namespace) -> None:
    """Raise ValueError, in one line, for what cannot be asked."""
    path: Path | None = arguments.file
    if path is None:
        raise ValueError(f"expected a file and a question, as in: {EXAMPLE}")
    if not path.exists():
        raise ValueError(f"{path}: no such file; expected a file and a question, as in: {EXAMPLE}")
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; expected one file, as in: {EXAMPLE}")
    if arguments.url and arguments.of_model:
        given = ", ".join(arguments.of_model)
        raise ValueError(
            f"{given}: the app at --url uses its own model; leave out {given} or --url"
        )


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
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
    from amt.analysis.symbolic.metrical import estimate_grid, weights_beside
    from amt.answers.piece import Piece
    from amt.inference.batch import bar_progress, progress_bar
    from amt.inference.transcriber import Options
    from amt.inference.writers import readable_name
    from amt.io.note_tables import read_notes
    from amt.page.describe import is_recording

    path: Path = arguments.file
    find_grid = partial(estimate_grid, weights=weights_beside(arguments.model))
    if not is_recording(path):
        notes = read_notes(path)
        return Piece(notes, notes.end, readable_name(path), find_grid=find_grid)
    transcriber = load_transcriber(arguments)
    with progress_bar(f"{path.name}: reading") as bar:
        report = bar_progress(bar, path.name)
        done = transcriber.run(path, Options("key"), report)
    name = readable_name(path)
    return Piece(done.notes, done.seconds, name, transcribed=True, find_grid=find_grid)


def _ask_app(arguments: argparse.Namespace, prompt: str) -> dict[str, Any]:
    from amt.client import Client
    from amt.page.describe import is_recording

    client, path = Client(arguments.url), arguments.file
    if is_recording(path):
        return _ask_of_recording(client, path, prompt)
    return _ask_of_notes(client, path, prompt)


def _ask_of_recording(client: Client, path: Path, prompt: str) -> dict[str, Any]:
    from amt.inference.batch import bar_progress, progress_bar

    with progress_bar(f"{path.name}: sending") as bar:
        id = client.transcribe(path, wait=False)["id"]
        try:
            client.wait(id, bar_progress(bar, path.name))
            return client.ask(id, prompt)
        finally:
            client.delete(id)


def _ask_of_notes(client: Client, path: Path, prompt: str) -> dict[str, Any]:
    """Send the notes of a MIDI file or note table, of which the app stores nothing."""
    from amt.io.midi import midi_bytes
    from amt.io.note_tables import read_notes

    found = client.predict(prompt, midi_bytes(read_notes(path)))
    same = ("response", "source", "facts", "mood_reason", "notice")
    named = {"caption": found["audio_caption"], "mood": found["music_mood"]}
    return {name: found[name] for name in same} | named
