"""The embedding: mean and standard deviation of a network's features over time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import LSTM, small_checkpoint

from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Options, Transcriber
from amt.inference.windows import Windowing
from amt.models.build import load_network

WHOLE = Windowing(seconds=1e6)
SHORT = Windowing(seconds=2.5, margin=1.0)
EMBEDDING = Options(embedding=True)


def noise(samples: int) -> np.ndarray:
    swell = 1 + np.sin(np.arange(samples) / 3000)
    audio = np.random.default_rng(1).standard_normal(samples) * swell * 0.1
    return audio.astype(np.float32)


def embedding(transcriber: Transcriber, audio: np.ndarray) -> np.ndarray:
    found = transcriber.run(audio, EMBEDDING).embedding
    assert found is not None
    return found


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("lstm") / "small.ckpt", LSTM)


@pytest.mark.parametrize("samples", [1, 512, 40000, 83001])
def test_it_is_computed_as_defined(checkpoint: Path, samples: int) -> None:
    audio = noise(samples)
    front_end, network, _ = load_network(checkpoint)
    context = np.zeros(16384, dtype=np.float32)  # what the windows have around them
    with torch.inference_mode():
        padded = torch.from_numpy(np.concatenate([context, audio, context]))[None]
        spec = front_end(padded)[:, :, 32 : 32 + -(-samples // 512)]
        features = network.trunk(spec)[0].mean(dim=2).double().numpy()  # (D, T)
    expected = np.concatenate([features.mean(axis=1), features.std(axis=1)])
    found = embedding(Transcriber.load(checkpoint, precision="float32"), audio)
    assert found.dtype == np.float32 and found.shape == (2 * 8,)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_windows_make_no_difference(checkpoint: Path) -> None:
    """Although the network has an LSTM, whose output depends on the whole window."""
    loaded, audio = Transcriber.load(checkpoint, precision="float32"), noise(160000)
    expected = embedding(replace(loaded, windowing=WHOLE), audio)
    for threads, batch in ((1, 1), (2, 1), (1, 3)):
        windowing = replace(SHORT, threads=threads, batch=batch)
        found = embedding(replace(loaded, windowing=windowing), audio)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_the_option_there_is_none(checkpoint: Path) -> None:
    loaded, audio = Transcriber.load(checkpoint, precision="float32"), noise(40000)
    plain, both = loaded.run(audio), loaded.run(audio, EMBEDDING)
    assert plain.embedding is None
    for column in ("onset", "offset", "pitch", "velocity"):
        assert np.array_equal(getattr(plain.notes, column), getattr(both.notes, column))


def test_features_that_do_not_change_have_no_deviation(checkpoint: Path) -> None:
    loaded = Transcriber.load(checkpoint, precision="float32")
    found = embedding(loaded, np.zeros(512, dtype=np.float32))
    assert np.array_equal(found[8:], np.zeros(8))


@pytest.mark.parametrize(("name", "dimension"), [("base", 96), ("fast", 64), ("open", 64)])
def test_the_documented_dimensions(name: str, dimension: int) -> None:
    loaded = Transcriber.load(pretrained_checkpoint(name), precision="float32")
    found = embedding(loaded, noise(16000))
    assert found.shape == (dimension,) and np.isfinite(found).all()
    half = Transcriber.load(pretrained_checkpoint(name), precision="bfloat16")
    np.testing.assert_allclose(
        embedding(half, noise(16000)), found, atol=0.05 * np.abs(found).max()
    )
