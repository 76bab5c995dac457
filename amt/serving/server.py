"""The server as a program: a port, a log, an end that finishes what has begun."""

from __future__ import annotations

import signal

import uvicorn

from amt.serving.app import create_app
from amt.serving.logging import log_to_stdout
from amt.serving.settings import Settings

# Beyond the time that a request may take, for its answer to be sent.
_GRACE_SECONDS = 5


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, and then until all who are inside have their answers.

    Returns the exit code: 1 where the port or the model could not be had.
    """
    log_to_stdout()
    failed = False

    def stop() -> None:
        nonlocal failed
        failed = server.should_exit = True

    config = uvicorn.Config(
        create_app(settings, on_failure=stop),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.timeout_seconds) + _GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    # When all is done uvicorn raises the signal that ended it once more: this is no failure.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: None)
    server.run()
    return 1 if failed or not server.started else 0
