"""A server of a registered model uses the version that serves when it starts, and its profile."""

from __future__ import annotations

import json
from pathlib import Path

from recording_numbers import profile
from small_model import small_checkpoint

from amt.cloud.folder_lake import FolderLake
from amt.cloud.registry import Registry
from amt.models.checkpoint import read_checkpoint, write_weights
from amt.monitoring.profile import profile_of, write_profile
from amt.serving.model import load_model
from amt.serving.settings import Settings


def test_the_current_version_is_loaded(tmp_path: Path) -> None:
    lake = FolderLake(tmp_path / "lake")
    registry = Registry(lake, "mine")
    weights = tmp_path / "weights.safetensors"
    write_weights(weights, read_checkpoint(small_checkpoint(tmp_path / "a.ckpt")), "mine", "none")
    for version in (0, 1):
        lake.upload(weights, registry.path(version, "weights.safetensors"))
        about = json.dumps({"model": "mine", "version": version})
        lake.write(registry.path(version, "version.json"), about.encode())
    write_profile(tmp_path / "profile.json", profile(model="mine"))
    lake.upload(tmp_path / "profile.json", registry.path(1, "profile.json"))
    settings = Settings(storage_uri=f"{lake.uri}/models/mine")
    for version in (1, 0):
        registry.serve(version, "me", "for the test")
        model = load_model(settings)
        assert (model.name, model.version.count("-")) == (f"mine-v{version}", 1)
        assert (model.profile is not None) == (version == 1)
    registry.serve(1, "me", "for the test")
    assert profile_of(settings.storage_uri).model == "mine-v1"  # As in the lines of its log.
    assert profile_of(lake.folder / "models/mine/1").model == "mine-v1"
