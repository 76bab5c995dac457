"""Decode audio files to mono float32 samples at one sample rate, and encode them.

Decoding is streamed: each block is decoded, mixed to mono, resampled and appended, so that an hour
of stereo needs little more memory than its mono result. libsndfile reads wav, flac, mp3, ogg and
opus; ffmpeg, if it is installed, reads other formats. librosa.load and torchaudio.load would decode
the whole file before they mix and resample it.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import soxr

from amt.io.atomic import as_file, atomic_write
from amt.io.mp3 import TAG_BYTES, has_length

SAMPLE_RATE = 16000
# In order of preference, if a recording exists in several formats: lossless before lossy.
AUDIO_SUFFIXES = (".wav", ".flac", ".aiff", ".aif", ".opus", ".ogg", ".m4a", ".aac", ".mp3")

_BLOCK = 1 << 16
_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
# Seconds; the lengths in headers are often wrong by a few frames of 26 ms.
_LENGTH_TOLERANCE = 0.1
# Formats that ffmpeg may detect. Playlists are left out, since they would open other files.
_CONTAINERS = (
    "aac,ac3,eac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,flac,flv,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,tak,tta,voc,w64,wav,wv"
)
# Limit of ffmpeg's processor time.
_FFMPEG_SECONDS = 600

Blocks = Iterator[np.ndarray]
OnBlock = Callable[[], object] | None


class AudioError(ValueError):
    """An audio file that cannot be read or written; the message is one line that names it."""


class TooLongError(AudioError):
    """Audio longer than the given limit."""


def load(
    path: Path | str,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = math.inf,
    on_block: OnBlock = None,
) -> np.ndarray:
    """Decode an audio file to mono float32 (S,) at `sample_rate`, the mean of its channels.

    on_block: called after each block; an exception that it raises ends the decoding.
    Raises AudioError if the file is missing, empty, not audio, broken or has samples that are not
    finite, and TooLongError once more than `max_seconds` are decoded, whatever the header says.
    """
    path = Path(path)
    _check_file(path)
    with _decoder(path) as (rate, blocks):
        mono = _mono(path, rate, blocks, max_seconds, on_block)
        audio = _join(_resample(mono, rate, sample_rate))
    if not len(audio):
        raise AudioError(f"cannot decode {path}: it has no samples")
    return audio


def load_bytes(
    data: bytes,
    sample_rate: int = SAMPLE_RATE,
    max_seconds: float = math.inf,
    on_block: OnBlock = None,
) -> np.ndarray:
    """Decode the content of an audio file as `load` does, without leaving it on a disk."""
    with as_file(data) as path:
        try:
            return load(path, sample_rate, max_seconds, on_block)
        except AudioError as error:
            raise type(error)(str(error).replace(str(path), "the audio")) from error


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
                with soundfile.SoundFile(
                    part, "w", sample_rate, channels, subtype, None, kind
                ) as file:
                    # The Vorbis encoder overflows its stack when it is given minutes at once.
                    for start in range(0, len(audio), _BLOCK):
                        file.write(audio[start : start + _BLOCK])
            except soundfile.SoundFileError:
                _check_writable(part)
                raise
    except soundfile.SoundFileError as error:
        raise AudioError(f"cannot write {path} at {sample_rate} Hz: {_line(error)}") from error
    except OSError as error:
        raise AudioError(f"cannot write {path}: {error.strerror}") from error


def _check_writable(path: Path) -> None:
    """Raise the OSError of the system (such as a full disk), which libsndfile reports only as
    "System error"."""
    with path.open("ab") as file:
        file.write(bytes(1 << 16))


def _check_file(path: Path) -> None:
    if not path.exists():
        raise AudioError(f"cannot decode {path}: no such file")
    if not path.is_file():
        raise AudioError(f"cannot decode {path}: not a file")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise AudioError(f"cannot decode {path}: {error.strerror}") from error
    if empty:
        raise AudioError(f"cannot decode {path}: the file is empty")


@contextmanager
def _decoder(path: Path) -> Iterator[tuple[int, Blocks]]:
    """Sample rate and an iterator of decoded blocks (n, C), by libsndfile or else ffmpeg."""
    with path.open("rb") as opened:
        try:
            # By descriptor, since libsndfile trusts the suffix of a name: it would read any .mp3 as
            # mp3 and print warnings.
            file = soundfile.SoundFile(opened.fileno(), closefd=False)
        except soundfile.SoundFileError as error:
            reason = _line(error)
        else:
            with file:
                length_guessed = file.format == "MP3" and not has_length(path)
                if not (length_guessed and shutil.which("ffmpeg")):
                    yield file.samplerate, _soundfile_blocks(path, file, opened, length_guessed)
                    return
            reason = "an mp3 file without a length"
    with _ffmpeg(path, reason) as decoder:
        yield decoder


def _soundfile_blocks(
    path: Path, file: soundfile.SoundFile, opened: IO[bytes], length_guessed: bool
) -> Blocks:
    done = 0
    while True:
        try:
            size = max(1, _BLOCK // file.channels)
            block = file.read(size, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise _broken(path, done / file.samplerate, _line(error)) from error
        if not len(block):
            break
        done += len(block)
        yield block
    if length_guessed:
        _check_all_read(path, opened, done / file.samplerate)
    elif (file.frames - done) / file.samplerate > _LENGTH_TOLERANCE:
        reason = f"its header says {file.frames / file.samplerate:.1f} s"
        raise _broken(path, done / file.samplerate, reason)


def _check_all_read(path: Path, opened: IO[bytes], second: float) -> None:
    unread = path.stat().st_size - os.lseek(opened.fileno(), 0, os.SEEK_CUR)
    if unread > TAG_BYTES:
        advice = "its header does not give its length; install ffmpeg and try again"
        raise AudioError(f"cannot decode {path} beyond {second:.1f} s: {advice}")


@contextmanager
def _ffmpeg(path: Path, reason: str) -> Iterator[tuple[int, Blocks]]:
    """Decode by ffmpeg through a pipe, as AU, whose header gives sample rate and channels."""
    program = shutil.which("ffmpeg")
    if program is None:
        advice = "if it is audio in another format, install ffmpeg and try again"
        raise AudioError(f"cannot decode {path}: {reason}; {advice}")
    command = [program, "-v", "error", "-nostdin", "-xerror", "-protocol_whitelist", "file,pipe"]
    command += ["-format_whitelist", _CONTAINERS, "-timelimit", str(_FFMPEG_SECONDS)]
    command += ["-i", f"file:{path}", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with (
        tempfile.TemporaryFile() as messages,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=messages) as process,
    ):
        assert process.stdout is not None
        try:
            header = process.stdout.read(24)
            if len(header) < 24:
                expected = "expected audio that libsndfile or ffmpeg can read"
                raise AudioError(f"cannot decode {path}: {reason}; {expected}")
            _, offset, _, _, rate, channels = struct.unpack(">4s5I", header)
            process.stdout.read(offset - 24)
            yield rate, _ffmpeg_blocks(path, process, messages, rate, channels)
        finally:
            process.kill()


def _ffmpeg_blocks(
    path: Path, process: subprocess.Popen[bytes], messages: IO[bytes], rate: int, channels: int
) -> Blocks:
    assert process.stdout is not None
    done = 0
    while data := process.stdout.read(_BLOCK * 4 * channels):
        whole_frames = len(data) // (4 * channels) * channels
        block = np.frombuffer(data, dtype=">f4", count=whole_frames).astype(np.float32)
        done += len(block) // channels
        yield block.reshape(-1, channels)
    error = _last_line(process, messages)
    if process.returncode or error:
        raise _broken(path, done / rate, error)


def _last_line(process: subprocess.Popen[bytes], messages: IO[bytes]) -> str:
    """The last message of ffmpeg, once it has ended."""
    process.wait()
    messages.seek(0)
    lines = messages.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _mono(path: Path, rate: int, blocks: Blocks, max_seconds: float, on_block: OnBlock) -> Blocks:
    done = 0
    for block in blocks:
        if on_block:
            on_block()
        # block.mean(axis=1) takes eight times as long over so short an axis.
        mono = block @ np.full(block.shape[1], 1 / block.shape[1], dtype=np.float32)
        if not np.isfinite(mono).all():
            second = (done + int(np.argmin(np.isfinite(mono)))) / rate
            raise AudioError(f"cannot decode {path}: a sample at {second:.1f} s is not a number")
        done += len(mono)
        if done > max_seconds * rate:
            raise TooLongError(f"cannot decode {path}: it lasts longer than {max_seconds:g} s")
        yield mono


def _resample(blocks: Blocks, rate: int, wanted: int) -> Blocks:
    if rate == wanted:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _join(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenate blocks as they come; numpy.concatenate would hold all blocks and the result."""
    audio = np.zeros(_BLOCK, dtype=np.float32)
    done = 0
    for block in blocks:
        if done + len(block) > len(audio):
            audio.resize(done + len(block) + done // 16, refcheck=False)
        audio[done : done + len(block)] = block
        done += len(block)
    audio.resize(done, refcheck=False)
    return audio


def _broken(path: Path, second: float, reason: str) -> AudioError:
    return AudioError(f"cannot decode {path}: broken after {second:.1f} s ({reason})")


def _line(error: Exception) -> str:
    text = getattr(error, "error_string", str(error))
    return " ".join(text.split()).removeprefix("Error : ").rstrip(".")
