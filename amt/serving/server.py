"""Run the server in uvicorn, with graceful shutdown and an exit code."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from amt.serving.app import create_app
from amt.serving.logging import log_to_stdout
from amt.serving.settings import Settings

# Added to the time that a request may take, so that its response can still be sent.
_GRACE_SECONDS = 5


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code of `run`."""
    log_to_stdout()
    return run(lambda fail: create_app(settings, on_failure=fail), settings)


def run(
    create: Callable[[Callable[[], None]], ASGIApp],
    settings: Settings,
    on_start: Callable[[], object] = lambda: None,
    on_stop: Callable[[], object] = lambda: None,
    proxy_headers: bool = True,
) -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests in progress.

    create: the application; it is given a function that ends the process with an error. on_start:
    called once it listens. on_stop: called before it waits for the requests in progress.
    proxy_headers: believe what a proxy on this machine says of address and scheme of the client.
    Returns the exit code: 1 if the application has failed. Raises OSError if it cannot listen.
    """
    # Before the application begins to load a model, whose threads could not be ended cleanly.
    listener = _listener(settings)
    failed = False

    def fail() -> None:
        nonlocal failed
        failed = server.should_exit = True

    config = uvicorn.Config(
        create(fail),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=proxy_headers,
        timeout_graceful_shutdown=round(settings.timeout_seconds) + _GRACE_SECONDS,
    )
    server = _Server(config)
    server.on_start, server.on_stop = on_start, on_stop
    # After the shutdown uvicorn raises the signal again, which would end the process with an error.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listener])
    return 1 if failed or not server.started else 0


def _listener(settings: Settings) -> socket.socket:
    """A socket that listens on host and port. Raises OSError with both."""
    try:
        return socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
            backlog=2048,
        )
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        reason = str(error.strerror).partition(" (while ")[0]
        text = f"cannot listen there: {reason}; choose another --host or --port"
        raise OSError(error.errno, text, place) from error


class _Server(uvicorn.Server):
    """uvicorn, which has no hooks for these two moments: lifespan is before and after them."""

    on_start: Callable[[], object]
    on_stop: Callable[[], object]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.on_stop()
        await super().shutdown(sockets)
