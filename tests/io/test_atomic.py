"""Atomic writing of files and folders."""

import errno
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amt.io.atomic import as_file, atomic_write, atomic_write_folder


def test_the_file_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with atomic_write(path) as part:
        part.write_text("new")
        assert not path.exists()
        assert part.suffix == ".txt"
    assert path.read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_after_an_error_the_old_file_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("write", [atomic_write, atomic_write_folder])
@pytest.mark.parametrize("names_a_file", [True, False])
def test_an_error_names_the_file_that_was_asked_for(
    write: Any, names_a_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    with pytest.raises(OSError) as caught, write(path) as part:
        error = OSError(errno.ENOSPC, "No space left on device")
        error.filename = str(part) if names_a_file else None
        raise error
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_write(tmp_path / "a"):
        Path("missing").read_bytes()
    assert str(caught.value.filename) == "missing"


def test_two_writers_of_one_path(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"


def test_a_file_name_of_maximum_length(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".mid")
    with atomic_write(path) as part:
        part.write_text("x")
    assert path.read_text() == "x"


def test_bytes_as_a_temporary_file_for_child_processes() -> None:
    with as_file(b"some bytes") as path:
        assert path.is_file()
        assert path.read_bytes() == b"some bytes"
        read = subprocess.run(["cat", path], capture_output=True, check=True)
        assert read.stdout == b"some bytes"
    assert not path.exists()


def test_the_folder_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    with atomic_write_folder(path) as part:
        (part / "a").write_text("x")
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["a"]
    assert [file.name for file in path.parent.iterdir()] == ["folder"]


def test_after_an_error_the_new_folder_is_removed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_write_folder(tmp_path / "folder") as part:
        (part / "a").write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(FileExistsError, match="empty folder"), atomic_write_folder(tmp_path):
        pytest.fail("the block ran")
    assert (tmp_path / "mine").exists()


def test_a_folder_with_known_files_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out"
    for text in ("old", "new"):
        with atomic_write_folder(path, ("a.txt", "b.txt")) as part:
            (part / "a.txt").write_text(text)
    assert (path / "a.txt").read_text() == "new"
    assert [file.name for file in path.parent.iterdir()] == ["out"]


def test_after_an_error_the_old_folder_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with atomic_write_folder(path, ("a.txt",)) as part:
        (part / "a.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write_folder(path, ("a.txt",)) as part:
        (part / "a.txt").write_text("half")
        raise KeyboardInterrupt
    assert (path / "a.txt").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("out", "file"):
        with pytest.raises(FileExistsError), atomic_write_folder(tmp_path / name, ("a.txt",)):
            pass
    assert (tmp_path / "out" / "diary.txt").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "out"]
