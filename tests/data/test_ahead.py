"""Pieces on Cloud Storage are fetched before they are read, in the order in which they will be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from amt.data import ahead
from amt.data.ahead import Ahead
from amt.data.manifest import Entry, Root
from amt.data.streamed import StreamedSet

PIECES = 400


def entry(number: int) -> Entry:
    name = f"{number:03}"
    return Entry(
        name, "train", name, 1.0, 500, 1, 1.0, f"{number:064x}", f"{number + 500:064x}", ""
    )


def numbers_fetched(
    root: Root, world_size: int, *batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> list[int]:
    """The pieces that are asked for, in their order."""
    asked: list[int] = []
    monkeypatch.setattr(Ahead, "_fetch", lambda self, found: asked.append(int(found[1].name)))
    pieces = Ahead([root], lambda n: (root, entry(n)) if n < PIECES else None, world_size)
    for batch in batches:
        pieces.after(batch)
    return asked


def streamed(folder: Path, copies: int) -> StreamedSet:
    """A set of which so many pieces may be fetched before they are read."""
    return StreamedSet("gs://b/set", folder, round(copies * 1000 / ahead.SHARE_OF_COPIES))


def test_what_the_process_will_read_is_fetched_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = streamed(tmp_path, PIECES)
    found = numbers_fetched(root, 2, [1, 3], [5, 7], monkeypatch=monkeypatch)
    assert found == list(range(5, 8 + 4 * ahead.BATCHES, 2))


def test_little_room_is_not_filled_with_what_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = numbers_fetched(streamed(tmp_path, 5), 1, [0, 1], monkeypatch=monkeypatch)
    assert found == [2, 3, 4, 5, 6]


def test_nothing_is_fetched_for_folders_and_beyond_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not numbers_fetched(tmp_path, 1, [0], monkeypatch=monkeypatch)
    root = streamed(tmp_path, PIECES)
    found = numbers_fetched(root, 1, [PIECES - 2], monkeypatch=monkeypatch)
    assert found == [PIECES - 1]


def test_what_fails_beforehand_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads go on with the next file."""
    opened: list[str] = []

    def fail(self: StreamedSet, name: str, sha256: str, buffering: int = -1) -> None:
        opened.append(name)
        raise ahead.StorageError("no network")

    monkeypatch.setattr(StreamedSet, "open", fail)
    root = streamed(tmp_path, PIECES)
    Ahead([root], lambda n: (root, entry(n)) if n < 30 else None).after([0])
    end = time.monotonic() + 10
    while len(opened) < 2 * ahead.BATCHES and time.monotonic() < end:
        time.sleep(0.001)
    assert len(opened) == 2 * ahead.BATCHES
