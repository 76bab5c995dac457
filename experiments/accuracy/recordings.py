"""Folders of audio + notes as excerpts: what every system is given, and what is expected of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from amt.data.pieces import AUDIO_SUFFIXES, NOTE_SUFFIXES, SourceError
from amt.io import audio
from amt.io.atomic import atomic_write
from amt.io.note_tables import read_notes
from amt.notes import Notes

# For what libsndfile cannot read: what most recordings have.
OTHER_RATE = 44100
# Seconds by which two decoders may disagree about the length of a recording.
LENGTH_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Excerpt:
    """The beginning of a recording, or all of it.

    audio: a 16-bit wav file at the rate and with the channels of the recording. reference: its
    notes as the file has them (releases of the keys, and the pedal), cut at `seconds`.
    """

    name: str
    audio: Path
    seconds: float
    reference: Notes


def excerpts(
    folder: Path, work: Path, first_seconds: float | None = None, limit: int | None = None
) -> tuple[list[Excerpt], dict[str, str]]:
    """The excerpts of the pairs of audio and notes below `folder`, written into `work`.

    And why others cannot be used, by name. With `limit` only so many pairs, spread over the sorted
    names. Raises SourceError where nothing pairs.
    """
    found: list[Excerpt] = []
    errors: dict[str, str] = {}
    for sound, notes in tqdm(_spread(pairs(folder), limit), desc="excerpts", unit="piece"):
        name = sound.relative_to(folder).with_suffix("").as_posix()
        try:
            reference = read_notes(notes)
            samples, rate = decode(sound, first_seconds)
        except ValueError as error:
            errors[name] = str(error)
            continue
        seconds = len(samples) / rate
        path = _write(samples, rate, work)
        found.append(Excerpt(name, path, seconds, reference.crop(0.0, seconds)))
    return found, errors


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Audio and the notes of the same stem beside it, anywhere below `folder`, sorted.

    Of several files of a stem the lossless is taken. Raises SourceError where there are none.
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


def decode(path: Path, first_seconds: float | None = None) -> tuple[np.ndarray, int]:
    """The beginning of a recording, (S, C) 16 bit, as it is, and its rate.

    In mono what libsndfile cannot read, or not to the end. Raises AudioError.
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
    """A wav file that is named by what it holds."""
    digest = hashlib.sha256(f"{rate} {samples.shape} ".encode() + samples.tobytes())
    path = work / f"{digest.hexdigest()[:16]}.wav"
    if not path.exists():
        with atomic_write(path) as part:
            soundfile.write(part, samples, rate, subtype="PCM_16")
    return path


def _spread(items: Sequence[tuple[Path, Path]], limit: int | None) -> list[tuple[Path, Path]]:
    """`limit` of the items, evenly spaced from first to last; all without a limit."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, limit).round().astype(int)]
