"""The registry of models in a lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from buckets import BUCKET, emulator

from amt.cloud.lake import Lake, StorageError, open_lake
from amt.cloud.registry import Registry, RegistryError, current_version_of, model_names

NOW = datetime(2026, 5, 4, 3, tzinfo=UTC)


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    if request.param == "folder":
        return open_lake(tmp_path)
    context = emulator(monkeypatch)
    context.__enter__()
    request.addfinalizer(lambda: context.__exit__(None, None, None))
    return open_lake(f"gs://{BUCKET}/lab")


def add_version(registry: Registry, version: int) -> None:
    registry.lake.write(registry.path(version, "weights.safetensors"), b"weights")
    text = json.dumps({"model": registry.name, "version": version})
    registry.lake.write(registry.path(version, "version.json"), text.encode())


def test_versions_and_history(lake: Lake) -> None:
    registry = Registry(lake, "base")
    assert (registry.versions(), registry.history(), registry.current()) == ([], [], None)
    for version in (0, 2, 10):
        add_version(registry, version)
    lake.write(registry.path(11, "weights.safetensors"), b"weights")  # Unfinished.
    assert registry.versions() == [0, 2, 10]
    registry.serve(0, "amt retrain", "first", NOW)
    registry.serve(10, "amt retrain", "better", NOW)
    served = registry.serve(10, "amt retrain", "again", NOW)
    assert served.reason == "better" and len(registry.history()) == 2
    assert (registry.current(), registry.previous()) == (10, 0)
    registry.serve(registry.previous(), "me", "worse on my piano", NOW)
    assert [one.version for one in registry.history()] == [0, 10, 0]
    assert registry.previous() == 10
    assert model_names(lake) == ["base"]


def test_what_is_not_there_is_named(lake: Lake) -> None:
    registry = Registry(lake, "base")
    add_version(registry, 1)
    with pytest.raises(RegistryError, match=r"base has no version 4 in .*; it has 1"):
        registry.serve(4, "me", "", NOW)
    with pytest.raises(RegistryError, match="no version served before"):
        registry.previous()


def test_two_changes_at_once_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake(tmp_path)  # The emulator of buckets knows no conditions of generations.
    one, other = Registry(lake, "base"), Registry(lake, "base")
    for version in (0, 1):
        add_version(one, version)
    one.serve(0, "a", "", NOW)
    seen = other._history()
    one.serve(1, "a", "", NOW)
    monkeypatch.setattr(Registry, "_history", lambda self: seen)
    with pytest.raises(StorageError, match="changed since it was read"):
        other.serve(1, "b", "", NOW)


def test_the_place_of_a_model_means_its_current_version(lake: Lake, tmp_path: Path) -> None:
    registry = Registry(lake, "base")
    for version in (0, 1):
        add_version(registry, version)
    assert current_version_of(f"{lake.uri}/models/base") is None
    registry.serve(1, "me", "", NOW)
    found = current_version_of(f"{lake.uri}/models/base/")
    assert found is not None and found.version == 1
    assert found.download(tmp_path / "copy").read_bytes() == b"weights"
    assert current_version_of(f"{lake.uri}/models/base/1") is None
    assert current_version_of("base.safetensors") is None


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "a?b"])
def test_names_of_models(lake: Lake, name: str) -> None:
    with pytest.raises(RegistryError, match="expected a name"):
        Registry(lake, name)
