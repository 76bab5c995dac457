"""A server with a small model for tests, and audio files to send to it."""

from __future__ import annotations

import base64
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from fastapi.testclient import TestClient
from small_model import small_checkpoint

from amt.serving.app import create_app
from amt.serving.model import load_model
from amt.serving.service import Load
from amt.serving.settings import Settings


def model_folder(folder: Path) -> Path:
    """A folder with one file of weights, a valid value of AIP_STORAGE_URI."""
    folder.mkdir(parents=True, exist_ok=True)
    small_checkpoint(folder / "small.ckpt")
    return folder


def clip(seconds: float = 1.0, seed: int = 0, kind: str = "WAV", rate: int = 16000) -> bytes:
    """The content of an audio file with noise."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * rate)) * 0.1
    data = io.BytesIO()
    soundfile.write(data, noise, rate, format=kind)
    return data.getvalue()


def encoded(data: bytes) -> dict[str, Any]:
    """An instance with the audio file in base64."""
    return {"audio": {"b64": base64.b64encode(data).decode()}}


@contextmanager
def server(folder: Path | str, load: Load = load_model, **changes: Any) -> Iterator[TestClient]:
    """A test client of a server whose model is loaded."""
    settings = Settings(storage_uri=str(folder), **changes)
    with TestClient(create_app(settings, load)) as client:
        for _ in range(200):
            if client.get(settings.health_route).status_code == 200:
                break
            time.sleep(0.05)
        yield client


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
