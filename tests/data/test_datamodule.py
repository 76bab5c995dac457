"""Batches on the device: a mixed excerpt has the labels of both and no known pedal."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from front_ends import front_end
from signals import NO_EFFECTS, one_note_each, seeded, sines
from small_recordings import ListSource, ramp_piece, write_pair

from amt.data.cache import prepare
from amt.data.datamodule import Batch, PianoDataModule
from amt.data.pieces import SourceError
from amt.data.sources.folder import Folder
from amt.data.sources.synthetic import Synthetic
from amt.errors import FileWarning

PITCHES = [50, 60, 70]


@pytest.fixture
def batch() -> Batch:
    notes = one_note_each(PITCHES)
    return {
        "audio": sines(PITCHES),
        "notes": torch.cat([notes, notes[..., 1:2]], dim=-1),
        "length": torch.tensor([16000, 8000, 16000]),
        "pedal": torch.zeros(3, 0, 2),
        "pedal_known": torch.tensor([True, True, False]),
    }


@pytest.mark.parametrize(("mixing", "known"), [(1.0, [False] * 3), (0.0, [True, True, False])])
def test_mixed_examples(mixing: float, known: list[bool], batch: Batch, tmp_path: Path) -> None:
    augmentation = replace(NO_EFFECTS, mixing=mixing)
    data = PianoDataModule({"a": Synthetic()}, str(tmp_path), augmentation=augmentation)
    made = data.compute(batch, front_end("logfreq"), seeded())
    assert made["pedal_known"].tolist() == known
    assert (made["frame"][:, 10].sum(dim=-1) == (2 if mixing else 1)).all()
    assert made["mask"].sum(dim=-1).tolist() == [32, 16, 16 if mixing else 32]
    validation = data.compute(batch, front_end("logfreq"))
    assert validation["pedal_known"].tolist() == [True, True, False]


def test_settings_by_source_name_known_sources(tmp_path: Path) -> None:
    for setting in ({"weights": {"b": 1.0}}, {"shares": {"b": 0.5}}):
        with pytest.raises(SourceError, match=f"data.{next(iter(setting))} names the source 'b'"):
            PianoDataModule({"a": Synthetic()}, str(tmp_path), **setting)


def test_a_missing_folder_of_the_augmentation_is_found_before_training(tmp_path: Path) -> None:
    augmentation = replace(NO_EFFECTS, noises=str(tmp_path / "missing"))
    data = PianoDataModule({"a": Synthetic()}, str(tmp_path), augmentation=augmentation)
    with pytest.raises(FileNotFoundError, match=r"augment\.noises"):
        data.setup("fit")


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 0), ("segments_per_epoch", 0), ("segment_seconds", 0.0),
     ("batch_size", 2.5), ("batch_size", "abc"), ("segment_seconds", 1e9),
     ("prepare_workers", 0.5), ("validation_seconds", -1.0), ("loader_workers", -1),
     ("prepare_workers", -1)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"data\.{name}={re.escape(str(value))}: expected"):
        PianoDataModule({"a": Synthetic()}, str(tmp_path), **{name: value})


def test_a_split_without_pieces_is_an_error_with_what_to_type(tmp_path: Path) -> None:
    write_pair(tmp_path / "music", "a", seconds=0.6)
    source = Folder(str(tmp_path / "music"), validation=0.0, test=0.0)
    data = PianoDataModule({"own": source}, str(tmp_path), prepare_workers=0)
    data.prepare_data()
    typed = "data.sources.own.validation=0.3 data.sources.own.test=0.3"
    with pytest.raises(SourceError, match=f"0 validation pieces in own, .*such as {typed}"):
        data.setup("fit")


def test_what_comes_before_training_is_said_the_first_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ListSource([ramp_piece("a", 1.0)])
    for said in (True, False):
        PianoDataModule({"own": source}, str(tmp_path), prepare_workers=0).prepare_data()
        assert ("all pieces are decoded or rendered once" in capsys.readouterr().err) == said


def test_loaders_can_be_sent_to_processes_that_are_started_anew(
    tiny_source: Synthetic, tiny_cache: Path
) -> None:
    # As on Windows and macOS, where nothing is inherited from the process that starts them.
    data = PianoDataModule({"synthetic": tiny_source}, str(tiny_cache))
    for loader in (data.train_dataloader(), data.val_dataloader()):
        assert pickle.dumps((loader.dataset, loader.collate_fn, loader.worker_init_fn))


def test_ranks_share_the_validation_pieces_without_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [ramp_piece(name, 1.0, mark, "validation") for mark, name in enumerate("abcde")]
    prepare(ListSource(pieces), tmp_path, workers=0)
    data = PianoDataModule({"a": Synthetic()}, str(tmp_path))
    data.caches = [tmp_path]
    drawn: list[int] = []
    for rank in range(2):
        monkeypatch.setattr(data, "_rank", lambda rank=rank: (rank, 2))
        drawn += data.val_dataloader().sampler
    assert sorted(drawn) == [0, 1, 2, 3, 4]


def test_one_recording_in_two_splits_is_named(tmp_path: Path) -> None:
    first = ListSource([ramp_piece("a", 1.0), ramp_piece("c", 1.5)])
    second = ListSource([ramp_piece("b", 1.0, split="test")])
    data = PianoDataModule({"first": first, "second": second}, str(tmp_path), prepare_workers=0)
    data.caches = [tmp_path / "first", tmp_path / "second"]
    expected = "the recordings a (train) and b (test) are the same; scores of test will be too high"
    for _ in range(2):
        with pytest.warns(FileWarning, match=re.escape(expected)) as caught:
            data.prepare_data()
        assert len(caught) == 1
