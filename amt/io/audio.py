"""Decode audio files to mono float32 samples at one sample rate, and encode them.

Decoding is streamed: each block is decoded, mixed to mono, resampled and appended, so that an hour
of stereo needs little more memory than its mono result. librosa.load and torchaudio.load would
decode the whole file before they mix and resample it. libsndfile reads wav, flac, mp3, ogg and
opus; ffmpeg, if it is installed, reads other formats.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from amt.errors import FileWarning, stand_in
from amt.io.atomic import as_file, atomic_write
from amt.io.audio_errors import AudioError, TooLongError
from amt.io.audio_remarks import damage, remarks
from amt.io.decode import Decoded, OnBlock, Target, decode_stream
from amt.io.film_clock import MAX_GAP_SECONDS
from amt.io.sndfile import error_text
from amt.io.streams import Stream, find_streams

__all__ = [
    "AUDIO_SUFFIXES",
    "SAMPLE_RATE",
    "AudioError",
    "OnWarning",
    "TooLongError",
    "load",
    "load_bytes",
    "save",
    "warn_of_file",
]

SAMPLE_RATE = 16000
# Samples beyond it were not scaled to -1..1 when they were converted from integers. A recording in
# floating point may exceed 1, but not by 40 dB.
MAX_PEAK = 100.0
# Of recordings below -60 dB the models find fewer notes, below -90 dB none.
MIN_PEAK = 1e-3
# Names of files that may hold audio, films too. In order of preference, if a recording exists in
# several formats: lossless before lossy.
# fmt: off
AUDIO_SUFFIXES = (
    ".wav", ".flac", ".aiff", ".aif", ".wave", ".bwf", ".rf64", ".w64", ".caf", ".aifc", ".aiffc",
    ".afc", ".au", ".snd", ".voc", ".ape", ".wv", ".tta", ".tak", ".dsf", ".opus", ".ogg", ".m4a",
    ".aac", ".mp3", ".oga", ".ogx", ".spx", ".mp4", ".m4b", ".m4r", ".m4v", ".mov", ".qt", ".f4v",
    ".3gp", ".3gpp", ".3g2", ".3ga", ".mka", ".mkv", ".webm", ".weba", ".wma", ".wmv", ".asf",
    ".adts", ".mp2", ".mp1", ".mpa", ".mpga", ".mpg", ".mpeg", ".vob", ".m2ts", ".mts", ".ac3",
    ".eac3", ".ec3", ".dts", ".mpc", ".amr", ".awb", ".avi", ".flv", ".ogv",
)
# fmt: on
# Samples written at once.
_BLOCK = 1 << 16
_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}

# What is found under the names of audio.
_NOT_AUDIO = {
    b"MThd": "a MIDI file: `amt synth` makes audio of it",
    b"%PDF": "a PDF document",
    b"PK\3\4": "a zip archive; unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    bytes(100): "empty: it begins with zeros, and there is no audio in it",
}

OnWarning = Callable[[str], object]


def warn_of_file(text: str) -> None:
    """Give a FileWarning: what `load` does with a line on what is wrong with a file."""
    warnings.warn(text, FileWarning, stacklevel=4)


def load(
    path: Path | str,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = math.inf,
    on_block: OnBlock = None,
    strict: bool = False,
    on_warning: OnWarning = warn_of_file,
) -> np.ndarray:
    """Decode an audio file to mono float32 (S,) at `sample_rate`, all streams joined in it.

    Mono is the mean of the channels, unless they cancel (see `amt.io.mono`). Of a damaged file what
    can be decoded is returned, and samples that are no numbers as 0; `strict` makes that an error.
    Samples beyond `MAX_PEAK` are scaled down to -1..1. on_block: called after each block; an
    exception that it raises ends the decoding. on_warning: called with one line for what is wrong
    with the file; by default a FileWarning. Raises AudioError if the file is missing, empty or not
    audio, and TooLongError once more than `max_seconds` are decoded, whatever the header says.
    """
    path = Path(path)
    try:
        _check_file(path)
        parts = _decode_all(path, Target(sample_rate, max_seconds, on_block))
    except TooLongError as error:
        reason = f"it lasts longer than {max_seconds:g} s"
        raise TooLongError(f"cannot decode {path}: {reason}") from error
    except AudioError as error:
        raise AudioError(f"cannot decode {path}: {_not_audio(path) or error}") from error
    if strict and (fault := damage(parts, sample_rate)):
        raise AudioError(f"cannot decode {path}: {fault}")
    for remark in remarks(parts, sample_rate):
        on_warning(f"{path}{remark}")
    audio = parts[0].audio if len(parts) == 1 else np.concatenate([part.audio for part in parts])
    return _levelled(path, audio, on_warning)


def load_bytes(
    data: bytes,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = math.inf,
    on_block: OnBlock = None,
    strict: bool = False,
    on_warning: OnWarning = warn_of_file,
) -> np.ndarray:
    """Decode the content of an audio file as `load` does, without leaving it on a disk."""
    with as_file(data) as path:

        def unnamed(text: str) -> str:
            return text.replace(str(path), "the audio")

        def warn(text: str) -> None:
            on_warning(unnamed(text))

        try:
            return load(path, sample_rate, max_seconds, on_block, strict, warn)
        except AudioError as error:
            raise type(error)(unnamed(str(error))) from error


def save(path: Path | str, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write samples (S,) or (S, C) in -1..1 as wav, flac, ogg, opus or mp3, by the suffix.

    The file is written atomically. Raises AudioError for another suffix, samples that are not
    finite, a sample rate that the format does not support, and if `path` cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise AudioError(f"cannot write {path}: unknown suffix; use one of {', '.join(_FORMATS)}")
    if not np.isfinite(audio).all():
        raise AudioError(f"cannot write {path}: its samples are not all finite numbers")
    kind, subtype = _FORMATS[path.suffix.lower()]
    channels = 1 if audio.ndim == 1 else audio.shape[1]
    try:
        with atomic_write(path) as part:
            try:
                # As bytes, since soundfile cannot encode names that are not in UTF-8.
                name = os.fsencode(part) if os.name == "posix" else part
                with soundfile.SoundFile(
                    name, "w", sample_rate, channels, subtype, None, kind
                ) as file:
                    # The Vorbis encoder overflows its stack when it is given minutes at once.
                    for start in range(0, len(audio), _BLOCK):
                        file.write(audio[start : start + _BLOCK])
            except soundfile.SoundFileError:
                _check_writable(part)
                raise
    except soundfile.SoundFileError as error:
        raise AudioError(f"cannot write {path} at {sample_rate} Hz: {error_text(error)}") from error
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror}") from error


def _check_writable(path: Path) -> None:
    """Raise the OSError of the system (such as a full disk), which libsndfile reports only as
    "System error"."""
    with path.open("ab") as file:
        file.write(bytes(1 << 16))


def _check_file(path: Path) -> None:
    """Raise AudioError if there is nothing to decode."""
    if not path.exists():
        raise AudioError("no such file")
    if not path.is_file():
        raise AudioError("not a file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise AudioError(error.strerror or str(error)) from error
    if empty:
        raise AudioError("the file is empty")


def _decode_all(path: Path, target: Target) -> list[Decoded]:
    """All streams of a file. One that cannot be read is damage, unless none can."""
    parts: list[Decoded] = []
    errors: list[AudioError] = []
    done = 0
    with path.open("rb", buffering=1 << 16) as file:
        for stream in _find_streams(file):
            if parts:
                done += _fill_to_film_end(parts, target)
            rest = replace(target, max_seconds=target.max_seconds - done / target.sample_rate)
            try:
                parts.append(decode_stream(path, file, stream, rest))
            except TooLongError:
                raise
            except AudioError as error:
                errors.append(error)
                parts.append(Decoded(np.zeros(0, dtype=np.float32), str(error)))
            done += len(parts[-1].audio)
    if not done:
        raise errors[0] if errors else AudioError(parts[0].damage or "it has no samples")
    return parts


def _fill_to_film_end(parts: list[Decoded], target: Target) -> int:
    """Add silence to sound that ends before its film, as another follows; returns its samples."""
    last = parts[-1]
    missing = round(last.film_end * target.sample_rate) - len(last.audio)
    if not 0 < missing <= MAX_GAP_SECONDS * target.sample_rate:
        return 0
    silence = np.zeros(missing, dtype=np.float32)
    parts[-1] = replace(last, audio=np.concatenate([last.audio, silence]))
    return missing


def _not_audio(path: Path) -> str:
    """What is in place of the audio: MIDI, or what a download left; empty if something else."""
    if not path.is_file():  # Opening a pipe would wait for its other end.
        return ""
    try:
        with path.open("rb") as file:
            start = file.read(100)
    except OSError:
        return ""
    known = next((name for mark, name in _NOT_AUDIO.items() if start.startswith(mark)), "")
    found = known or stand_in(start) or ("a text file" if _is_text(start) else "")
    return found and f"it is {found}"


def _is_text(start: bytes) -> bool:
    # A character may be cut at the end.
    text = start.decode("utf-8", errors="ignore")
    whole = 0 <= len(start) - len(text.encode()) < 4
    return bool(text) and whole and all(sign.isprintable() or sign.isspace() for sign in text)


def _levelled(path: Path, audio: np.ndarray, on_warning: OnWarning) -> np.ndarray:
    """The samples, scaled down to -1..1 in place if their range is that of integers."""
    # np.abs would copy the audio.
    peak = max(float(audio.max()), -float(audio.min()))
    if peak > MAX_PEAK:
        on_warning(f"{path}: its samples reach {peak:.0f}, expected -1..1; scaled down to that")
        audio /= peak
    if 0 < peak < MIN_PEAK:
        level = 20 * math.log10(peak)
        advice = f"raise it: ffmpeg -i FILE -af volume={-level - 1:.0f}dB OUT.wav"
        on_warning(f"{path}: its peak is {level:.0f} dB, too quiet for all notes; {advice}")
    return audio


def _find_streams(file: IO[bytes]) -> list[Stream]:
    try:
        return find_streams(file)
    except OSError as error:
        raise AudioError(error.strerror or str(error)) from error
