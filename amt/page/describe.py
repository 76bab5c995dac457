"""Descriptions of recordings and MIDI files: analysis and audio as JSON and as an HTML page."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.note_analysis import analyse_notes
from amt.inference.batch import JobFunction, bar_progress, folder_fault, progress_bar
from amt.inference.result_lines import note_count
from amt.inference.retuning import tuning_remark
from amt.inference.transcriber import Options, Transcriber, Transcription
from amt.inference.writers import Player, readable_name
from amt.io.atomic import atomic_write
from amt.io.audio import AUDIO_SUFFIXES, SAMPLE_RATE, load
from amt.io.midi import MIDI_SUFFIXES
from amt.io.note_tables import TABLE_SUFFIXES, note_document, read_notes
from amt.notes import Notes, extend_sustain
from amt.page.audio import descriptor_images, match_duration_and_level, mp3
from amt.page.html import page
from amt.page.score_page import score_page
from amt.score.notated import Notation

# Looked for in folders, where .csv, .json and .txt may be anything.
NOTE_SUFFIXES = (*MIDI_SUFFIXES, ".tsv")
SUFFIXES = (*AUDIO_SUFFIXES, *NOTE_SUFFIXES)


@dataclass(frozen=True, eq=False)
class Description:
    """Everything that is known of a piece, in plain types.

    document: seconds, notes and pedal, `analysis` of the notes, summary of the audio `descriptors`.
    page_data: data of the HTML page only: `images` of the audio, and `sounding_until`, the offset
    of each note extended by the pedal. audio: MP3 files by name. score: markup, or "".
    """

    document: dict[str, Any]
    page_data: dict[str, Any]
    audio: dict[str, bytes]
    score: str = ""


def describe(
    notes: Notes,
    audio: np.ndarray | None,
    player: Player,
    origin: str = "",
    notation: Notation | None = None,
    with_score: bool = False,
) -> Description:
    """The description of notes, and of their recording (S,) at SAMPLE_RATE if there is one.

    The offsets of the notes are key releases. player: synthesizes them. origin: where the notes
    come from, for readers. notation: says which network finds beats. with_score: with the first
    page of the score.
    """
    piece = (notation or Notation()).of(notes)
    seconds = len(audio) / SAMPLE_RATE if audio is not None else notes.end
    images, descriptors = descriptor_images(audio) if audio is not None else ({}, {})
    document = {
        **notes_document(notes, piece.grid, seconds, origin, audio is not None),
        "descriptors": descriptors,
    }
    page_data = {"images": images, "sounding_until": sounding_until(notes)}
    score = score_page(piece) if with_score else ""
    return Description(document, page_data, _audio_files(notes, audio, player), score)


def notes_document(
    notes: Notes, grid: MetricalGrid | None, seconds: float, origin: str, has_recording: bool
) -> dict[str, Any]:
    """The part of a description that follows from the notes and their beats.

    seconds: the duration of the piece.
    """
    return {
        **note_document(notes, seconds),
        "origin": origin,
        "notice": _notice(notes, has_recording),
        "analysis": asdict(analyse_notes(notes, grid)),
    }


def sounding_until(notes: Notes) -> list[float]:
    """The offset of each note in seconds, extended by the pedal."""
    return np.round(extend_sustain(notes).offset, 3).tolist()


def played(notes: Notes, audio: np.ndarray | None, player: Player) -> bytes:
    """The notes as an MP3 file, as long and as loud as their recording, if there is one."""
    samples = player(notes)
    return mp3(samples if audio is None else match_duration_and_level(samples, audio))


def write_description(path: Path, description: Description, title: str) -> None:
    """Write a description as HTML or JSON, by the suffix of the path, atomically."""
    with atomic_write(path) as part:
        if path.suffix == ".html":
            document = {**description.document, **description.page_data}
            part.write_text(page(title, document, description.audio, description.score), "utf-8")
        else:
            text = json.dumps({"title": title, **description.document}, indent=1, allow_nan=False)
            part.write_text(text + "\n", "utf-8")


def is_recording(path: Path) -> bool:
    """Whether a file is audio, to be transcribed; others contain notes."""
    return path.suffix.lower() not in (*NOTE_SUFFIXES, *TABLE_SUFFIXES)


def describe_job(transcriber: Transcriber | None, model: str, player: Player) -> JobFunction:
    """The function for `amt.inference.batch.run_jobs` that describes one file.

    transcriber: for recordings; None if all files contain notes. model: its name on the page.
    """

    def run(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        if source.is_dir():
            raise ValueError(f"{source}: {folder_fault(source, 'audio and no MIDI files')}")
        if transcriber is None or not is_recording(source):
            notes, audio, origin = read_notes(source), None, "notes read from a file"
        else:
            found, audio = _transcribe(transcriber, source, label)
            remark = tuning_remark(found.tuning_document())
            notes = found.notes
            origin = "; ".join(filter(None, (f"transcribed by amt, model {model}", remark)))
        with progress_bar(f"{label}: describing"):
            shown = any(target.suffix == ".html" for target in targets)
            description = describe(notes, audio, player, origin, Notation.beside(model), shown)
        for target in targets:
            write_description(target, description, readable_name(source).replace("_", " "))
        seconds = description.document["seconds"]
        took = time.perf_counter() - begin
        return f"{note_count(len(notes))}, {seconds:.1f} s in {took:.1f} s"

    return run


def _transcribe(
    transcriber: Transcriber, source: Path, label: str
) -> tuple[Transcription, np.ndarray]:
    """A recording, its notes ending where keys are released, and its audio (S,) at SAMPLE_RATE."""
    with progress_bar(f"{label}: reading") as bar:
        audio, rate = load(source), transcriber.sample_rate
        samples = audio if rate == SAMPLE_RATE else load(source, rate)
        return transcriber.run(samples, Options("key"), bar_progress(bar, label)), audio


def _audio_files(notes: Notes, audio: np.ndarray | None, player: Player) -> dict[str, bytes]:
    """MP3 files of the recording, if there is one, and of the notes, if there are any."""
    files = {} if audio is None else {"recording": mp3(audio)}
    if len(notes):
        files["transcription"] = played(notes, audio, player)
    return files


def _notice(notes: Notes, has_recording: bool) -> str:
    """Explains at the top of the page what is missing; empty if nothing is."""
    if not len(notes) and not has_recording:
        return "The file contains no piano notes. There is nothing to show."
    if not len(notes):
        return "No notes were detected in this recording. Only its audio is shown."
    if not has_recording:
        return "There is no recording of these notes: the player uses a synthesized piano."
    return ""
