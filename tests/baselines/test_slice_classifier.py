"""Fitting what names slices, and getting it back from its checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from amt.baselines.slice_classifier import SliceClassifiers, SliceFit
from amt.baselines.svm import SvmFit
from amt.data.datamodule import PianoDataModule
from amt.data.pieces import SourceError
from amt.data.sources.synthetic import Synthetic
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import CheckpointError
from amt.notes import extend_sustain
from amt.training.finish import save_checkpoint

FEATURES = {"_target_": "amt.features.frontends.LogFrequency"}
GRIDS = {
    "svc": {"pca__n_components": [4, 8], "classifier__C": [3.0]},
    "knn": {"pca__n_components": [8], "classifier__n_neighbors": [3]},
    "forest": {"pca__n_components": [8], "classifier__n_estimators": [5]},
}


@pytest.fixture(scope="module")
def data(tiny_source: Synthetic, tiny_cache: Path) -> PianoDataModule:
    return PianoDataModule(
        {"synthetic": tiny_source}, str(tiny_cache), batch_size=2, segment_seconds=2.0
    )


@pytest.fixture(scope="module")
def keys(data: PianoDataModule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of model=svm."""
    path = tmp_path_factory.mktemp("keys") / "best.ckpt"
    network = {"_target_": "amt.models.linear.LinearKeys", "outputs": ["frame"]}
    fit = SvmFit(segments=4, frames=20, held_out=0.3, examples=20)
    save_checkpoint(path, fit(data, {"features": FEATURES, "network": network}))
    return path


@pytest.mark.parametrize(
    ("describe", "width"),
    [("spectrum", 1056), ("descriptors", 153), ("keys", 176), ("context", 176)],
)
def test_a_checkpoint_names_as_what_was_fitted(
    describe: str, width: int, data: PianoDataModule, keys: Path, tmp_path: Path
) -> None:
    hears_keys = describe in ("keys", "context")
    fit = SliceFit(12, describe, str(keys) if hears_keys else None, grids=GRIDS)
    checkpoint = fit(data, {"features": FEATURES})
    save_checkpoint(tmp_path / "slices.ckpt", checkpoint)
    namers = SliceClassifiers.load(tmp_path / "slices.ckpt")
    assert list(namers.namers) == ["longest"] * hears_keys + ["svc", "knn", "forest"]
    name, audio, notes = next(data.recordings("train"))
    slices = namers.slicer.cut(audio, extend_sustain(notes))
    assert slices.features.shape == (len(slices.pitch), width), name
    guesses = namers.guesses(slices)
    assert list(guesses) == [*namers.namers, "majority", "chroma"]
    # These slices were learnt by heart; the baseline knows none of them.
    assert (guesses["svc"] == slices.pitch).mean() > (guesses["majority"] == slices.pitch).mean()


def test_at_most_so_many_slices_are_drawn(data: PianoDataModule) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    points = SliceFit(5, slices=60, grids=grids)(data, {"features": FEATURES})["state_dict"]
    assert 30 < len(points["knn.points"]) < 90
    assert int(points["counts"].sum()) == len(points["knn.points"])


def test_slices_are_also_learnt_on_other_keys(data: PianoDataModule) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    plain, moved = (
        SliceFit(12, transpose=semitones, grids=grids)(data, {"features": FEATURES})["state_dict"]
        for semitones in (0, 1)
    )
    assert len(moved["knn.points"]) == 3 * len(plain["knn.points"])
    with pytest.raises(ValueError, match="describe=descriptors cannot be shifted"):
        SliceFit(12, "descriptors", transpose=1, grids=grids)(data, {"features": FEATURES})


def test_a_model_that_names_slices_does_not_transcribe(
    data: PianoDataModule, tmp_path: Path
) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    save_checkpoint(tmp_path / "s.ckpt", SliceFit(12, grids=grids)(data, {"features": FEATURES}))
    with pytest.raises(CheckpointError, match="names slices and cannot transcribe"):
        Transcriber.load(tmp_path / "s.ckpt")


def test_a_checkpoint_of_a_transcriber_names_no_slices(keys: Path) -> None:
    with pytest.raises(CheckpointError, match="names no slices"):
        SliceClassifiers.load(keys)


def test_keys_need_a_checkpoint_of_theirs(data: PianoDataModule, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.keys=PATH"):
        SliceFit(12, "keys")(data, {"features": FEATURES})
    torch.save({"state_dict": {}, "hyper_parameters": {"model": {}}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt: expected a checkpoint of model=svm"):
        SliceFit(12, "keys", str(tmp_path / "other.ckpt"))(data, {"features": FEATURES})


def test_too_few_works_to_search_are_refused(tmp_path: Path) -> None:
    data = PianoDataModule({"few": Synthetic(2, 0, 0, 3.0)}, str(tmp_path), prepare_workers=0)
    data.prepare_data()
    with pytest.raises(SourceError, match="slices of 2 pieces"):
        SliceFit(12, grids=GRIDS)(data, {"features": FEATURES})


def test_slices_longer_than_every_piece_are_refused(data: PianoDataModule) -> None:
    with pytest.raises(SourceError, match=r"no train slice of 320\.0 s"):
        SliceFit(10_000, grids=GRIDS)(data, {"features": FEATURES})
