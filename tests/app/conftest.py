"""One app shared by all tests that do not need settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served import model_folder
from served_app import app_client, transcribed, upload

from amt.app.core import Core


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="session")
def client(model: Path, lake: Path) -> Iterator[TestClient]:
    with app_client(model, lake, requests_per_minute=1e6, work_per_minute=1e6) as client:
        yield client


@pytest.fixture(scope="session")
def done(client: TestClient) -> str:
    """The id of a recording that is transcribed, and is not changed by tests."""
    id = upload(client, name="../x/Für Elise.wav")
    assert transcribed(client, id)["status"] == "done"
    return id


@pytest.fixture(scope="session")
def core(client: TestClient) -> Core:
    """The state of the shared app."""
    return client.app.state.core  # type: ignore[attr-defined]
