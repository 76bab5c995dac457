from pathlib import Path

import pytest
from small_recordings import write_pair

from amt.data.cache import prepare
from amt.data.pieces import SourceError, check_pieces
from amt.data.sources.folder import Folder


def by_name(folder: Folder) -> dict[str, str]:
    return {piece.name: piece.split for piece in folder.pieces()}


def test_pairs_of_any_format_in_any_folder_are_found(tmp_path: Path) -> None:
    write_pair(tmp_path, "a")
    write_pair(tmp_path / "deep" / "er", "b", audio_suffix=".flac", notes=".tsv")
    write_pair(tmp_path, "c", audio_suffix=".mp3", notes=".midi")
    write_pair(tmp_path / "audio", "d", audio_suffix=".opus")
    (tmp_path / "midi").mkdir()
    (tmp_path / "audio" / "d.mid").rename(tmp_path / "midi" / "d.MID")
    report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0)
    assert not report.problems
    assert sorted(entry.composition for entry in report.entries) == ["a", "b", "c", "d"]
    assert all(entry.seconds == pytest.approx(2.0, abs=0.1) for entry in report.entries)
    assert all(entry.notes == 7 for entry in report.entries)


def test_unpaired_files_are_reported(tmp_path: Path) -> None:
    for stem in ("a", "sound", "notes", "twice"):
        write_pair(tmp_path, stem)
    (tmp_path / "notes.wav").unlink()
    (tmp_path / "sound.mid").unlink()
    # Two candidates in other folders are ambiguous.
    (tmp_path / "twice.mid").unlink()
    write_pair(tmp_path / "x", "twice")
    write_pair(tmp_path / "y", "twice")
    (tmp_path / "x" / "twice.wav").unlink()
    (tmp_path / "y" / "twice.wav").unlink()
    (tmp_path / "._a.wav").write_bytes(b"a file of macOS")
    report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0)
    assert [entry.name for entry in report.entries] == ["a"]
    reasons = sorted(problem.reason for problem in report.problems)
    assert len(reasons) == 5
    assert sum("no audio of the same stem as" in reason for reason in reasons) == 3
    assert any(reason.endswith("sound.wav") for reason in reasons)


def test_broken_files_are_reported(tmp_path: Path) -> None:
    for stem in ("good", "text", "empty", "nonsense", "table"):
        write_pair(tmp_path, stem, notes=".tsv" if stem == "table" else ".mid")
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "nonsense.mid").write_text("not midi")
    (tmp_path / "table.tsv").write_text("onset\tpitch\n1\t2\n")
    report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0)
    assert [entry.name for entry in report.entries] == ["good"]
    reasons = {problem.name: problem.reason for problem in report.problems}
    assert set(reasons) == {"text", "empty", "nonsense", "table"}
    for name, reason in reasons.items():
        assert f"{name}." in reason and "\n" not in reason


def test_lossless_audio_and_tables_are_preferred(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", seconds=2.0, audio_suffix=".mp3", notes=".mid")
    write_pair(tmp_path, "a", seconds=3.0, audio_suffix=".flac", notes=".tsv")
    (entry,) = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0).entries
    assert (entry.seconds, entry.notes) == (3.0, 11)


def test_splits_by_hash_are_stable_and_splits_by_folder(tmp_path: Path) -> None:
    for index in range(30):
        write_pair(tmp_path / "train", f"piece{index}", seconds=0.6)
    before = by_name(Folder(str(tmp_path / "train"), validation=0.3, test=0.3))
    assert set(before.values()) == {"train", "validation", "test"}
    write_pair(tmp_path / "train", "new", seconds=0.6)
    after = by_name(Folder(str(tmp_path / "train"), validation=0.3, test=0.3))
    assert {name: after[name] for name in before} == before
    assert set(by_name(Folder(str(tmp_path / "train"), test=1.0)).values()) == {"test"}
    write_pair(tmp_path / "my_test", "new", seconds=0.6)
    pieces = Folder(str(tmp_path), split="folder").pieces()
    check_pieces(pieces)
    splits = [piece.split for piece in pieces]
    assert splits.count("train") == 31 and splits.count("test") == 1


def test_errors_for_root_and_split_give_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"data.root=.*nowhere is not a folder; give a folder"):
        Folder(str(tmp_path / "nowhere")).pieces()
    with pytest.raises(SourceError, match="no audio with notes"):
        Folder(str(tmp_path)).pieces()
    with pytest.raises(SourceError, match="use hash or folder"):
        Folder(str(tmp_path), split="random").pieces()
