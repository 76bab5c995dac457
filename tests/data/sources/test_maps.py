from pathlib import Path

import pytest
from small_recordings import write_pair

from amt.data.cache import open_notes, prepare
from amt.data.pieces import SourceError, check_pieces
from amt.data.sources.maps import Maps


def original_tree(root: Path) -> Path:
    """MAPS as published: w0 to w19 on a virtual piano, w0 and w1 on a Disklavier too."""
    for index in range(20):
        music(root, f"w{index}", "AkPnBcht")
    for index in range(2):
        music(root, f"w{index}", "ENSTDkCl")
    write_pair(root / "AkPnBcht" / "ISOL" / "NO", "MAPS_ISOL_NO_F_S0_M30_AkPnBcht", seconds=0.6)
    return root


def music(root: Path, composition: str, piano: str) -> None:
    write_pair(root / piano / "MUS", f"MAPS_MUS-{composition}_{piano}", seconds=0.6)


def test_the_split_by_piano_separates_compositions(tmp_path: Path) -> None:
    pieces = Maps(str(original_tree(tmp_path / "MAPS")), validation=0.3).pieces()
    check_pieces(pieces)
    split_of = {piece.name: piece.split for piece in pieces}
    assert len(split_of) == 20
    assert split_of["MAPS_MUS-w0_ENSTDkCl"] == split_of["MAPS_MUS-w1_ENSTDkCl"] == "test"
    assert "MAPS_MUS-w0_AkPnBcht" not in split_of
    splits = list(split_of.values())
    assert splits.count("test") == 2 and splits.count("validation") > 1
    assert splits.count("train") > 8


def test_other_test_pianos_can_be_chosen(tmp_path: Path) -> None:
    root = original_tree(tmp_path)
    pieces = Maps(str(root), test_pianos=["AkPnBcht"]).pieces()
    assert {piece.split for piece in pieces} == {"test"} and len(pieces) == 20
    pieces = Maps(str(root), test_pianos=["AkPnBcht, ENSTDkCl"]).pieces()
    assert {piece.split for piece in pieces} == {"test"} and len(pieces) == 22
    assert Maps(str(root), test_pianos="ENSTDkCl").pieces()
    with pytest.raises(SourceError, match="has 'ENSTDkC'; the pianos here are AkPnBcht, ENSTDkCl"):
        Maps(str(root), test_pianos=["ENSTDkC"]).pieces()


def test_validation_compositions_do_not_depend_on_other_files(tmp_path: Path) -> None:
    root = original_tree(tmp_path)
    before = {piece.name: piece.split for piece in Maps(str(root), validation=0.3).pieces()}
    music(root, "another", "StbgTGd2")
    music(root, "w5", "StbgTGd2")
    after = {piece.name: piece.split for piece in Maps(str(root), validation=0.3).pieces()}
    assert {name: after[name] for name in before} == before
    assert after["MAPS_MUS-w5_StbgTGd2"] == after["MAPS_MUS-w5_AkPnBcht"]


def test_flat_folders_of_tables_and_the_split_by_folder(tmp_path: Path) -> None:
    suffixes = {"audio_suffix": ".flac", "notes": ".tsv"}
    write_pair(tmp_path / "train", "MAPS_MUS-alb_se3_AkPnCGdD", **suffixes)
    write_pair(tmp_path / "real_validation", "MAPS_MUS-chpn-e01_ENSTDkCl", **suffixes)
    source = Maps(str(tmp_path), split="folder")
    entries = prepare(source, tmp_path / "cache", workers=0).entries
    found = {entry.composition: entry.split for entry in entries}
    assert found == {"alb_se3": "train", "chpn-e01": "validation"}
    # One folder alone can be evaluated with the split by piano: it has test pieces.
    (piece,) = Maps(str(tmp_path / "real_validation")).pieces()
    assert piece.split == "test"


def test_notes_are_read_from_table_or_else_midi_or_else_text(tmp_path: Path) -> None:
    write_pair(tmp_path, "MAPS_MUS-a_AkPnBcht")
    text = tmp_path / "MAPS_MUS-a_AkPnBcht.txt"
    text.write_text("OnsetTime\tOffsetTime\tMidiPitch\n0.1\t0.5\t60\n")
    cache = tmp_path / "cache"
    (entry,) = prepare(Maps(str(tmp_path)), cache, workers=0).entries
    assert entry.notes == 7
    text.with_suffix(".mid").unlink()
    (entry,) = prepare(Maps(str(tmp_path)), cache, workers=0).entries
    assert open_notes(cache, entry).velocity.tolist() == [64]
    text.unlink()
    report = prepare(Maps(str(tmp_path)), cache, workers=0)
    assert not report.entries and "no notes beside" in report.problems[0].reason


def test_suffixes_in_capitals_and_links_are_found(tmp_path: Path) -> None:
    music(tmp_path / "disk", "a", "AkPnBcht")
    notes = tmp_path / "disk" / "AkPnBcht" / "MUS" / "MAPS_MUS-a_AkPnBcht.mid"
    notes.rename(notes.with_suffix(".MID"))
    (tmp_path / "MAPS").mkdir()
    (tmp_path / "MAPS" / "AkPnBcht").symlink_to(tmp_path / "disk" / "AkPnBcht")
    report = prepare(Maps(str(tmp_path / "MAPS")), tmp_path / "cache", workers=0)
    assert [entry.name for entry in report.entries] == ["MAPS_MUS-a_AkPnBcht"]
    assert not report.problems


def test_errors_for_root_and_split_give_advice(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="/nowhere is not a folder; request MAPS"):
        Maps("/nowhere").pieces()
    with pytest.raises(SourceError, match="no MAPS_MUS"):
        Maps(str(tmp_path)).pieces()
    write_pair(tmp_path, "MAPS_MUS-a_AkPnBcht")
    with pytest.raises(SourceError, match="use piano or folder"):
        Maps(str(tmp_path), split="hash").pieces()
    with pytest.raises(SourceError, match="expected a fraction, 0 to 1"):
        Maps(str(tmp_path), validation=-0.1).pieces()
    with pytest.raises(SourceError, match="expected a folder below"):
        Maps(str(tmp_path), split="folder").pieces()
