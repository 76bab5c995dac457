"""Training pairs for tests: a melody of plucked tones, and models that hear exactly these notes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import soundfile

from amt.cloud.lake import Lake
from amt.feedback.findings import Transcribe
from amt.feedback.pairs import pair_files, write_pair
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes

SECONDS = 8.0
Edit = Callable[[Notes], Notes]


def melody(seed: int, count: int = 60, seconds: float = SECONDS) -> Notes:
    """Notes of random pitches, seven in a second."""
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.uniform(0.1, seconds - 0.3, count)).round(4)
    pitch, velocity = rng.integers(50, 80, count), rng.integers(40, 100, count)
    return Notes(onset, onset + 0.2, pitch, velocity)


def plucked(notes: Notes, seconds: float = SECONDS) -> np.ndarray:
    """Audio (S,): each note a decaying tone."""
    audio = np.zeros(round((seconds + 1) * SAMPLE_RATE), dtype=np.float32)
    time = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    for onset, pitch in zip(notes.onset, notes.pitch, strict=True):
        tone = 0.1 * np.exp(-8 * time) * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time)
        first = round(onset * SAMPLE_RATE)
        audio[first : first + len(tone)] += tone.astype(np.float32)
    return audio[: round(seconds * SAMPLE_RATE)]


def file_of(audio: np.ndarray, kind: str = "WAV") -> bytes:
    """The content of an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, audio, SAMPLE_RATE, format=kind)
    return buffer.getvalue()


def shifted(notes: Notes, seconds: float) -> Notes:
    """The notes later by `seconds`."""
    return replace(notes, onset=notes.onset + seconds, offset=notes.offset + seconds)


def without_first(notes: Notes) -> Notes:
    """The notes but the first one."""
    return notes.select(np.arange(len(notes)) > 0)


def save_pair(
    lake: Lake,
    id: str,
    seed: int,
    edit: Edit = without_first,
    recording: str = "piece.wav",
    audio: bytes | None = None,
) -> str:
    """Save a pair: melody `seed` as it was transcribed, and corrected by `edit`; returns its id."""
    before = melody(seed)
    data = file_of(plucked(before)) if audio is None else audio
    files = pair_files(data, before, edit(before), SECONDS, recording, {"name": "base"})
    write_pair(lake, id, files)
    return id


def hearing(*seeds: int, loss: float = 0.0) -> Transcribe:
    """A model that hears the notes of the melodies `seeds`; it misses the fraction `loss`."""
    known = {plucked(melody(seed))[::997].tobytes(): melody(seed) for seed in seeds}

    def transcribe(audio: np.ndarray) -> Notes:
        found = min(known, key=lambda key: _distance(key, audio))
        notes = known[found]
        return notes.select(np.arange(len(notes)) >= loss * len(notes))

    return transcribe


def _distance(key: bytes, audio: np.ndarray) -> float:
    other = np.frombuffer(key, dtype=np.float32)
    mine = audio[::997]
    count = min(len(other), len(mine))
    return float(np.abs(other[:count] - mine[:count]).mean())
