"""Decode one stream by ffmpeg, if it is installed: m4a, wma, webm, films, and damaged files.

Sound that starts later than its film, or whose time stamps have gaps, keeps the film's clock:
beside the samples ffmpeg writes the time stamp of each frame; see `amt.io.film_clock`.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO

import numpy as np

from amt.io.audio_errors import DamagedError, UnknownFormatError
from amt.io.film_clock import FilmClock, read_clock
from amt.io.spliced import Range

# Formats that ffmpeg may detect. Playlists are left out, since they would open other files.
_CONTAINERS = (
    "aac,ac3,eac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,flac,flv,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tak,tta,voc,w64,wav,wv"
)
# Limits of its processor time, and of the time that it may take to decode one more block.
_CPU_SECONDS = 600
_STALL_SECONDS = 25
_MAX_ALLOCATION = 400_000_000  # Bytes at once; broken headers ask for gigabytes.
# Samples, of all channels together, in a block.
_BLOCK = 1 << 16
_NO_DECODER = "this ffmpeg cannot decode its sound"
# What ffmpeg means by some of its messages.
_REASONS = {
    "moov atom not found": "its index is missing, which mp4 and m4a files have at the end",
    "End of file": "it is cut off",
    "matches no streams": "there is no sound in it",
    "Invalid sample rate": "its header gives no valid sample rate",
    "channels not set": "its header gives no number of channels",
    "no decoder found": _NO_DECODER,
    "not found for input stream": _NO_DECODER,
}

# A message begins with the part of ffmpeg that writes it, if any, and its level.
_LEVEL = re.compile(r"(?:\[[^\]]* @ \w+\] )*\[(?P<level>info|warning|error|fatal|panic)\] ")
_SOUND_TRACK = re.compile(r"\[info\]\s+Stream #0:\d[^ ]*: Audio: ")

Blocks = Iterator[np.ndarray]


@dataclass
class Ffmpeg:
    """A running ffmpeg. stamps, messages: the files of its time stamps and messages."""

    rate: int
    blocks: Blocks
    stamps: Path
    messages: IO[bytes]

    def clock(self, has_start: bool) -> FilmClock:
        """The clock of the film, after the last block. has_start: as in `read_clock`."""
        if not self.stamps.exists():
            return FilmClock()
        with self.stamps.open() as lines:
            return read_clock(lines, has_start)

    @property
    def tracks(self) -> int:
        """The number of tracks of sound in the file, of which the first is decoded."""
        lines = takewhile(lambda line: "Stream mapping:" not in line, _lines(self.messages))
        return sum(_SOUND_TRACK.match(line) is not None for line in lines)


def is_installed() -> bool:
    """Whether ffmpeg can be called."""
    return shutil.which("ffmpeg") is not None


@contextmanager
def open_ffmpeg(path: Path, part: Range | None, with_film: bool) -> Iterator[Ffmpeg]:
    """Decode the file, or a range of its bytes, through a pipe as AU: rate and channels are there.

    with_film: its clock starts with the film's, which ffmpeg reads for MPEG streams only if it is
    told to. Raises UnknownFormatError if there is no sound; after the last block, DamagedError if
    some of it could not be decoded.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as messages:
        stamps = Path(folder) / "stamps"
        command = _command(path, part, with_film, stamps)
        with _started(command, messages) as process:
            try:
                header = _read(process, 24)
                if len(header) < 24:
                    raise UnknownFormatError(_refusal(_error(process, messages)))
                _, offset, _, _, rate, channels = struct.unpack(">4s5I", header)
                _read(process, offset - 24)
                yield Ffmpeg(rate, _blocks(process, messages, channels), stamps, messages)
            finally:
                process.kill()


def _started(command: list[str], messages: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages
        )
    except OSError as error:
        raise UnknownFormatError(_broken(error.strerror or str(error))) from error


def _broken(reason: str) -> str:
    return f"ffmpeg does not run ({reason}); install it again"


def _command(path: Path, part: Range | None, with_film: bool, stamps: Path) -> list[str]:
    source = f"file:{path}"
    if part:
        source = f"subfile,,start,{part[0]},end,{part[1]},,:{path}"
    return [
        *(shutil.which("ffmpeg") or "ffmpeg", "-v", "level+info", "-nostats", "-nostdin", "-y"),
        *("-max_alloc", str(_MAX_ALLOCATION), "-timelimit", str(_CPU_SECONDS)),
        *("-protocol_whitelist", "file,subfile,pipe", "-format_whitelist", _CONTAINERS),
        *("-copyts", "-start_at_zero", "-i", source),
        *("-map", "0:a:0", "-af", "asetpts=N/SR/TB", "-c:a", "pcm_f32be", "-f", "au", "-"),
        *("-map", "0:a:0", "-c:a", "pcm_f32le", *_film(with_film), "-f", "framecrc", str(stamps)),
    ]


def _film(with_film: bool) -> tuple[str, ...]:
    # V: not the picture of a cover.
    return ("-map", "0:V:0?", "-c:v", "copy") if with_film else ()


def _blocks(process: subprocess.Popen[bytes], messages: IO[bytes], channels: int) -> Blocks:
    while data := _read(process, _BLOCK * 4 * channels):
        whole_frames = len(data) // (4 * channels) * channels
        block = np.frombuffer(data, dtype=">f4", count=whole_frames).astype(np.float32)
        yield block.reshape(-1, channels)
    if error := _error(process, messages):
        raise DamagedError(error)


def _read(process: subprocess.Popen[bytes], size: int) -> bytes:
    """`size` bytes, fewer at the end; a process that gives none in time is killed."""
    assert process.stdout is not None
    timer = threading.Timer(_STALL_SECONDS, process.kill)
    timer.start()
    try:
        return process.stdout.read(size)
    finally:
        timer.cancel()


def _error(process: subprocess.Popen[bytes], messages: IO[bytes]) -> str:
    """What was wrong, once ffmpeg has ended: its first error; empty if nothing was."""
    try:
        process.wait(_STALL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    lines = _lines(messages)
    error = next((line for line in lines if _is_error(line)), "")
    for message, reason in _REASONS.items():
        if message in error:
            return reason
    if process.returncode and not error:
        # The system writes without a level why a program cannot be started.
        reason = next((line for line in lines if line[:1] not in ("[", " ", "")), "")
        return _broken(reason) if reason else f"ffmpeg ended with {process.returncode}"
    # Without the names of ffmpeg's parts, their addresses in memory, and the level.
    return " ".join(re.sub(r"\[[^\]]*\]", "", error).split())


def _refusal(error: str) -> str:
    """Why there is no sound, in plain words: those of ffmpeg are about its guesses at a format."""
    known = error in _REASONS.values() or error.startswith("ffmpeg ")
    return error if known else "nothing in it can be decoded as sound"


def _lines(messages: IO[bytes]) -> list[str]:
    messages.seek(0)
    return messages.read(1 << 20).decode(errors="replace").splitlines()


def _is_error(line: str) -> bool:
    """Whether samples are lost; not if only time stamps go back, where streams were joined."""
    found = _LEVEL.match(line)
    if not found or found["level"] == "info" or "monoton" in line:
        return False
    return found["level"] != "warning" or "corrupt" in line
