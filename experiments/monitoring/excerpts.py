"""Excerpts of piano recordings with their notes, for reference profiles and simulated drift.

Rendered ones: performances (MIDI) on sampled pianos, each under conditions of its own, from studio
to cassette (`amt.synth.recording_conditions`). Real ones: audio files with note tables beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amt.io.audio import AUDIO_SUFFIXES, SAMPLE_RATE, load
from amt.io.midi import read_midi
from amt.io.note_tables import read_notes
from amt.notes import Notes
from amt.synth.performer import perform
from amt.synth.recording_conditions import play_and_record, random_recording_conditions
from amt.synth.sampler import SampledPiano

SECONDS = (15.0, 60.0)  # shortest and longest excerpt
ONSET_TOLERANCE = 0.05
# Labels of real recordings were aligned by listening machines and are tens of ms off.
REAL_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Audio (S,) at SAMPLE_RATE, and its notes; `piece` names the whole performance."""

    piece: str
    audio: np.ndarray
    notes: Notes
    tolerance: float = ONSET_TOLERANCE


@dataclass(frozen=True, eq=False)
class Studio:
    """Instruments and rooms in which excerpts are rendered."""

    pianos: Sequence[SampledPiano]
    rooms: Sequence[np.ndarray] = ()

    @staticmethod
    def load(pianos: Sequence[Path], rooms: Sequence[Path]) -> Studio:
        """The sampled pianos in folders, and the impulse responses in files."""
        return Studio([SampledPiano.load(p) for p in pianos], [load(p, SAMPLE_RATE) for p in rooms])

    def record(self, notes: Notes, rng: np.random.Generator) -> np.ndarray:
        """The notes on one of the pianos, under random conditions: (S,)."""
        piano = self.pianos[int(rng.integers(len(self.pianos)))]
        conditions = random_recording_conditions(rng)
        return play_and_record(piano, notes, conditions, rng, self.rooms).astype(np.float32)


def rendered_excerpts(
    performances: Sequence[Path], each: int, studio: Studio, seed: int
) -> Iterator[Excerpt]:
    """`each` excerpts of every performance; the seed and the name fix all that is random."""
    for path in performances:
        whole = read_midi(path)
        for number in range(each):
            rng = np.random.default_rng([seed, number, *path.stem.encode()])
            notes = _crop(whole, rng)
            if len(notes) >= 5:
                yield Excerpt(path.stem, studio.record(notes, rng), notes)


def made_up_excerpts(count: int, studio: Studio, seed: int) -> Iterator[Excerpt]:
    """Excerpts of made-up pieces (`amt.synth.performer`)."""
    for number in range(count):
        rng = np.random.default_rng([seed, number, 1])
        notes = perform(rng, _duration(rng))
        yield Excerpt(f"made up {number}", studio.record(notes, rng), notes)


def real_excerpts(folder: Path, each: int, seed: int) -> Iterator[Excerpt]:
    """`each` excerpts of every recording in a folder that has a note table beside it."""
    for path in sorted(p for p in folder.iterdir() if p.suffix in AUDIO_SUFFIXES):
        audio, notes = load(path, SAMPLE_RATE), read_notes(path.with_suffix(".tsv"))
        for number in range(each):
            rng = np.random.default_rng([seed, number, *path.stem.encode()])
            seconds = _duration(rng)
            start = float(rng.uniform(0, max(len(audio) / SAMPLE_RATE - seconds, 0)))
            first, last = (round(t * SAMPLE_RATE) for t in (start, start + seconds))
            inside = notes.crop(start, start + seconds).shift(-start)
            yield Excerpt(path.stem, audio[first:last], inside, REAL_TOLERANCE)


def _duration(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(SECONDS))))


def _crop(notes: Notes, rng: np.random.Generator) -> Notes:
    seconds = _duration(rng)
    start = float(rng.uniform(0, max(notes.end - seconds, 0)))
    return notes.crop(start, start + seconds).shift(-start)
