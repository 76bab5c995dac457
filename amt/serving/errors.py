"""JSON responses, and error responses: one sentence, and the id of the request in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route

from amt.io.audio import AudioError, TooLongError
from amt.serving.middleware import CLIENT_CLOSED_REQUEST
from amt.serving.requests import printable
from amt.serving.settings import Settings, variable_name

T = TypeVar("T")


class AsciiJsonResponse(Response):
    """JSON in ASCII: a lone surrogate, which JSON strings may hold, cannot be encoded in UTF-8."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def audio_status(error: AudioError) -> int:
    """The HTTP status for a recording that is too long or cannot be decoded."""
    return 413 if isinstance(error, TooLongError) else 422


async def with_timeout(
    settings: Settings, request: Request, work: Coroutine[Any, Any, T] | asyncio.Future[T]
) -> T:
    """The result of `work`; it is cancelled when it takes too long or the client disconnects.

    The body of the request must have been received. Raises HTTPException.
    """
    working = asyncio.ensure_future(work)
    # The only message that can follow the body is http.disconnect.
    disconnected = asyncio.ensure_future(request.receive())
    seconds = settings.timeout_seconds
    try:
        both = {working, disconnected}
        await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if disconnected.done():
            raise HTTPException(CLIENT_CLOSED_REQUEST, "the client has disconnected")
        limit = f"{seconds:g} s ({variable_name('timeout_seconds')})"
        text = f"no answer within {limit}; send a shorter recording, or try again later"
        raise HTTPException(503, text, {"retry-after": "30"})
    finally:
        working.cancel()
        disconnected.cancel()


def error_response(
    request: Request, status: int, text: str, headers: Mapping[str, str] | None = None
) -> AsciiJsonResponse:
    """The response for an error: one sentence, and the id of the request in the log."""
    content = {"error": printable(text), "request_id": request.state.context.id}
    return AsciiJsonResponse(content, status, headers)


def add_error_handlers(app: FastAPI, routers: Sequence[APIRouter] = ()) -> None:
    """Let all errors of an application be answered in JSON; requires `RequestMiddleware`.

    routers: those that the application includes.
    """

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> AsciiJsonResponse:
        text = str(error.detail)
        if text == HTTPStatus.NOT_FOUND.phrase:  # Starlette's, for a path that no route has.
            text = "there is nothing at this address; GET / is the start page"
        return error_response(request, error.status_code, text, error.headers)

    @app.exception_handler(405)
    async def method(request: Request, error: HTTPException) -> Response:
        routes = [*app.routes, *(route for router in routers for route in router.routes)]
        headers = {"allow": ", ".join(_allowed_methods(routes, request.scope["path"]))}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        text = f"{request.method}: expected {headers['allow']}"
        return error_response(request, 405, text, headers)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> AsciiJsonResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return error_response(request, 400, f"{field}: {first['msg']}")


def _allowed_methods(routes: Sequence[BaseRoute], path: str) -> list[str]:
    """The methods of all routes of a path. Starlette's own 405 has those of the first route."""
    found = [r for r in routes if isinstance(r, Route) and r.path_regex.match(path)]
    return sorted({"OPTIONS"}.union(*(route.methods or () for route in found)))
