from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_recordings import ramp_piece

from amt.data.pieces import (
    SourceError,
    check_pieces,
    files_fingerprint,
    folder_split,
    hash_fraction,
    hash_split,
    load_pair,
    safe_name,
)
from amt.io.audio import AudioError, save


@settings(deadline=None)
@given(st.text(max_size=300))
def test_safe_names_are_safe_and_stable(text: str) -> None:
    name = safe_name(text)
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not name.startswith(".") and 0 < len(name) <= 160
    assert safe_name(name) == name


def test_safe_names_of_different_texts_differ() -> None:
    texts = ["a b", "a/b", "a_b", ".a_b", "é", "è", "\udce9", "", "x" * 200, "x" * 201]
    assert len({safe_name(text) for text in texts}) == len(texts)


def test_hash_splits_have_their_fractions_and_fixed_values() -> None:
    splits = [hash_split(f"work {index}", 0.1, 0.2) for index in range(4000)]
    assert splits.count("validation") / 4000 == pytest.approx(0.1, abs=0.02)
    assert splits.count("test") / 4000 == pytest.approx(0.2, abs=0.02)
    # Golden value: another one would move pieces between splits.
    assert hash_fraction("alb_se3") == pytest.approx(0.7541236780499916, abs=1e-12)
    assert hash_split("anything", 0.0, 1.0) == "test"


def test_a_composition_in_two_splits_or_a_name_twice_is_an_error() -> None:
    first, same = ramp_piece("a", 1.0), ramp_piece("a", 1.0)
    with pytest.raises(SourceError, match="two pieces have the name a; rename"):
        check_pieces([first, same])
    files = [replace(piece, file=f"/{n}/a.wav") for n, piece in enumerate((first, same))]
    with pytest.raises(SourceError, match=r"name a \(/0/a.wav and /1/a.wav\); rename"):
        check_pieces(files)
    other = ramp_piece("b", 1.0, split="test")
    object.__setattr__(other, "composition", "a")
    with pytest.raises(SourceError, match="'a' is in train and test"):
        check_pieces([first, other])


def test_splits_by_folder_name(tmp_path: Path) -> None:
    for folder, split in {
        "train": "train",
        "real_validation": "validation",
        "Test": "test",
        "my_test2": "test",
        "2 Training": "train",
        "crossvalidation": "validation",
    }.items():
        assert folder_split(tmp_path, tmp_path / folder / "deep" / "a.wav") == split
    for path in (
        "other/a.wav", "test_train/a.wav", "test.wav", "strainers/a.wav", "Greatest Hits/a.wav",
    ):  # fmt: skip
        with pytest.raises(SourceError, match="expected a folder"):
            folder_split(tmp_path, tmp_path / path)


def test_fingerprints_depend_on_the_file_and_not_on_its_folder(tmp_path: Path) -> None:
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


def test_a_damaged_recording_is_no_piece(tmp_path: Path) -> None:
    audio, notes = tmp_path / "a.flac", tmp_path / "a.tsv"
    save(audio, np.random.default_rng(0).uniform(-0.5, 0.5, 32000))
    notes.write_text("onset\toffset\tpitch\tvelocity\n0.5\t1.0\t60\t64\n")
    assert len(load_pair(audio, notes).audio) == 32000
    audio.write_bytes(audio.read_bytes()[:30000])
    with pytest.raises(AudioError, match=r"a\.flac: broken after \d\.\d s"):
        load_pair(audio, notes)
