"""The pretrained models: intact, small, with a model card, and able to transcribe."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from amt.evaluation.metrics import note_scores
from amt.inference import pretrained
from amt.inference.pretrained import (
    CHECKSUMS,
    WEIGHTS,
    checksum,
    find_checkpoint,
    pretrained_checkpoint,
    pretrained_names,
    read_checksums,
    record_checksum,
)
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import CheckpointError, read_settings
from amt.notes import Notes
from amt.synth import piano


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, in place of it."""
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    monkeypatch.setattr(pretrained, "WEIGHTS", folder)
    return folder


def test_the_default_is_there_and_every_file_has_its_checksum() -> None:
    assert pretrained.DEFAULT in pretrained_names()
    assert read_checksums(WEIGHTS) == {
        path.name: checksum(path)
        for suffix in (".safetensors", ".profile.json")
        for path in WEIGHTS.glob(f"*{suffix}")
    }


@pytest.mark.parametrize("name", pretrained_names())
def test_every_model_is_small_and_has_its_card(name: str) -> None:
    path = pretrained_checkpoint(name)
    assert path.stat().st_size < 5e6
    settings = read_settings(path)
    assert settings["name"] == name
    assert set(settings) == {"format", "name", "licence", "model", "decoder"}
    card = path.with_suffix(".md").read_text("utf-8")
    assert checksum(path) in card
    restriction = "not for commercial use"
    assert (restriction in settings["licence"]) == (restriction in card.replace("**", ""))


@pytest.mark.parametrize("name", pretrained_names())
def test_a_scale_with_chords_is_transcribed(name: str) -> None:
    scale = np.array([48, 52, 55, 60, 62, 64, 65, 67, 69, 71, 72, 76])
    onset = np.arange(len(scale)) * 0.4 + 0.5
    played = Notes(onset, onset + 0.6, scale, np.full(len(scale), 80))
    sound = piano.render(played, piano.Instrument(), np.random.default_rng(0), 6.5)
    for precision in ("float32", "bfloat16"):
        found = Transcriber.from_pretrained(name, precision=precision).transcribe(sound)
        assert note_scores(played, found)["note_f1"] > 0.8, precision


def test_one_flipped_bit_is_noticed(copied: Path) -> None:
    path = copied / "base.safetensors"
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"base\.safetensors: differs from its checksum"):
        Transcriber.from_pretrained("base")
    # By its path it is loaded without a checksum, as any file of a user.
    Transcriber.load(path)


def test_a_file_without_a_checksum_is_refused(copied: Path) -> None:
    (copied / CHECKSUMS).unlink()
    with pytest.raises(CheckpointError, match="checksum"):
        pretrained_checkpoint()
    record_checksum(copied / "base.safetensors")
    assert pretrained_checkpoint() == copied / "base.safetensors"


def test_a_checksum_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    for content in ("one", "two"):
        for name in ("b.safetensors", "a.safetensors"):
            (tmp_path / name).write_text(content + name)
            record_checksum(tmp_path / name)
    lines = (tmp_path / CHECKSUMS).read_text().splitlines()
    assert lines == [f"{checksum(tmp_path / n)}  {n}" for n in ("a.safetensors", "b.safetensors")]


def test_an_unknown_name_gives_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"'violin'.*base"):
        Transcriber.from_pretrained("violin")


def test_without_pretrained_models_the_error_says_how_to_train_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    with pytest.raises(CheckpointError, match=r"python train.py model=lstm.*--ckpt"):
        pretrained_checkpoint()


def test_a_checkpoint_is_a_path_or_the_name_of_a_pretrained_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("fast") == pretrained_checkpoint("fast")
    for path in ("runs/x", "best.ckpt"):
        assert find_checkpoint(path) == Path(path)
    with pytest.raises(CheckpointError, match=r"bas: no such checkpoint.*base, fast, open"):
        find_checkpoint("bas")
    # A folder of that name, written by `amt export`, comes first.
    (tmp_path / "fast").mkdir()
    assert find_checkpoint("fast") == Path("fast")
