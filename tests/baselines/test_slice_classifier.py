"""Fitting slice classifiers, and restoring them from their checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from amt.baselines.estimators import from_tensor
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
def svm(data: PianoDataModule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of model=svm."""
    path = tmp_path_factory.mktemp("svm") / "best.ckpt"
    network = {"_target_": "amt.models.linear.LinearKeys", "outputs": ["frame"]}
    fit = SvmFit(segments=4, frames_per_segment=20, calibration_share=0.3, max_positives=20)
    save_checkpoint(path, fit(data, {"features": FEATURES, "network": network}))
    return path


@pytest.mark.parametrize(
    ("representation", "width"),
    [("spectrum", 1056), ("descriptors", 153), ("posteriors", 176), ("context", 176)],
)
def test_a_restored_checkpoint_classifies_slices(
    representation: str, width: int, data: PianoDataModule, svm: Path, tmp_path: Path
) -> None:
    from_posteriors = representation in ("posteriors", "context")
    fit = SliceFit(12, representation, str(svm) if from_posteriors else None, grids=GRIDS)
    checkpoint = fit(data, {"features": FEATURES})
    save_checkpoint(tmp_path / "slices.ckpt", checkpoint)
    restored = SliceClassifiers.load(tmp_path / "slices.ckpt")
    names = ["longest_key"] * from_posteriors + ["svc", "knn", "forest"]
    assert list(restored.classifiers) == names
    name, audio, notes = next(data.recordings("train"))
    slices = restored.slicer.cut(audio, extend_sustain(notes))
    assert slices.features.shape == (len(slices.pitch), width), name
    predictions = restored.predictions(slices)
    assert list(predictions) == [*names, "majority", "chroma"]
    # These are slices of training: the classifier must know more of them than the baseline.
    svc, majority = (predictions[name] == slices.pitch for name in ("svc", "majority"))
    assert svc.mean() > majority.mean()


def num_points(checkpoint: dict[str, Any]) -> int:
    """The number of slices that the k-NN of a checkpoint was fitted to."""
    types = [StandardScaler, PCA, KNeighborsClassifier]
    pipeline = from_tensor(checkpoint["state_dict"]["classifiers.knn"], types)
    return pipeline[-1].n_samples_fit_


def test_about_max_slices_are_drawn(data: PianoDataModule) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    checkpoint = SliceFit(5, max_slices=60, grids=grids)(data, {"features": FEATURES})
    assert 30 < num_points(checkpoint) < 90
    assert int(checkpoint["state_dict"]["counts"].sum()) == num_points(checkpoint)


def test_slices_are_also_transposed(data: PianoDataModule) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    plain, moved = (
        SliceFit(12, transpose=semitones, grids=grids)(data, {"features": FEATURES})
        for semitones in (0, 1)
    )
    assert num_points(moved) == 3 * num_points(plain)
    with pytest.raises(ValueError, match="representation=descriptors cannot be transposed"):
        SliceFit(12, "descriptors", transpose=1, grids=grids)(data, {"features": FEATURES})


def test_a_slice_classifier_cannot_transcribe(data: PianoDataModule, tmp_path: Path) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    save_checkpoint(tmp_path / "s.ckpt", SliceFit(12, grids=grids)(data, {"features": FEATURES}))
    with pytest.raises(CheckpointError, match="is a slice classifier and cannot transcribe"):
        Transcriber.load(tmp_path / "s.ckpt")


def test_a_checkpoint_of_a_transcriber_is_no_slice_classifier(svm: Path) -> None:
    with pytest.raises(CheckpointError, match="not a slice classifier"):
        SliceClassifiers.load(svm)


@pytest.mark.parametrize("damage", ["missing", "truncated", "of another kind", "unknown"])
def test_a_damaged_checkpoint_gives_one_line(
    damage: str, data: PianoDataModule, tmp_path: Path
) -> None:
    grids = {"knn": {"pca__n_components": [2], "classifier__n_neighbors": [1]}}
    checkpoint = SliceFit(12, grids=grids)(data, {"features": FEATURES})
    state, model = checkpoint["state_dict"], checkpoint["hyper_parameters"]["model"]
    if damage == "missing":
        del state["classifiers.knn"]
    elif damage == "truncated":
        state["classifiers.knn"] = state["classifiers.knn"][:1000].clone()
    elif damage == "of another kind":
        state["classifiers.svc"], model["classifiers"] = state["classifiers.knn"], ["svc"]
    else:
        model["classifiers"] = ["oracle"]
    save_checkpoint(tmp_path / "s.ckpt", checkpoint)
    with pytest.raises(CheckpointError, match=r"s\.ckpt: not a slice classifier") as error:
        SliceClassifiers.load(tmp_path / "s.ckpt")
    assert "\n" not in str(error.value)


def test_posteriors_need_a_checkpoint_of_svms(data: PianoDataModule, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.svm_checkpoint=PATH"):
        SliceFit(12, "posteriors")(data, {"features": FEATURES})
    torch.save({"state_dict": {}, "hyper_parameters": {"model": {}}}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt: expected a checkpoint of model=svm"):
        SliceFit(12, "posteriors", str(tmp_path / "other.ckpt"))(data, {"features": FEATURES})


def test_too_few_compositions_for_the_folds_are_refused(tmp_path: Path) -> None:
    data = PianoDataModule({"few": Synthetic(2, 0, 0, 3.0)}, str(tmp_path), prepare_workers=0)
    data.prepare_data()
    with pytest.raises(SourceError, match="slices of 2 compositions"):
        SliceFit(12, grids=GRIDS)(data, {"features": FEATURES})


def test_slices_longer_than_every_piece_are_refused(data: PianoDataModule) -> None:
    with pytest.raises(SourceError, match=r"no train slice of 320\.0 s"):
        SliceFit(10_000, grids=GRIDS)(data, {"features": FEATURES})
