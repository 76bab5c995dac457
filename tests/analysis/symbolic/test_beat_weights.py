"""The bundled networks for beats and bars: intact, small, each with its card."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from amt.analysis.symbolic import beat_weights
from amt.analysis.symbolic.beat_weights import (
    BARS,
    BEAT_WEIGHTS,
    bundled_names,
    load_bar_network,
    load_beat_network,
)
from amt.inference.pretrained import checksum, pretrained_names, read_checksums
from amt.models.checkpoint import CheckpointError, read_settings

RESTRICTION = "not for commercial use"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, in place of it."""
    folder = tmp_path / "beats"
    shutil.copytree(BEAT_WEIGHTS, folder)
    monkeypatch.setattr(beat_weights, "BEAT_WEIGHTS", folder)
    return folder


def test_every_file_has_its_checksum_and_none_is_a_transcriber() -> None:
    assert bundled_names() == ["asap", "open"]
    files = sorted(BEAT_WEIGHTS.glob("*.safetensors"))
    assert read_checksums(BEAT_WEIGHTS) == {path.name: checksum(path) for path in files}
    assert not {path.stem for path in files} & (set(pretrained_names()) - {"open"})


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_networks_are_small_and_have_their_card(name: str) -> None:
    card = (BEAT_WEIGHTS / f"{name}.md").read_text("utf-8")
    assert (RESTRICTION in card.replace("**", "")) == (name == "asap")
    for stem in (name, f"{name}{BARS}"):
        path = BEAT_WEIGHTS / f"{stem}.safetensors"
        assert path.stat().st_size <= 2e6 and checksum(path) in card
        settings = read_settings(path)
        assert settings["name"] == stem
        assert (RESTRICTION in settings["licence"]) == (name == "asap")


def test_one_flipped_bit_is_noticed(copied: Path) -> None:
    for load, file in ((load_beat_network, "open"), (load_bar_network, f"open{BARS}")):
        path = copied / f"{file}.safetensors"
        load.__wrapped__("open")
        content = bytearray(path.read_bytes())
        content[-1000] ^= 1
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{file}.safetensors: differs from its checksum"):
            load.__wrapped__("open")


def test_an_unknown_name_gives_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="'violin'; use one of asap, open"):
        load_beat_network("violin")


def test_a_file_needs_no_checksum(tmp_path: Path) -> None:
    for stem in ("open", f"open{BARS}"):
        shutil.copy(BEAT_WEIGHTS / f"{stem}.safetensors", tmp_path)
    assert load_beat_network(tmp_path / "open.safetensors").settings["dim"] > 0
    assert load_bar_network(tmp_path / "open.safetensors").settings["hidden"] > 0
