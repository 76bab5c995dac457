"""Shared by all tests: small data, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from amt.data.cache import cache_folder, prepare
from amt.data.sources.synthetic import Synthetic

# Small networks gain nothing from threads, which wait for each other wherever something else runs.
torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Half the time of a write into a lake. Tests kill processes and do not cut the power: what was
    written is there without it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def tiny_source() -> Synthetic:
    return Synthetic(train=3, validation=1, test=1, seconds=6.0, seed=3)


@pytest.fixture(scope="session")
def tiny_cache(tiny_source: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of caches that holds `tiny_source` already."""
    cache = tmp_path_factory.mktemp("cache")
    prepare(tiny_source, cache_folder(cache, tiny_source), workers=1)
    return cache


@pytest.fixture
def small_model() -> dict:
    """A harmonic LSTM of a few thousand parameters."""
    return {
        "features": {"_target_": "amt.features.frontends.LogFrequency"},
        "trunk": {
            "_target_": "amt.models.trunk.HarmonicTrunk",
            "channels": 8,
            "blocks": 1,
            "stem_channels": 4,
        },
        "temporal": {"_target_": "amt.models.temporal.Lstm", "hidden": 8},
    }
