"""Small recordings, pieces and sources for the tests of `amt.data`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from amt.data.cache import prepare
from amt.data.pieces import Piece, Recording, Split
from amt.io import audio
from amt.io.midi import write_midi
from amt.io.note_tables import write_table
from amt.notes import Notes, Pedal

NOTE_INTERVAL = 0.25


def tone(seconds: float, pitch: int = 69, level: float = 0.3) -> np.ndarray:
    """A sine (S,) float32."""
    time = np.arange(round(seconds * audio.SAMPLE_RATE)) / audio.SAMPLE_RATE
    return (level * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)).astype(np.float32)


def scale(seconds: float, first: int = 60, pedal: Pedal | None = None) -> Notes:
    """Four notes a second, each an eighth of a second long."""
    onset = np.arange(0, seconds - NOTE_INTERVAL, NOTE_INTERVAL)
    pitch = first + np.arange(len(onset)) % 12
    velocity = np.full(len(onset), 80)
    return Notes(onset, onset + NOTE_INTERVAL / 2, pitch, velocity, pedal or Pedal())


def write_pair(
    folder: Path, stem: str, seconds: float = 2.0, audio_suffix: str = ".wav", notes: str = ".mid"
) -> None:
    """Audio and notes with one stem; `notes` is the suffix of the notes."""
    folder.mkdir(parents=True, exist_ok=True)
    audio.save(folder / f"{stem}{audio_suffix}", tone(seconds))
    write = write_table if notes == ".tsv" else write_midi
    write(folder / f"{stem}{notes}", scale(seconds))


def ramp(seconds: float, mark: int) -> Recording:
    """Audio from which piece and position can be read: sample n is n mod 2000 + 2000 `mark` + 1,
    in steps of 16 bits."""
    steps = np.arange(round(seconds * audio.SAMPLE_RATE)) % 2000 + 2000 * mark + 1
    return Recording((steps / 32767).astype(np.float32), scale(seconds))


def bad(kind: str) -> Recording:
    """Crashes the process, or raises an unexpected or an expected error."""
    if kind == "crash":
        os._exit(3)
    if kind == "unexpected":
        raise KeyError("surprise\nin two lines")
    raise ValueError("it is broken")


@dataclass(frozen=True)
class ListSource:
    """A source of given pieces."""

    listed: list[Piece] = field(default_factory=list)
    name: str = "list"

    def pieces(self) -> list[Piece]:
        return self.listed


def ramp_piece(name: str, seconds: float, mark: int = 0, split: Split = "train") -> Piece:
    return Piece(name, split, name, partial(ramp, seconds, mark), f"{seconds}:{mark}")


def bad_piece(name: str, kind: str) -> Piece:
    return Piece(name, "train", name, partial(bad, kind), kind)


def write_heartbeat(path: Path) -> Recording:
    """Writes a file twenty times a second for half a minute, to show that the process is alive."""
    for count in range(600):
        path.write_text(str(count))
        time.sleep(0.05)
    raise AssertionError("the process was not stopped")


def recorded_piece(name: str, recording: Recording) -> Piece:
    return Piece(name, "train", name, partial(_same, recording), name)


def _same(recording: Recording) -> Recording:
    return recording


def ramp_cache(root: Path, seconds: list[float]) -> Path:
    """A cache of ramps, one for each duration; the mark is the index of the piece."""
    pieces = [ramp_piece(f"p{index}", length, index) for index, length in enumerate(seconds)]
    prepare(ListSource(pieces), root, workers=0)
    return root
