"""Files damaged at random: bits flipped, cut, joined, with wrong sizes, bytes lost or added."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from random import Random

# Values at which readers of 7, 8, 16 and 32 bits break.
_SIZES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def count(default: int) -> int:
    """How many files a test tries: `default`, or the environment variable AMT_FUZZ."""
    return int(os.environ.get("AMT_FUZZ", default))


def mutated(seeds: Sequence[bytes], rng: Random) -> bytes:
    """One of `seeds` after one to four kinds of damage."""
    data = rng.choice(seeds)
    for _ in range(rng.randint(1, 4)):
        data = rng.choice(_KINDS)(data, seeds, rng)
    return data


def _flip_bits(data: bytes, _: Sequence[bytes], rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        if changed:
            changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, _: Sequence[bytes], rng: Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _lose(data: bytes, _: Sequence[bytes], rng: Random) -> bytes:
    start = _place(data, rng)
    return data[:start] + data[start + rng.choice((1, 2, 4, 50)) :]


def _add(data: bytes, seeds: Sequence[bytes], rng: Random) -> bytes:
    start, other = _place(data, rng), rng.choice(seeds)
    piece = rng.choice((rng.randbytes(rng.randint(1, 40)), bytes(7), other[: rng.randint(0, 200)]))
    return data[:start] + piece + data[start:]


def _join(data: bytes, seeds: Sequence[bytes], rng: Random) -> bytes:
    return data + rng.choice(seeds)


def _overwrite_size(data: bytes, _: Sequence[bytes], rng: Random) -> bytes:
    start, length = _place(data, rng), rng.choice((1, 2, 4))
    size = rng.choice(_SIZES) & (1 << 8 * length) - 1
    piece = size.to_bytes(length, rng.choice(("big", "little")))
    return data[:start] + piece + data[start + length :]


def _place(data: bytes, rng: Random) -> int:
    """A position, half of the time among the first 64 bytes, where most headers are."""
    end = min(len(data), 64) if rng.random() < 0.5 else len(data)
    return rng.randrange(max(end, 1))


_KINDS: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    _flip_bits,
    _cut,
    _lose,
    _add,
    _join,
    _overwrite_size,
)
