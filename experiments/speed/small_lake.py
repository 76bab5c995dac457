"""A lake with a few corrections of a piano that the model does not know, to measure on.

The piano is the built-in one, 30 cents flat: recordings and times of their notes are stretched.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import soxr

from amt.cloud.lake import Lake
from amt.data.rendering import BUILTIN
from amt.data.sources.synthetic import generate
from amt.feedback.pairs import pair_files, write_pair
from amt.inference.transcriber import Options, Transcriber
from amt.io.audio import SAMPLE_RATE, save
from amt.notes import Notes

CENTS = 30.0
_SEED = 23


def write_corrections(
    lake: Lake, transcriber: Transcriber, count: int, seconds: float, first: int = 0
) -> None:
    """Write pairs: generated pieces, what a model transcribed of them, and the true notes."""
    for index in range(first, first + count):
        audio, notes = flat_piece(index, seconds)
        before = transcriber.run(audio, Options("key")).notes
        model = {"name": "base", "version": "test"}
        files = pair_files(
            flac(audio), before, notes, len(audio) / SAMPLE_RATE, f"take {index}.flac", model
        )
        write_pair(lake, f"take{index:03d}-1-00000000", files)


def flat_piece(index: int, seconds: float) -> tuple[np.ndarray, Notes]:
    """A generated piece whose piano is CENTS flat: audio (S,) at 16 kHz, and its notes."""
    piece = generate(_SEED, "train", index, seconds, (BUILTIN,))
    stretch = 2 ** (CENTS / 1200)
    audio = soxr.resample(piece.audio, SAMPLE_RATE, SAMPLE_RATE * stretch)
    notes = piece.notes
    times = (notes.onset * stretch, notes.offset * stretch)
    return audio.astype(np.float32), Notes(*times, notes.pitch, notes.velocity)


def flac(audio: np.ndarray) -> bytes:
    """Samples at 16 kHz as a FLAC file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "take.flac")
        save(path, audio)
        return path.read_bytes()
