"""Decode one stream by libsndfile: wav, flac, mp3, ogg, opus, aiff, caf and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

from amt.io.audio_errors import DamagedError, UnknownFormatError

# Samples, of all channels together, in a block.
BLOCK = 1 << 16
# Samples per channel that are lost with one error.
_STEP = 8192
# Frame counts from here on stand for an unknown length.
_UNKNOWN = 1 << 62
# Seconds; the lengths in headers are often wrong by a few frames of 26 ms.
LENGTH_TOLERANCE = 0.1
# libsndfile's log: sizes or numbers of samples that are stated and there (w64 states all of it).
_STATED = (
    re.compile(r"(?:data|SSND|Data Size|riff)\s*: (?P<stated>\d+) \(should be (?P<there>\d+)\)"),
    re.compile(
        r"frame count (?P<there>\d+) does not match value from 'ds64' chunk of (?P<stated>\d+)"
    ),
)
_UNKNOWN_SIZES = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_OGG_DAMAGE = ("Corrupted bitstream", "libogg reports a hole")

Blocks = Iterator[np.ndarray]


class _Sequential(soundfile.SoundFile):
    """A file that is read from its start to its end, without a seek after each block.

    soundfile's seeks fail at the end of flac of unknown length. mp3 keeps them: after a seek it is
    rounded in another way, and the samples of a recording must not change from version to version.
    """

    def seekable(self) -> bool:
        return bool(self.format == "MP3")


@contextmanager
def open_sndfile(source: object) -> Iterator[tuple[int, Blocks]]:
    """Sample rate and decoded blocks (n, C) of an open file or file descriptor.

    Not of a path, since libsndfile trusts its suffix. Raises UnknownFormatError if libsndfile
    cannot read it; after the last block, DamagedError if it ends early.
    """
    try:
        file = _Sequential(source, closefd=False)
    except soundfile.SoundFileError as error:
        raise UnknownFormatError(error_text(error)) from error
    with file:
        yield file.samplerate, _blocks(file)


def error_text(error: Exception) -> str:
    """The message of libsndfile on one line."""
    text = getattr(error, "error_string", str(error))
    return " ".join(text.split()).removeprefix("Error : ").rstrip(".")


def _blocks(file: soundfile.SoundFile) -> Blocks:
    size, done, error = max(1, BLOCK // file.channels), 0, ""
    while not error:
        block, error = _read(file, min(size, file.frames - done))
        if not len(block):
            break
        done += len(block)
        yield block
    reason = error or _missing(file, done)
    if reason:
        raise DamagedError(reason)


def _read(file: soundfile.SoundFile, size: int) -> tuple[np.ndarray, str]:
    """Up to `size` samples (n, C), in steps so that an error loses little; and the error."""
    block = np.empty((size, file.channels), dtype=np.float32)
    done, step = 0, size if file.seekable() else _STEP
    try:
        while done < size:
            got = len(file.read(out=block[done : done + step]))
            if not got:
                break
            done += got
    except soundfile.SoundFileError as error:
        return block[:done], error_text(error)
    return block[:done], ""


def _missing(file: soundfile.SoundFile, done: int) -> str:
    """What is missing of the samples that the file should have; empty if nothing is."""
    seconds, log = done / file.samplerate, file.extra_info
    expected = file.frames / file.samplerate if file.frames < _UNKNOWN else seconds
    for pattern in _STATED:
        for match in pattern.finditer(log):
            stated, there = int(match["stated"]), max(1, int(match["there"]))
            if stated not in _UNKNOWN_SIZES:
                expected = max(expected, seconds * stated / there)
    if expected - seconds > LENGTH_TOLERANCE:
        return f"its header says {expected:.1f} s"
    return "some of it is damaged" if any(text in log for text in _OGG_DAMAGE) else ""
