"""A read-only file made of ranges of another file and of bytes that stand in for broken headers.

libsndfile reads it, so that a header can be corrected, junk left out, and each of several streams
joined in one file be read, without a copy on the disk.
"""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import IO

# A range [begin, end) of bytes of the underlying file.
Range = tuple[int, int]


class SplicedFile(io.RawIOBase):
    """The concatenation of `pieces`: bytes, and ranges of `file`.

    A read error of the disk ends the file there, since libsndfile's callbacks cannot raise.
    """

    def __init__(self, file: IO[bytes], pieces: Sequence[bytes | Range]) -> None:
        self._file = file
        self._pieces = pieces
        sizes = [len(p) if isinstance(p, bytes) else p[1] - p[0] for p in pieces]
        self._starts = [0, *accumulate(sizes)]
        self._position = 0

    @staticmethod
    def buffered(file: IO[bytes], pieces: Sequence[bytes | Range]) -> io.BufferedReader:
        """The same with a buffer, since decoders read few bytes at a time."""
        return io.BufferedReader(SplicedFile(file, pieces), 1 << 16)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._position >= self._starts[-1]:
            return 0
        index = bisect_right(self._starts, self._position) - 1
        skipped = self._position - self._starts[index]
        size = min(len(buffer), self._starts[index + 1] - self._position)
        try:
            data = self._read(self._pieces[index], skipped, size)
        except OSError:
            return 0
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read(self, piece: bytes | Range, skipped: int, size: int) -> bytes:
        if isinstance(piece, bytes):
            return piece[skipped : skipped + size]
        self._file.seek(piece[0] + skipped)
        return self._file.read(size)
