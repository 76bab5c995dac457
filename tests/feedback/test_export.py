"""Accepted pairs as a folder for training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from corrected_pairs import file_of, hearing, melody, plucked, save_pair

from amt.cloud.lake import Lake, open_lake
from amt.data.sources.folder import Folder
from amt.feedback.check import Shares, check_pairs, decide
from amt.feedback.export import LISTING, export_pairs
from amt.feedback.pairs import PairError, download_pair, list_pairs
from amt.io.audio import load
from amt.io.midi import read_midi

MODELS = {"base": hearing(0, 1, 2)}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = open_lake(tmp_path / "lake")
    save_pair(lake, "a-1-a", 0)
    save_pair(lake, "b-1-b", 1, audio=file_of(1.5 * plucked(melody(1)), "OGG"))
    save_pair(lake, "c-1-c", 2, lambda notes: notes)
    return lake


def files(folder: Path) -> dict[str, tuple[bytes, float]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime)
        for path in found
    }


def test_accepted_pairs_are_pieces_in_their_split(lake: Lake, tmp_path: Path) -> None:
    check_pairs(lake, MODELS, Shares(0.0, 0.0))
    folder = tmp_path / "corrections"
    snapshot = export_pairs(lake, folder)
    assert "2 pairs" in str(snapshot) and "2 train, 0 validation, 0 test" in str(snapshot)
    pieces = Folder(str(folder), split="folder").pieces()
    assert [piece.split for piece in pieces] == ["train", "train"]
    for piece, seed in zip(pieces, (0, 1), strict=True):
        recording = piece.load()
        assert len(recording.notes) == len(melody(seed)) - 1
        assert recording.peak <= 1.0 and len(recording.audio) == len(plucked(melody(seed)))
    listing = json.loads((folder / LISTING).read_text())
    assert listing == snapshot.document() and listing["lake"] == lake.uri
    first = listing["pairs"][0]
    (pair, *_) = list_pairs(lake)
    assert first["pair"] == "a-1-a" and first["note_count"] == 59
    assert (first["audio_crc32c"], first["notes_crc32c"]) == (pair.audio.crc32c, pair.notes.crc32c)


def test_the_kept_share_is_not_in_train(lake: Lake, tmp_path: Path) -> None:
    check_pairs(lake, MODELS, Shares(test=0.999, validation=0.0))
    with pytest.raises(PairError, match="kept for test"):
        export_pairs(lake, tmp_path / "corrections")
    assert not (tmp_path / "corrections").exists()


def test_an_export_is_replaced_by_the_same(lake: Lake, tmp_path: Path) -> None:
    check_pairs(lake, MODELS, Shares(0.0, 0.0))
    folder = tmp_path / "corrections"
    export_pairs(lake, folder)
    before = files(folder)
    export_pairs(lake, folder)
    again = files(folder)
    assert {name: data for name, (data, _) in again.items()} == {
        name: data for name, (data, _) in before.items()
    }
    pieces = {name for name in before if name != LISTING}
    assert len(pieces) == 4 and all(again[name] == before[name] for name in pieces)
    decide(lake, "b", "rejected", "no")
    export_pairs(lake, folder)
    assert sorted(files(folder)) == ["pairs.json", "train/a-1-a.flac", "train/a-1-a.mid"]


def test_without_accepted_pairs_nothing_is_written(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(PairError, match=r"no pair is accepted \(pairs: 3 new\)"):
        export_pairs(lake, tmp_path / "corrections")
    assert not (tmp_path / "corrections").exists()


def test_a_folder_of_something_else_is_not_replaced(lake: Lake, tmp_path: Path) -> None:
    check_pairs(lake, MODELS, Shares(0.0, 0.0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError):
        export_pairs(lake, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_pair_is_downloaded(lake: Lake, tmp_path: Path) -> None:
    audio, midi = download_pair(lake, list_pairs(lake)[0], tmp_path / "here")
    assert audio.name == "a-1-a.wav" and len(read_midi(midi)) == 59
    assert np.abs(load(audio) - plucked(melody(0))).max() < 1e-4
