"""Run the server in uvicorn, with graceful shutdown and an exit code."""

from __future__ import annotations

import signal

import uvicorn

from amt.serving.app import create_app
from amt.serving.logging import log_to_stdout
from amt.serving.settings import Settings

# Added to the time that a request may take, so that its response can still be sent.
_GRACE_SECONDS = 5


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests in progress.

    Returns the exit code: 1 if the port is taken or the model cannot be loaded.
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
    # After the shutdown uvicorn raises the signal again, which would end the process with an error.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    return 1 if failed or not server.started else 0
