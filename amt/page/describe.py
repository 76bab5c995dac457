"""From a recording or a MIDI file to its portrait: JSON for programs, one HTML page for people."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amt.analysis.symbolic.patterns import describe_notes
from amt.data.pieces import AUDIO_SUFFIXES
from amt.inference.batch import Work, bar_progress, checked, progress_bar
from amt.inference.transcriber import Transcriber
from amt.inference.writers import Player
from amt.io.atomic import atomic_write
from amt.io.audio import SAMPLE_RATE, load
from amt.io.note_tables import note_document, read_notes
from amt.notes import Notes, extend_sustain
from amt.page.html import page
from amt.page.sound import alongside, mp3, sound_views

NOTE_SUFFIXES = (".mid", ".midi", ".tsv")
SUFFIXES = (*AUDIO_SUFFIXES, *NOTE_SUFFIXES)


@dataclass(frozen=True, eq=False)
class Description:
    """Plain types to be written, and the sounds of the page.

    document: seconds, notes and pedal, patterns, the summary of the sound. drawings: what the page
    draws beside it, pictures of the sound (views) and until when each note rings. sounds: MP3 by
    name.
    """

    document: dict[str, Any]
    drawings: dict[str, Any]
    sounds: dict[str, bytes]


def describe(
    notes: Notes, audio: np.ndarray | None, player: Player, origin: str = ""
) -> Description:
    """The portrait of notes, and of the recording (S,) at SAMPLE_RATE they were heard in, if any.

    Notes end with their keys, the pedal beside them. origin: where the notes come from.
    """
    seconds = len(audio) / SAMPLE_RATE if audio is not None else notes.end
    views, sound = sound_views(audio) if audio is not None else ({}, {})
    document = {
        **note_document(notes, seconds),
        "origin": origin,
        "notice": _notice(notes, audio),
        "patterns": asdict(describe_notes(notes)),
        "sound": sound,
    }
    rings = np.round(extend_sustain(notes).offset, 3).tolist()
    return Description(document, {"views": views, "rings": rings}, _sounds(notes, audio, player))


def write_description(path: Path, portrait: Description, title: str) -> None:
    """Write the portrait as its suffix says, .html or .json; whole or not at all."""
    with atomic_write(path) as part:
        if path.suffix == ".html":
            document = {**portrait.document, **portrait.drawings}
            part.write_text(page(title, document, portrait.sounds), "utf-8")
        else:
            text = json.dumps({"title": title, **portrait.document}, indent=1, allow_nan=False)
            part.write_text(text + "\n", "utf-8")


def is_recording(path: Path) -> bool:
    """Whether a file is to be heard; others are read as notes."""
    return path.suffix.lower() not in NOTE_SUFFIXES


def describer(transcriber: Transcriber | None, model: str, player: Player) -> Work:
    """What `amt.inference.batch.run_jobs` does with each file: read or hear it, describe it, write the results.

    transcriber: for recordings; notes need none. model: what it is called on the page.
    """

    def work(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        if source.is_dir():
            raise ValueError(f"{source}: no audio and no MIDI in this folder")
        if transcriber is None or not is_recording(source):
            notes, audio, origin = read_notes(source), None, "notes read from a file"
        else:
            notes, audio = _hear(transcriber, source, label)
            origin = f"transcribed by amt, model {model}"
        with progress_bar(f"{label}: describing"):
            portrait = describe(notes, audio, player, origin)
        for target in targets:
            write_description(target, portrait, source.stem.replace("_", " "))
        seconds = portrait.document["seconds"]
        return f"{len(notes)} notes, {seconds:.1f} s in {time.perf_counter() - begin:.1f} s"

    return work


def _hear(transcriber: Transcriber, source: Path, label: str) -> tuple[Notes, np.ndarray]:
    """The notes of a recording as keys and pedal moved, and its samples (S,) at SAMPLE_RATE."""
    with progress_bar(f"{label}: reading") as bar:
        audio, rate = load(checked(source)), transcriber.sample_rate
        samples = audio if rate == SAMPLE_RATE else load(source, rate)
        return transcriber.transcribe(samples, bar_progress(bar, label), ends="key"), audio


def _sounds(notes: Notes, audio: np.ndarray | None, player: Player) -> dict[str, bytes]:
    """MP3 of the recording and of the notes as `player` plays them, each if there is one."""
    sounds = {} if audio is None else {"recording": mp3(audio)}
    if len(notes):
        played = player(notes)
        sounds["transcription"] = mp3(played if audio is None else alongside(played, audio))
    return sounds


def _notice(notes: Notes, audio: np.ndarray | None) -> str:
    """What the page says first where it has less to show than people expect."""
    if not len(notes) and audio is None:
        return "The file holds no notes of a piano. There is nothing to show."
    if not len(notes):
        return "No notes were heard in this recording. Only its sound is shown."
    if audio is None:
        return "There is no recording beside these notes: what you hear is a synthesized piano."
    return ""
