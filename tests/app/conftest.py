"""One app shared by all tests that do not need settings of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from app_server import app_server, write_recording
from chromium import chromium, new_page
from fastapi.testclient import TestClient
from page_of_app import Library, upload_and_wait
from playwright.sync_api import Browser
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


# The page in a browser. A browser must not outlive its file: it occupies the event loop.
@pytest.fixture(scope="module")
def page_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def study(page_lake: Path) -> Path:
    """A recording in B major."""
    return write_recording(page_lake.with_name("Study in B.wav"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def address(page_lake: Path, browser: Browser) -> Iterator[str]:
    with app_server(page_lake) as found:
        yield found


@pytest.fixture(scope="module")
def library(browser: Browser, address: str, study: Path) -> Library:
    """A client that has a transcribed recording."""
    with new_page(browser) as page:
        upload_and_wait(page, address, study)
        return Library(page.context.storage_state(), page.url)
