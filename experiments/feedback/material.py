"""Recordings of one piano in one room, and a user who corrects their transcription."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amt.data.sources.maestro import Maestro
from amt.io.audio import SAMPLE_RATE, load, save
from amt.io.midi import write_midi
from amt.io.note_tables import read_notes
from amt.notes import Notes
from amt.synth.room import coloured_noise, convolve, keep_headroom, measured_impulse_response
from amt.synth.sampler import SampledPiano

LEVEL_DB = -26.0
NOISE_DB = -60.0
# What a user finds in the transcription besides the model's own mistakes: fractions of the notes.
PLANTED = {"missed": 0.02, "added": 0.02, "wrong pitch": 0.01}


@dataclass(frozen=True)
class Studio:
    """A sampled piano in a measured room; room_db: its reverberation relative to direct sound."""

    piano: SampledPiano
    response: np.ndarray

    @staticmethod
    def load(piano: Path, room: Path, room_db: float) -> Studio:
        """Decode all samples of the piano and the impulse response of the room."""
        response = measured_impulse_response(load(room), room_db, SAMPLE_RATE)
        return Studio(SampledPiano.load(piano), response)

    def record(self, notes: Notes, rng: np.random.Generator) -> np.ndarray:
        """Audio (S,) of `notes`, at a fixed level, with a little noise."""
        audio = convolve(self.piano.render(notes, rng=rng, resonance_db=-26.0), self.response)
        audio *= np.float32(10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(np.square(audio))))
        noise = coloured_noise(rng, len(audio), 3.0, SAMPLE_RATE)
        return keep_headroom(audio + noise * np.float32(10 ** ((LEVEL_DB + NOISE_DB) / 20)))


def performances(maestro: Path, seed: int) -> Iterator[Path]:
    """MIDI files of validation performances in an order by `seed`, one of each composition."""
    source = Maestro(str(maestro), splits=["validation"], render="builtin", seed=seed)
    order = np.random.default_rng(seed).permutation(len(source.pieces()))
    seen = set()
    for piece in (source.pieces()[index] for index in order):
        if piece.composition not in seen:
            seen.add(piece.composition)
            yield next(maestro.rglob(f"{piece.name}.mid*"))


def write_recording(studio: Studio, midi: Path, seconds: float, folder: Path, seed: int) -> Path:
    """Record the beginning of a performance: folder/NAME.flac and NAME.mid; returns the first."""
    path = folder / f"{midi.stem}.flac"
    if not path.is_file():
        notes = read_notes(midi).crop(0, seconds)
        audio = studio.record(notes, np.random.default_rng([seed, len(notes)]))
        write_midi(path.with_suffix(".mid"), notes)
        save(path, audio[: round(seconds * SAMPLE_RATE)])
    return path


def with_errors(notes: Notes, rng: np.random.Generator) -> Notes:
    """A transcription with errors planted: notes missed, added a semitone or an octave off, moved
    to a wrong pitch.
    """
    draw = rng.random(len(notes))
    kept = notes.select(draw >= PLANTED["missed"])
    wrong = rng.random(len(kept)) < PLANTED["wrong pitch"]
    pitch = np.where(wrong, kept.pitch + rng.choice([-1, 1], len(kept)), kept.pitch).clip(21, 108)
    more = np.flatnonzero(rng.random(len(kept)) < PLANTED["added"])
    added = (pitch[more] + rng.choice([-12, 12], len(more))).clip(21, 108)
    return Notes(
        np.concatenate([kept.onset, kept.onset[more]]),
        np.concatenate([kept.offset, kept.offset[more]]),
        np.concatenate([pitch, added]),
        np.concatenate([kept.velocity, kept.velocity[more]]),
        kept.pedal,
    )
