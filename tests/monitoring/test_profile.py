"""Profiles: size, round trip, and those of the pretrained models."""

from __future__ import annotations

from pathlib import Path

import pytest
from recording_numbers import profile, recordings

from amt.inference.pretrained import pretrained_checkpoint, pretrained_names
from amt.monitoring.profile import (
    bundled_profile,
    make_profile,
    profile_of,
    read_profile,
    write_profile,
)

MAX_BYTES = 50_000


def test_a_profile_is_small_and_survives_its_file(tmp_path: Path) -> None:
    made = profile(600)
    path = tmp_path / "a.profile.json"
    write_profile(path, made)
    assert path.stat().st_size <= MAX_BYTES
    assert read_profile(path) == made
    assert made.recordings == 600
    assert sum(made.shares["level_db"]) == pytest.approx(1)
    assert max(made.shares["level_db"]) < 0.15


def test_few_recordings_make_no_profile() -> None:
    with pytest.raises(ValueError, match="expected at least 30"):
        make_profile(recordings(29), "base", "1", "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_other_files_are_no_profiles(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"a\.json: no profile .*amt monitor profile"):
        read_profile(path)


def test_the_profile_beside_a_checkpoint(tmp_path: Path) -> None:
    write_profile(tmp_path / "own.profile.json", profile(model="own"))
    assert profile_of(tmp_path / "own.ckpt").model == "own"
    with pytest.raises(ValueError, match="no such model, or no version registered; expected base"):
        profile_of(tmp_path / "folder" / "own.ckpt")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "own.ckpt").touch()
    with pytest.raises(ValueError, match="no reference profile beside it"):
        profile_of(tmp_path / "folder" / "own.ckpt")


@pytest.mark.parametrize("name", pretrained_names())
def test_pretrained_models_have_a_profile(name: str) -> None:
    found = bundled_profile(name)
    assert found.model == name
    assert found.f1 is not None
    size = pretrained_checkpoint(name).with_name(f"{name}.profile.json").stat().st_size
    assert size <= MAX_BYTES
