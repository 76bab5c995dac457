"""The app in a thread, for browsers: its address, and a recording to send to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import uvicorn
from generated_pieces import piece
from served import free_port

from amt.app.application import create_app
from amt.app.settings import AppSettings
from amt.inference.writers import load_player
from amt.io.audio import SAMPLE_RATE
from amt.serving.settings import Settings


@contextmanager
def app_server(lake: Path) -> Iterator[str]:
    """The address of an app whose data lie in a folder; it stops after the block."""
    server = Settings(port=free_port(), model="fast", threads=1)
    app = create_app(AppSettings(server=server, lake=str(lake)))
    config = uvicorn.Config(
        app, port=server.port, log_level="warning", timeout_graceful_shutdown=10
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the app did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        running.should_exit = True
        thread.join()


def write_recording(path: Path) -> Path:
    """A piece in B major, played by a synthesized piano."""
    audio = load_player(None, seed=0)(piece(tonic=11, bars=8, bpm=120))
    soundfile.write(path, np.clip(audio, -1, 1), SAMPLE_RATE)
    return path
