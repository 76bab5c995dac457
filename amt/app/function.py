"""The app as a function of Google Cloud Run functions, started by functions-framework.

functions-framework routes all requests to one function and does not run the start and the end of an
application. The function returns the application itself: an ASGI application is called as a
response is.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import functions_framework.aio
from fastapi import FastAPI, Request

from amt.app.application import create_app
from amt.app.settings import AppSettings
from amt.serving.logging import log_to_stdout

_started = AsyncExitStack()  # Open as long as the process runs.
_lock = asyncio.Lock()
_applications: list[FastAPI] = []


@functions_framework.aio.http  # type: ignore[arg-type]  # Its type leaves out applications.
async def ask(request: Request) -> FastAPI:
    """The application, which answers the request."""
    async with _lock:
        if not _applications:
            _applications.append(await _start())
    return _applications[0]


async def _start() -> FastAPI:
    """Create and start the application, in the process and event loop that serve requests."""
    log_to_stdout()
    application = create_app(AppSettings.from_environment())
    await _started.enter_async_context(application.router.lifespan_context(application))
    return application
