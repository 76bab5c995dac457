"""Fitting one SVM per key: what they learn, their calibration, and their checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amt.baselines.svm import Examples, SvmFit, transition_probabilities
from amt.data.datamodule import PianoDataModule
from amt.data.pieces import SourceError
from amt.data.sources.synthetic import Synthetic
from amt.inference.transcriber import Transcriber
from amt.training.finish import save_checkpoint

MODEL = {
    "features": {"_target_": "amt.features.frontends.LogFrequency"},
    "network": {"_target_": "amt.models.linear.LinearKeys"},
}
FIT = SvmFit(
    segments=6,
    frames_per_segment=20,
    calibration_share=0.3,
    max_positives=50,
    negatives_per_positive=2.0,
)


@pytest.fixture(scope="module")
def data(tiny_source: Synthetic, tiny_cache: Path) -> PianoDataModule:
    return PianoDataModule(
        {"synthetic": tiny_source}, str(tiny_cache), batch_size=2, segment_seconds=2.0
    )


@pytest.fixture(scope="module")
def checkpoint(data: PianoDataModule) -> dict:
    return FIT(data, MODEL)


def test_a_fit_is_a_checkpoint_that_transcribes(checkpoint: dict, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "svm.ckpt", checkpoint)
    transcriber = Transcriber.load(tmp_path / "svm.ckpt", precision="float32")
    noise = 0.1 * np.random.default_rng(0).normal(size=16000).astype(np.float32)
    posteriors = transcriber.posteriors(noise)
    assert {name: values.shape for name, values in posteriors.items()} == {
        "frame": (32, 88),
        "onset": (32, 88),
    }
    transcriber.decoder.decode(posteriors, transcriber.frame_rate)


def test_the_same_seed_gives_the_same_classifiers(checkpoint: dict, data: PianoDataModule) -> None:
    again = FIT(data, MODEL)["state_dict"]
    for name, tensor in checkpoint["state_dict"].items():
        torch.testing.assert_close(again[name], tensor)


def test_one_composition_is_too_few(tmp_path: Path) -> None:
    alone = Synthetic(train=1, validation=0, test=0, seconds=2.0)
    data = PianoDataModule({"alone": alone}, str(tmp_path), prepare_workers=0)
    data.prepare_data()
    with pytest.raises(SourceError, match="one training piece"):
        FIT(data, MODEL)


def random_examples(count: int = 4000) -> Examples:
    """Each of three features decides about one key; key 2 is rare, key 3 never sounds."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, 3)).astype(np.float32)
    frame = np.zeros((count, 88), np.float32)
    limits = np.quantile(features, [0.5, 0.7, 0.9], axis=0).diagonal()
    frame[:, :3] = features + 0.3 * rng.normal(size=features.shape) > limits
    zeros = np.zeros(88)
    held_out = np.arange(count) % 4 == 0
    return Examples(features, {"frame": frame}, held_out, zeros, zeros, zeros, 0.0)


def test_classifiers_find_the_deciding_feature_and_are_calibrated() -> None:
    examples = random_examples()
    weight, bias = replace(FIT, max_positives=500).fit(examples, "frame")
    assert abs(weight[:3]).argmax(axis=1).tolist() == [0, 1, 2]
    probability = 1 / (1 + np.exp(-(examples.features @ weight.T + bias)))
    estimated = probability[:, :3].mean(axis=0)
    true = examples.targets["frame"][:, :3].mean(axis=0)
    np.testing.assert_allclose(estimated, true, atol=0.05)
    assert probability[:, 3:].max() < 1e-3


def test_silence_cannot_be_fitted() -> None:
    silent = replace(random_examples(), targets={"frame": np.zeros((4000, 88), np.float32)})
    with pytest.raises(SourceError, match="no key sounds"):
        FIT.fit(silent, "frame")


def test_transition_probabilities_are_counted_and_smoothed() -> None:
    counts = np.zeros(88)
    counts[40] = 300
    nothing = np.zeros((0, 88))
    examples = Examples(nothing, {}, nothing, counts, counts / 30, counts / 10, 1000.0)
    rates = transition_probabilities(examples)
    assert rates["attack"][40] == pytest.approx(11 / 800)
    assert rates["release"][40] == pytest.approx(31 / 310)
    assert all(0 < value < 0.5 for values in rates.values() for value in values)
