"""The app with a small model for tests, and what clients do with it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from served import clip

from amt.app.application import create_app
from amt.app.settings import AppSettings
from amt.serving.model import load_model
from amt.serving.service import Load
from amt.serving.settings import Settings

SECRETS = ("first-client-0123456789", "second-client-0123456789")
# As a browser or program on this machine names it; TestClient says "testserver".
HOST = "http://127.0.0.1:8080"


def app_settings(model: Path, lake: Path | str, **changes: Any) -> AppSettings:
    """Settings of an app; `changes` of its own fields or of those of its server."""
    own = {name: changes.pop(name) for name in list(changes) if name in AppSettings.__annotations__}
    server = Settings(storage_uri=str(model), **changes)
    return AppSettings(server=server, lake=str(lake), **own)


@contextmanager
def app_client(
    model: Path, lake: Path | str, load: Load = load_model, **changes: Any
) -> Iterator[TestClient]:
    """A client of an app whose model is loaded, with the first of `SECRETS`."""
    app = create_app(app_settings(model, lake, **changes), load)
    with TestClient(app, base_url=HOST, headers={"x-amt-client": SECRETS[0]}) as client:
        wait_for(lambda: client.get("/health").status_code == 200)
        yield client


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def upload(client: TestClient, data: bytes | None = None, name: str = "piece.wav") -> str:
    """The id of an uploaded recording."""
    files = {"file": (name, clip(1.0) if data is None else data)}
    answer = client.post("/api/recordings", files=files)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def transcribed(client: TestClient, id: str) -> dict[str, Any]:
    """The document of a recording once its transcription has ended."""
    wait_for(lambda: status(client, id) in ("done", "failed"))
    return client.get(f"/api/recordings/{id}").json()


def status(client: TestClient, id: str) -> str:
    found = client.get("/api/recordings").json()["recordings"]
    return next((one["status"] for one in found if one["id"] == id), "missing")


def events(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Id, name and data of the events in an event stream."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")
        )
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found
