"""Decode one stream by ffmpeg, if it is installed: m4a, wma, webm, films, and damaged files.

Sound that starts later than its film, or whose time stamps have gaps, keeps the film's clock:
beside the samples ffmpeg writes the time stamp of each frame, and `gaps` tells where silence is
missing.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO

import numpy as np

from amt.io.audio_errors import DamagedError, UnknownFormatError
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
# Time stamps are rounded to milliseconds, and of browsers not regular; a note may be 50 ms off. At
# the start wma decoders drop up to 93 ms.
_GAP_SECONDS = 0.05
_START_SECONDS = 0.1
# Gaps that together exceed this are an error of the time stamps.
_MAX_GAP_SECONDS = 3600.0

# What ffmpeg means by some of its messages.
_REASONS = {
    "moov atom not found": "its index is missing, which mp4 and m4a files have at the end",
    "End of file": "it is cut off",
    "matches no streams": "there is no sound in it",
}

# A message begins with the part of ffmpeg that writes it, if any, and its level.
_LEVEL = re.compile(r"(?:\[[^\]]* @ \w+\] )*\[(?P<level>info|warning|error|fatal|panic)\] ")
_SOUND_TRACK = re.compile(r"\[info\]\s+Stream #0:\d[^ ]*: Audio: ")

Blocks = Iterator[np.ndarray]


@dataclass(frozen=True)
class Gap:
    """Silence of `seconds` that belongs after the first `after` seconds of decoded sound."""

    after: float
    seconds: float


@dataclass
class Ffmpeg:
    """A running ffmpeg. gaps: complete after the last block. messages: the file of its messages."""

    rate: int
    blocks: Blocks
    gaps: list[Gap]
    messages: IO[bytes]

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
                    raise UnknownFormatError(_error(process, messages) or "ffmpeg gave no sound")
                _, offset, _, _, rate, channels = struct.unpack(">4s5I", header)
                _read(process, offset - 24)
                found: list[Gap] = []
                blocks = _blocks(process, messages, channels, stamps, found)
                yield Ffmpeg(rate, blocks, found, messages)
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
    return ("-map", "0:v:0?", "-c:v", "copy") if with_film else ()


def _blocks(
    process: subprocess.Popen[bytes],
    messages: IO[bytes],
    channels: int,
    stamps: Path,
    found: list[Gap],
) -> Blocks:
    while data := _read(process, _BLOCK * 4 * channels):
        whole_frames = len(data) // (4 * channels) * channels
        block = np.frombuffer(data, dtype=">f4", count=whole_frames).astype(np.float32)
        yield block.reshape(-1, channels)
    error = _error(process, messages)
    if stamps.exists():
        with stamps.open() as lines:
            error = _find_gaps(lines, found) or error
    if error:
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


def _lines(messages: IO[bytes]) -> list[str]:
    messages.seek(0)
    return messages.read(1 << 20).decode(errors="replace").splitlines()


def _is_error(line: str) -> bool:
    """Whether samples are lost; not if only time stamps go back, where streams were joined."""
    found = _LEVEL.match(line)
    if not found or found["level"] == "info" or "monoton" in line:
        return False
    return found["level"] != "warning" or "corrupt" in line


def _find_gaps(lines: Iterable[str], found: list[Gap]) -> str:
    """Append the gaps between the time stamps of frames; returns an error if they jump too far.

    lines: of ffmpeg's framecrc, for each frame: stream, two time stamps, duration, size, checksum.
    """
    rate, decoded, shift, left, error = 1, 0, 0, _MAX_GAP_SECONDS, ""
    for line in lines:
        if line.startswith("#tb 0:"):
            rate = int(line.split("/")[1])
        if not line.startswith("0,"):
            continue
        time, duration = (int(field) for field in line.split(",")[2:4])
        missing = (time - decoded - shift) / rate
        least = _GAP_SECONDS if decoded else _START_SECONDS
        if missing > left:
            error = f"its time stamps jump by {missing:.0f} s, which are left out"
        elif missing > least:
            found.append(Gap(decoded / rate, missing))
            left -= missing
        if abs(missing) > least or not decoded:
            shift = time - decoded
        decoded += duration
    return error
