"""Excerpts of recordings with reference notes: the same wav files for every system."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from amt.data.pieces import NOTE_SUFFIXES, SourceError
from amt.io import audio
from amt.io.atomic import atomic_write
from amt.io.audio import AUDIO_SUFFIXES
from amt.io.note_tables import read_notes
from amt.notes import Notes

# The sample rate of files that libsndfile cannot read.
OTHER_RATE = 44100
# Seconds by which the durations of two audio decoders may differ.
LENGTH_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Excerpt:
    """The beginning of a recording, or all of it.

    audio: a 16-bit wav file with the sample rate and channels of the recording. reference: its
    notes, which end where keys are released, and the pedal, cut at `seconds`.
    """

    name: str
    audio: Path
    seconds: float
    reference: Notes


def make_excerpts(
    folder: Path, work: Path, first_seconds: float | None = None, limit: int | None = None
) -> tuple[list[Excerpt], dict[str, str]]:
    """Excerpts of the pairs of audio and notes below `folder`, written into the folder `work`.

    Also returns error messages by name, of pairs that cannot be used. limit: number of pairs, taken
    evenly from the sorted names. Raises SourceError if there are none.
    """
    found: list[Excerpt] = []
    errors: dict[str, str] = {}
    for sound, notes in tqdm(_spread(find_pairs(folder), limit), desc="excerpts", unit="piece"):
        name = sound.relative_to(folder).with_suffix("").as_posix()
        try:
            reference = read_notes(notes)
            samples, rate = read_audio(sound, first_seconds)
        except ValueError as error:
            errors[name] = str(error)
            continue
        seconds = len(samples) / rate
        path = _write(samples, rate, work)
        found.append(Excerpt(name, path, seconds, reference.crop(0.0, seconds)))
    return found, errors


def find_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Audio files and note files with the same stem, anywhere below `folder`, sorted.

    Of several audio files with the same stem a lossless one is taken. Raises SourceError if there
    are no pairs.
    """
    sounds: dict[Path, Path] = {}
    for suffix in AUDIO_SUFFIXES:
        for path in sorted(folder.rglob(f"*{suffix}")):
            sounds.setdefault(path.with_suffix(""), path)
    found = [
        (sound, stem.with_name(stem.name + suffix))
        for stem, sound in sorted(sounds.items())
        for suffix in (*NOTE_SUFFIXES, ".txt")
        if stem.with_name(stem.name + suffix).is_file()
    ]
    if not found:
        raise SourceError(f"no pairs such as waltz.wav and waltz.mid (or .tsv) below {folder}")
    return list({sound: (sound, notes) for sound, notes in reversed(found)}.values())[::-1]


def read_audio(path: Path, first_seconds: float | None = None) -> tuple[np.ndarray, int]:
    """The beginning of a recording, (S, C) in 16 bits, and its sample rate.

    In mono if libsndfile cannot read the file, or not to its end. Raises AudioError.
    """
    rate = _rate(path)
    mono = audio.load(path, rate)
    try:
        samples = soundfile.read(path, dtype="int16", always_2d=True)[0]
    except soundfile.SoundFileError:
        samples = mono[:0, None]
    if abs(len(samples) - len(mono)) > LENGTH_TOLERANCE * rate:
        samples = (mono[:, None].clip(-1, 1) * 32767).astype(np.int16)
    return samples[: None if first_seconds is None else round(first_seconds * rate)], rate


def _rate(path: Path) -> int:
    try:
        return int(soundfile.info(path).samplerate)
    except soundfile.SoundFileError:
        return OTHER_RATE


def _write(samples: np.ndarray, rate: int, work: Path) -> Path:
    """Write a wav file whose name is a hash of its contents."""
    digest = hashlib.sha256(f"{rate} {samples.shape} ".encode() + samples.tobytes())
    path = work / f"{digest.hexdigest()[:16]}.wav"
    if not path.exists():
        with atomic_write(path) as part:
            soundfile.write(part, samples, rate, subtype="PCM_16")
    return path


def _spread(items: Sequence[tuple[Path, Path]], limit: int | None) -> list[tuple[Path, Path]]:
    """`limit` items, evenly spaced from the first to the last; all without a limit."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, limit).round().astype(int)]
