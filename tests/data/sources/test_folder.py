from pathlib import Path

import pytest
from small_recordings import write_pair

from amt.data.cache import cache_folder, prepare
from amt.data.pieces import SourceError, check_pieces, safe_name
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
    assert sum("no audio of the same stem as" in reason for reason in reasons) == 1
    assert f"its notes (.tsv, .mid or .midi) may be {tmp_path}/x/twice.mid or " in "".join(reasons)
    assert sum("put the right one into the same folder" in reason for reason in reasons) == 3
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


def test_a_file_may_have_the_name_of_its_split(tmp_path: Path) -> None:
    write_pair(tmp_path / "train", "train")
    assert [piece.split for piece in Folder(str(tmp_path), split="folder").pieces()] == ["train"]
    write_pair(tmp_path, "test")
    with pytest.raises(SourceError, match="expected a folder below"):
        Folder(str(tmp_path), split="folder").pieces()


def test_names_in_two_forms_of_unicode_and_in_another_case_are_pairs(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    write_pair(tmp_path / "audio", decomposed)
    write_pair(tmp_path / "audio", "Waltz")
    (tmp_path / "audio" / "Waltz.wav").rename(tmp_path / "audio" / "Waltz.WAV")
    write_pair(tmp_path / f"{decomposed}s", "a")
    (tmp_path / f"{composed}s").mkdir()
    (tmp_path / "midi").mkdir()
    (tmp_path / "audio" / f"{decomposed}.mid").rename(tmp_path / "midi" / f"{composed}.mid")
    (tmp_path / "audio" / "Waltz.mid").rename(tmp_path / "audio" / "waltz.MID")
    (tmp_path / f"{decomposed}s" / "a.mid").rename(tmp_path / f"{composed}s" / "a.mid")
    report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0)
    assert not report.problems and len(report.entries) == 3
    # One composition, whatever wrote the name of its file.
    assert {entry.composition for entry in report.entries} == {composed, "Waltz", "a"}


def test_names_that_differ_in_case_alone_keep_their_own_notes(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", seconds=2.0)
    write_pair(tmp_path, "A", seconds=3.0)
    if len(list(tmp_path.iterdir())) == 2:
        pytest.skip("names of files do not differ in case here")
    entries = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0).entries
    assert {entry.composition: entry.notes for entry in entries} == {"a": 7, "A": 11}


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    write_pair(tmp_path / "disk" / "takes", "a")
    root = tmp_path / "music"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "loop").symlink_to(root)
    (root / "dead.wav").symlink_to("nowhere.wav")
    pieces = {piece.name: piece for piece in Folder(str(root)).pieces()}
    assert set(pieces) == {"dead.wav", safe_name("linked/takes/a")}
    with pytest.raises(ValueError, match=r"dead.wav is a link to a file that is missing"):
        pieces["dead.wav"].load()


def test_one_folder_has_one_cache_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    roots = [f"{tmp_path}/music", f"{tmp_path}/music/", "~/music"]
    assert len({cache_folder("cache", Folder(root)) for root in roots}) == 1


def test_fractions_outside_0_to_1_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "a")
    with pytest.raises(SourceError, match=r"validation=2: expected a fraction"):
        Folder(str(tmp_path), validation=2).pieces()


def test_errors_for_root_and_split_give_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere is not a folder; give a folder"):
        Folder(str(tmp_path / "nowhere")).pieces()
    with pytest.raises(SourceError, match="an empty path is not a folder"):
        Folder("").pieces()
    with pytest.raises(SourceError, match="no audio with notes"):
        Folder(str(tmp_path)).pieces()
    with pytest.raises(SourceError, match="use hash or folder"):
        Folder(str(tmp_path), split="random").pieces()
