"""Run the app in uvicorn."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from amt.app.application import create_app
from amt.app.settings import AppSettings, is_loopback
from amt.io.locks import locked
from amt.serving.logging import LOGGER, log_to_stdout
from amt.serving.server import run
from amt.serving.settings import variable_name

_OPEN_TO_ALL = (
    "warning: everybody in the network can use this page, without a login; leave out --host (and "
    "AMT_HOST) for this machine only, or put a proxy with a login in front"
)


def serve(settings: AppSettings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code: 1 after a failure.

    Raises ValueError, in one line, for settings that cannot work.
    """
    _check_folder(settings.place)
    with _sole_use(settings.place):
        return _serve(settings)


def _serve(settings: AppSettings) -> int:
    log_to_stdout()
    if sys.stdout.isatty():
        LOGGER.setLevel(logging.WARNING)  # For a person: where the page is, and what goes wrong.
    apps: list[FastAPI] = []

    def create(fail: Callable[[], None]) -> FastAPI:
        apps.append(create_app(settings, on_failure=fail))
        return apps[0]

    return run(
        create,
        settings.server,
        on_start=lambda: welcome(settings),
        on_stop=lambda: apps[0].state.core.jobs.close_streams(),
        proxy_headers=False,
    )


def _check_folder(place: str | Path) -> None:
    """Raise ValueError, in one line, for a folder in which nothing can be written."""
    if isinstance(place, Path):
        try:
            place.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=place).close()
        except OSError as error:
            advice = f"choose another folder with --lake or {variable_name('lake')}"
            raise ValueError(f"the data lake {place}: {error.strerror}; {advice}") from error


@contextmanager
def _sole_use(place: str | Path) -> Iterator[None]:
    """Keep other apps of this machine from a folder: what waits there is transcribed by one.

    Raises ValueError if another one uses it.
    """
    if not isinstance(place, Path):
        yield
        return
    with locked(place / ".app.lock", wait=False) as held:
        if not held:
            advice = f"end it, or choose another folder with --lake or {variable_name('lake')}"
            raise ValueError(f"the data lake {place}: another app is using it; {advice}")
        yield


def welcome(settings: AppSettings) -> None:
    """Print where the page is, and who else may reach it."""
    host, port = settings.server.host, settings.server.port
    shown = "localhost" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    print(f"amt app: open http://{shown}:{port} (recordings: {settings.place}; Ctrl-C ends it)")
    if not is_loopback(host) and not settings.trusted_proxies:
        print(f"amt app: {_OPEN_TO_ALL}", file=sys.stderr)
    sys.stdout.flush()
