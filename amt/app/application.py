"""The app: its routes, middleware and lifetime."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.routing import Route

from amt import __version__
from amt.app import ask_route, recording_routes, score_routes, site_routes
from amt.app.core import Core
from amt.app.guard import BrowserHeaders, Guard
from amt.app.recordings import FOLDER
from amt.app.settings import AppSettings
from amt.cloud.lake import StorageError
from amt.cloud.vertex_endpoint import VertexError
from amt.score.notated import NoBeatsError
from amt.score.render import MissingLibraryError, RenderError
from amt.serving.errors import AsciiJsonResponse, add_error_handlers, error_response
from amt.serving.logging import log
from amt.serving.middleware import RequestMiddleware, Routes
from amt.serving.model import load_model
from amt.serving.service import Load

_ROUTERS = (site_routes.router, ask_route.router, recording_routes.router, score_routes.router)


def create_app(
    settings: AppSettings, load: Load = load_model, on_failure: Callable[[], object] = lambda: None
) -> FastAPI:
    """The application. It loads its model after the start; `on_failure` is called if that fails.

    Raises ValueError in one line for settings that cannot work.
    """
    core = Core.create(settings, load)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(core.run(on_failure))
        yield
        running.cancel()
        await core.close()

    # No pages of documentation: they load scripts from elsewhere, which the policy forbids.
    app = FastAPI(
        title="amt app", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.core = core
    for router in _ROUTERS:
        app.include_router(router)
    add_error_handlers(app, _ROUTERS)
    _add_cloud_handlers(app, core)
    _add_score_handlers(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(
        RequestMiddleware,
        settings=settings.server,
        metrics=core.model.metrics,
        routes=_routes(),
    )
    app.add_middleware(BrowserHeaders)
    return app


def _add_cloud_handlers(app: FastAPI, core: Core) -> None:
    """Let errors of lake and endpoint be answered; paths on the disk and owners are left out."""
    private = re.compile(f"{re.escape(core.lake.uri)}/({FOLDER}/[0-9a-f]{{64}}/)?")

    @app.exception_handler(StorageError)
    @app.exception_handler(VertexError)
    async def cloud(request: Request, error: StorageError | VertexError) -> AsciiJsonResponse:
        if error.status >= 500:
            log(logging.WARNING, str(error), request_id=request.state.context.id)
        return error_response(request, error.status, private.sub("", str(error)))


def _add_score_handlers(app: FastAPI) -> None:
    """Let it be answered why there is no score."""

    @app.exception_handler(NoBeatsError)
    @app.exception_handler(RenderError)
    async def score(request: Request, error: NoBeatsError | RenderError) -> AsciiJsonResponse:
        status = 422 if isinstance(error, NoBeatsError) else 500
        if isinstance(error, MissingLibraryError):
            status = 501
        return error_response(request, status, str(error))


def _routes() -> Routes:
    """Labels without ids, which are not for logs; limits of request bodies."""
    limits = {
        "/": "max_upload_bytes",
        "/api/recordings": "max_upload_bytes",
        "/api/recordings/ID/questions": "max_body_bytes",
        "/api/recordings/ID/notes": "max_body_bytes",
    }
    routes = [route for router in _ROUTERS for route in router.routes if isinstance(route, Route)]
    labels = [(route.path_regex, route.path.replace("{id}", "ID")) for route in routes]

    def label(path: str) -> str:
        return next((name for pattern, name in labels if pattern.match(path)), "other")

    return Routes(label, limits, "audio_file")
