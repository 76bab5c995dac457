"""A retraining that is killed at any write goes on, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from retraining_lake import SETTINGS, FakeTools, content, context, write_takes

from amt.cloud.folder_lake import FolderLake
from amt.cloud.objects import Stored
from amt.cloud.registry import Registry
from amt.retraining.retrain import retrain

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class KilledLake(FolderLake):
    """Kills its process at the write number `at`: in the middle of the file, or just after it."""

    def __init__(self, folder: Path, at: int, after: bool) -> None:
        super().__init__(folder)
        self.left, self.after = at, after

    def _write(
        self, name: str, fill: Callable[[Path], object], if_generation: int | None
    ) -> Stored:
        self.left -= 1

        def half(path: Path) -> None:
            fill(path)
            if self.left == 0 and not self.after:
                os.truncate(path, path.stat().st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

        stored = super()._write(name, half, if_generation)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return stored


def fake_tools() -> FakeTools:
    return FakeTools(splits={"take1-1-00000000": "test"})


def killed_at(folder: Path, at: int, after: bool) -> bool:
    """Whether a retraining in another process was killed at that write, or came to its end."""
    child = os.fork()
    if child == 0:
        lake = KilledLake(folder / "lake", at, after)
        retrain(context(lake, folder / "work", fake_tools()), SETTINGS)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def check_whole(lake: FolderLake) -> None:
    """Every object can be read, and a version with version.json has all it lists."""
    for name, data in content(lake).items():
        if name.endswith(".json"):
            json.loads(data)
    registry = Registry(lake, "base")
    for version in registry.versions():
        for file in registry.read(version)["sha256"]:
            assert lake.stat(registry.path(version, file)), file
    assert all(served.version in registry.versions() for served in registry.history())


def result_without_kill(folder: Path) -> tuple[dict[str, bytes], int]:
    """The content of the lake at the end, and the number of writes."""
    lake = FolderLake(folder / "lake")
    write_takes(lake)
    writes: list[str] = []
    original = lake._write
    lake._write = lambda name, *rest: writes.append(name) or original(name, *rest)  # type: ignore[method-assign]
    retrain(context(lake, folder / "work", fake_tools()), SETTINGS)
    return dict(content(lake)), len(writes)


def survives(folder: Path, at: int, after: bool, expected: dict[str, bytes]) -> None:
    """Kill at a write, look at what is there, go on, and compare the end."""
    lake = FolderLake(folder / "lake")
    write_takes(lake)
    assert killed_at(folder, at, after)
    check_whole(lake)
    retrain(context(lake, folder / "work", fake_tools()), SETTINGS)
    check_whole(lake)
    found = content(lake)
    undecided = {name for name in found if name.startswith(("corrections/", "feedback/"))}
    for name in expected.keys() | found.keys():
        if name not in undecided:  # These hold the time.
            assert same(found.get(name), expected.get(name), folder), (at, after, name)


def same(found: bytes | None, expected: bytes | None, folder: Path) -> bool:
    """Whether two objects are the same, apart from the folder in which the run worked."""
    if found is None or expected is None:
        return False
    return found.replace(str(folder).encode(), b"") == expected


def expected_of(folder: Path) -> tuple[dict[str, bytes], int]:
    whole, writes = result_without_kill(folder)
    place = str(folder).encode()
    return {name: data.replace(place, b"") for name, data in whole.items()}, writes


def test_killed_at_some_writes(tmp_path: Path) -> None:
    expected, writes = expected_of(tmp_path / "whole")
    for number, at in enumerate(range(2, writes + 1, 9)):
        survives(tmp_path / str(at), at, number % 2 == 0, expected)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_every_write(tmp_path: Path, after: bool) -> None:
    expected, writes = expected_of(tmp_path / "whole")
    for at in range(1, writes + 1):
        survives(tmp_path / str(at), at, after, expected)
