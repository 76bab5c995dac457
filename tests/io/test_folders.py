"""Files below a folder: links, loops, folders that cannot be read; names that count as one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amt.errors import FileWarning
from amt.io.folders import files_below, same_name, user_path


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in files_below(folder))


def test_links_to_folders_are_followed_and_each_folder_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path / "disk" / "x.wav", tmp_path / "music" / "b" / "y.wav")
    (tmp_path / "music" / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "music" / "again").symlink_to(tmp_path / "disk")
    # A link that comes before the folder itself in the alphabet does not change its path.
    (tmp_path / "music" / "a").symlink_to("b")
    assert names(tmp_path / "music") == ["again/x.wav", "b/y.wav"]
    (tmp_path / "start").symlink_to("music")
    assert names(tmp_path / "start") == ["again/x.wav", "b/y.wav"]


def test_loops_of_links_end(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.wav")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "itself").symlink_to("itself")
    assert names(tmp_path) == ["a/x.wav", "itself"]


def test_links_to_nothing_are_files_and_hidden_names_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path / ".Trashes" / "x.wav", tmp_path / "._x.wav", tmp_path / "x.wav" / "in.wav")
    (tmp_path / "dead.wav").symlink_to("nowhere.wav")
    assert names(tmp_path) == ["dead.wav", "x.wav/in.wav"]


def test_a_folder_that_cannot_be_read_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.wav", tmp_path / "lost+found" / "b.wav")
    read = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.warns(FileWarning, match=r"lost\+found: left out, .*Permission denied"):
        assert names(tmp_path) == ["a.wav"]


def test_case_and_the_form_of_accents_do_not_count() -> None:
    assert same_name("E\u0301tude.MID") == same_name("\u00e9tude.mid")
    assert same_name("etude") != same_name("\u00e9tude")


def test_paths_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/clara")
    monkeypatch.setenv("USERPROFILE", "/home/clara")
    assert user_path("~/MAPS/") == Path("/home/clara/MAPS")
    assert user_path("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    for empty in ("", " "):
        with pytest.raises(ValueError, match="a path is empty"):
            user_path(empty)
