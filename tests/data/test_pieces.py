from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairs import ramp_piece, write_pair

from amt.data.pieces import (
    SourceError,
    check_pieces,
    files_fingerprint,
    folder_split,
    hash_fraction,
    hash_split,
    safe_name,
)
from amt.io.note_tables import read_notes


@settings(deadline=None)
@given(st.text(max_size=300))
def test_safe_names_are_safe_and_stable(text: str) -> None:
    name = safe_name(text)
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not name.startswith(".") and 0 < len(name) <= 160
    assert safe_name(name) == name


def test_safe_names_keep_different_texts_apart() -> None:
    texts = ["a b", "a/b", "a_b", ".a_b", "é", "è", "\udce9", "", "x" * 200, "x" * 201]
    assert len({safe_name(text) for text in texts}) == len(texts)


def test_hash_splits_have_the_fractions_and_never_change() -> None:
    splits = [hash_split(f"work {index}", 0.1, 0.2) for index in range(4000)]
    assert splits.count("validation") / 4000 == pytest.approx(0.1, abs=0.02)
    assert splits.count("test") / 4000 == pytest.approx(0.2, abs=0.02)
    # Golden: another value would move pieces between the splits of everyone's data.
    assert hash_fraction("alb_se3") == pytest.approx(0.7541236780499916, abs=1e-12)
    assert hash_split("anything", 0.0, 1.0) == "test"


def test_check_refuses_one_work_in_two_splits_and_one_name_twice() -> None:
    first, same = ramp_piece("a", 1.0), ramp_piece("a", 1.0)
    with pytest.raises(SourceError, match="two pieces are called a"):
        check_pieces([first, same])
    other = ramp_piece("b", 1.0, split="test")
    object.__setattr__(other, "work", "a")
    with pytest.raises(SourceError, match="'a' stands in train and test"):
        check_pieces([first, other])


def test_folder_names_give_splits(tmp_path: Path) -> None:
    for folder, split in {
        "train": "train",
        "real_validation": "validation",
        "Test": "test",
    }.items():
        assert folder_split(tmp_path, tmp_path / folder / "deep" / "a.wav") == split
    for path in ("other/a.wav", "test_train/a.wav", "test.wav"):
        with pytest.raises(SourceError, match="expected a folder"):
            folder_split(tmp_path, tmp_path / path)


def test_fingerprints_follow_the_content_and_not_the_place(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    missing = files_fingerprint([path])
    path.write_bytes(b"one")
    first = files_fingerprint([path])
    path.write_bytes(b"other")
    second = files_fingerprint([path])
    (tmp_path / "moved").mkdir()
    moved = path.rename(tmp_path / "moved" / "a.mid")
    assert len({missing, first, second}) == 3
    assert files_fingerprint([moved]) == second


def test_maps_text_and_table_and_midi_agree(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", notes=".tsv")
    write_pair(tmp_path, "a", notes=".mid")
    table = read_notes(tmp_path / "a.tsv")
    rows = zip(table.onset, table.offset, table.pitch, strict=True)
    lines = ["OnsetTime\tOffsetTime\tMidiPitch", *(f"{a}\t{b}\t{p}" for a, b, p in rows), ""]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    for other in (read_notes(tmp_path / "a.txt"), read_notes(tmp_path / "a.mid")):
        np.testing.assert_allclose(other.onset, table.onset, atol=2e-3)
        np.testing.assert_allclose(other.offset, table.offset, atol=2e-3)
        np.testing.assert_array_equal(other.pitch, table.pitch)


@pytest.mark.parametrize(
    "text", ["", "Onset\n1 2 3", "OnsetTime OffsetTime MidiPitch\n1 2", "\xff", "x"]
)
def test_a_wrong_maps_text_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=r"a.txt: not a MAPS text"):
        read_notes(path)
