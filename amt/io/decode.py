"""Decode one stream of a file to mono samples: by libsndfile, and by ffmpeg what it cannot read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import soxr

from amt.io.audio_errors import AudioError, DamagedError, TooLongError, UnknownFormatError
from amt.io.ffmpeg import is_installed, open_ffmpeg
from amt.io.film_clock import Gap
from amt.io.mono import MonoMix
from amt.io.sndfile import LENGTH_TOLERANCE, open_sndfile
from amt.io.spliced import SplicedFile
from amt.io.streams import Stream

# Hz; others are errors of a header, and would take hours or gigabytes to resample.
_MIN_RATE, _MAX_RATE = 1000, 10_000_000
# Resampling of larger numbers may overflow.
_MAX_SAMPLE = 1e37

Blocks = Iterator[np.ndarray]
OnBlock = Callable[[], object] | None


@dataclass(frozen=True)
class Target:
    """What to decode to: a sample rate, at most so many seconds; called after each block."""

    sample_rate: int
    max_seconds: float = math.inf
    on_block: OnBlock = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """Samples (S,). damage: why some are missing, empty if none are. cancelled: as in `MonoMix`.

    tracks: of sound in the file, side by side; the first is decoded. broken: samples that are no
    numbers, replaced by 0, and the second of the first one. restart, film_end: as in `FilmClock`.
    """

    audio: np.ndarray
    damage: str = ""
    cancelled: float = 0.0
    tracks: int = 1
    broken: int = 0
    first_broken: float = 0.0
    restart: float | None = None
    film_end: float = 0.0


def decode_stream(path: Path, file: IO[bytes], stream: Stream, target: Target) -> Decoded:
    """Decode one stream of an open file, completely if one of the decoders can.

    Raises AudioError if neither can read it or no sample is a number, TooLongError if it is longer
    than the target.
    """
    first, reason = None, ""
    try:
        first = _by_sndfile(path, file, stream, target)
    except UnknownFormatError as error:
        reason = str(error)
    if first and (not first.damage or stream.is_counted):
        return first
    if not is_installed():
        if first:
            return replace(first, damage=f"{first.damage}; install ffmpeg, which may decode more")
        advice = "if it is audio in another format, install ffmpeg and try again"
        raise AudioError(f"{reason}; {advice}")
    try:
        second = _by_ffmpeg(path, stream, target)
    except UnknownFormatError as error:
        if first:
            return first
        expected = "expected audio that libsndfile or ffmpeg can read"
        raise AudioError(f"{error}; {expected}") from error
    margin = LENGTH_TOLERANCE * target.sample_rate
    return first if first and len(second.audio) <= len(first.audio) + margin else second


def _by_sndfile(path: Path, file: IO[bytes], stream: Stream, target: Target) -> Decoded:
    with _source(path, file, stream) as source, open_sndfile(source) as (rate, blocks):
        decoded = _collect(rate, blocks, stream.skip_samples, target)
    return replace(decoded, damage=decoded.damage or stream.damage)


def _by_ffmpeg(path: Path, stream: Stream, target: Target) -> Decoded:
    with open_ffmpeg(path, stream.part, stream.with_film) as ffmpeg:
        skip = round(stream.skip_seconds * ffmpeg.rate)
        decoded = _collect(ffmpeg.rate, ffmpeg.blocks, skip, target)
        clock = ffmpeg.clock(stream.has_start)
        return replace(
            decoded,
            audio=_insert_silence(decoded.audio, clock.gaps, target),
            damage=clock.error or decoded.damage or stream.damage,
            tracks=ffmpeg.tracks,
            restart=clock.restart,
            film_end=clock.end,
        )


@contextmanager
def _source(path: Path, file: IO[bytes], stream: Stream) -> Iterator[IO[bytes] | int]:
    """What libsndfile reads: a whole file by its descriptor, which is faster."""
    if stream.pieces is not None:
        yield SplicedFile.buffered(file, stream.pieces)
        return
    with path.open("rb", buffering=0) as whole:
        yield whole.fileno()


def _collect(rate: int, blocks: Blocks, skip: int, target: Target) -> Decoded:
    """Mix, resample and join all blocks, each as it comes: an hour takes little more than that."""
    if not _MIN_RATE <= rate <= _MAX_RATE:
        expected = f"expected {_MIN_RATE} to {_MAX_RATE}"
        raise AudioError(f"its sample rate is {rate} Hz; {expected}")
    damage: list[str] = []
    mix, numbers = MonoMix(rate), _Numbers()
    kept = _without_start(_until_damage(blocks, damage, target.on_block), skip)
    mono = _limited(mix.mix(numbers.only(kept)), rate, target.max_seconds)
    audio = _join(_resample(mono, rate, target.sample_rate))
    if numbers.broken and numbers.broken == numbers.total:
        raise AudioError("its samples are not numbers")
    first = numbers.first / rate
    return Decoded(audio, "".join(damage), mix.cancelled, 1, numbers.broken, first)


def _until_damage(blocks: Blocks, damage: list[str], on_block: OnBlock) -> Blocks:
    """The blocks; if a decoder then reports damage, its reason is appended to `damage`."""
    try:
        for block in blocks:
            if on_block:
                on_block()
            yield block
    except DamagedError as error:
        damage.append(str(error))


def _without_start(blocks: Blocks, skip: int) -> Blocks:
    for block in blocks:
        dropped = min(skip, len(block))
        skip -= dropped
        yield block[dropped:] if dropped else block


@dataclass
class _Numbers:
    """Replaces samples that are no numbers by 0.

    total: samples per channel so far. broken: those of them where a channel had none. first: the
    first of those.
    """

    total: int = 0
    broken: int = 0
    first: int = 0

    def only(self, blocks: Blocks) -> Blocks:
        """The blocks (n, C) with all samples finite."""
        for block in blocks:
            good = np.abs(block) < _MAX_SAMPLE  # False for NaN.
            if not good.all():
                rows = np.flatnonzero(~good.all(axis=1))
                self.first = self.first if self.broken else self.total + int(rows[0])
                self.broken += len(rows)
                block = np.where(good, block, np.float32(0))
            self.total += len(block)
            yield block


def _limited(blocks: Blocks, rate: int, max_seconds: float) -> Blocks:
    """Mono blocks. Raises TooLongError if they are longer than that."""
    done = 0
    for mono in blocks:
        done += len(mono)
        if done > max_seconds * rate:
            raise TooLongError
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
    """Concatenate blocks as they come; numpy.concatenate would hold all blocks and the result.

    A bytearray grows in place, which an array does not: from numpy 2.5 on, resize() copies.
    """
    samples = bytearray()
    for block in blocks:
        samples += np.ascontiguousarray(block, dtype=np.float32).data
    return np.frombuffer(samples, dtype=np.float32)


def _insert_silence(audio: np.ndarray, gaps: list[Gap], target: Target) -> np.ndarray:
    """The samples with silence in the gaps; what follows a gap is moved, the end first."""
    lengths = [round(gap.seconds * target.sample_rate) for gap in gaps]
    end, shift = len(audio), sum(lengths)
    if end + shift > target.max_seconds * target.sample_rate:
        raise TooLongError
    audio = np.append(audio, np.zeros(shift, dtype=np.float32)) if shift else audio
    for gap, length in zip(reversed(gaps), reversed(lengths), strict=True):
        start = min(end, round(gap.after * target.sample_rate))
        audio[start + shift : end + shift] = audio[start:end]
        audio[start + shift - length : start + shift] = 0
        end, shift = start, shift - length
    return audio
