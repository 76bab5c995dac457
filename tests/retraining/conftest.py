"""A lake with seven corrections, six of them for the test, and fake tools."""

from __future__ import annotations

from pathlib import Path

import pytest
from retraining_lake import FakeTools, write_takes

from amt.cloud.folder_lake import FolderLake
from amt.retraining import register


@pytest.fixture(autouse=True)
def version_of_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """One version of the code, without asking git."""
    monkeypatch.setattr(register, "code_version", lambda: {"amt": "1", "commit": "abc"})
    monkeypatch.setattr("amt.retraining.serving.code_version", register.code_version)


@pytest.fixture
def lake(tmp_path: Path) -> FolderLake:
    lake = FolderLake(tmp_path / "lake")
    write_takes(lake, 2)
    return lake


@pytest.fixture
def fake() -> FakeTools:
    return FakeTools(splits={"take1-1-00000000": "test"})
