"""ASGI middleware around every request: limits, request id, log and metrics.

The limits are written by hand. FastAPI's `max_body_size` (newer than our minimum version) answers
a too large Content-Length in plain text, without request id and without the name of the variable;
Starlette's `max_part_size` leaves out files; neither library limits how long a body may take to
arrive, and uvicorn's `limit_concurrency` would also reject /health and sends no Retry-After.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amt.serving.logging import log
from amt.serving.metrics import Metrics
from amt.serving.settings import Settings, variable_name

_ID_HEADER = b"x-request-id"
_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# The rest of a rejected body is read and discarded up to these limits, because many clients read
# the response only after they have sent the whole body.
_DISCARD_BYTES, _DISCARD_SECONDS = 100_000_000, 10.0
# Retry-After is an exponential moving average of how long requests took, at first a guess.
_FIRST_SECONDS, _SMOOTHING = 5.0, 0.2
_METHODS = ("GET", "POST", "PUT", "DELETE")
# Status in log and metrics of a request whose client disconnected before the response (as nginx).
CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True)
class Routes:
    """The routes of an application, as they are counted and limited.

    label: the name of a path in log and metrics; "other" for unknown ones, since clients could
    create labels without end. body_limits: by label, the field of `Settings` with the largest body
    of a request that has one. stored_field: the field of a request that names a recording in Cloud
    Storage instead of sending it.
    """

    label: Callable[[str], str]
    body_limits: Mapping[str, str]
    stored_field: str


class RequestMiddleware:
    """Applies the limits of `Settings` to requests with a body; logs and counts all requests."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, routes: Routes) -> None:
        self.app = app
        self.metrics = metrics
        self.settings = settings
        self.routes = routes
        self._in_progress = 0
        self._average_seconds = _FIRST_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = RequestContext(scope, self.routes.label(scope["path"]))
        scope.setdefault("state", {})["context"] = context
        has_body = scope["method"] in ("POST", "PUT")
        limit = self.routes.body_limits.get(context.route) if has_body else None
        timed_send = self._with_send_timeout(context.track(send))
        try:
            if limit is None:
                await self.app(scope, receive, timed_send)
            elif self._in_progress >= self.settings.max_requests:
                await self._reject(context, receive, timed_send)
            else:
                await self._run_limited(context, scope, receive, timed_send, limit)
        except ClientDisconnect:
            pass  # While sending the request or reading the response.
        except Exception as error:
            log(logging.ERROR, "a request failed", error, request_id=context.id)
            if context.status == CLIENT_CLOSED_REQUEST:  # No response has been started.
                text = (
                    f"internal server error; the server's log has details of request {context.id}"
                )
                await send_error(context.track(send), 500, text, context.id, {})
        finally:
            self._record(context)

    async def _run_limited(
        self, context: RequestContext, scope: Scope, receive: Receive, send: Send, limit: str
    ) -> None:
        self._in_progress += 1
        self.metrics.requests_in_progress.set(self._in_progress)
        try:
            body = _LimitedBody(scope, receive, self.settings, limit, self.routes.stored_field)
            await self.app(scope, body.receive, send)
        finally:
            self._in_progress -= 1
            self.metrics.requests_in_progress.set(self._in_progress)
            if context.status == 200:
                seconds = time.monotonic() - context.begin
                self._average_seconds += _SMOOTHING * (seconds - self._average_seconds)

    def _with_send_timeout(self, send: Send) -> Send:
        """`send`, which treats a client that does not read its response as disconnected."""

        async def timed_send(message: Message) -> None:
            try:
                async with asyncio.timeout(self.settings.timeout_seconds):
                    await send(message)
            except TimeoutError as error:
                raise ClientDisconnect from error

        return timed_send

    async def _reject(self, context: RequestContext, receive: Receive, send: Send) -> None:
        """429; Retry-After is the time in which the requests in progress should be finished."""
        seconds = max(1, math.ceil(self._average_seconds))
        await discard(receive)
        text = f"{self._in_progress} requests are in progress already; try again in {seconds} s"
        await send_error(send, 429, text, context.id, {"retry-after": str(seconds)})

    def _record(self, context: RequestContext) -> None:
        seconds = time.monotonic() - context.begin
        self.metrics.requests.labels(context.route, context.method, context.status).inc()
        self.metrics.request_duration.labels(context.route).observe(seconds)
        level = logging.WARNING if context.status >= 500 else logging.INFO
        fields: dict[str, Any] = {
            "status": context.status,
            "seconds": round(seconds, 4),
            **context.fields,
        }
        log(level, f"{context.method} {context.route}", request_id=context.id, **fields)


class RequestContext:
    """What is logged and counted of one request; route handlers add to `fields`."""

    def __init__(self, scope: Scope, route: str) -> None:
        given = next((value for name, value in scope["headers"] if name == _ID_HEADER), b"")
        self.id = given.decode() if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
        self.route = route
        # Other methods are counted together: clients could create labels without end.
        self.method = scope["method"] if scope["method"] in _METHODS else "other"
        self.begin = time.monotonic()
        self.status = CLIENT_CLOSED_REQUEST
        self.fields: dict[str, Any] = {}

    def track(self, send: Send) -> Send:
        """`send`, which records the status and adds the request id to the response headers."""

        async def tracked_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                headers = [*message.get("headers", ()), (_ID_HEADER, self.id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        return tracked_send


class _LimitedBody:
    """Receives a request body; raises HTTPException 413 if it is too large, 408 if too slow."""

    def __init__(
        self, scope: Scope, receive: Receive, settings: Settings, limit: str, stored_field: str
    ) -> None:
        """limit: the field of `Settings` with the largest size. stored_field: as in `Routes`."""
        self._receive = receive
        self._stored_field = stored_field
        self._limit = limit
        self._max_bytes: int = getattr(settings, limit)
        self._seconds = settings.body_seconds
        self._deadline = asyncio.get_running_loop().time() + self._seconds
        self._size = 0
        self._complete = False
        lengths = [value for key, value in scope["headers"] if key == b"content-length"]
        self._content_length = int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._content_length > self._max_bytes:
            await self._reject()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            text = f"the request did not arrive within {self._seconds:g} s"
            raise HTTPException(408, text, {"connection": "close"}) from error
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > self._max_bytes:
            await self._reject()
        return message

    async def _reject(self) -> None:
        if not self._complete:
            await discard(self._receive)
        self._complete = True
        reason = f"the body is larger than {self._max_bytes:,} bytes ({variable_name(self._limit)})"
        advice = "send a shorter or compressed recording (flac, mp3), or put it into Cloud Storage "
        raise HTTPException(413, f"{reason}; {advice}and name it by {self._stored_field}")


async def discard(receive: Receive) -> None:
    """Read and discard the rest of a body, up to the limits above."""
    size = 0
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            while size < _DISCARD_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def send_error(
    send: Send, status: int, text: str, request_id: str, headers: Mapping[str, str]
) -> None:
    """Send an error response, as `amt.serving.errors` does for the routes."""
    content = json.dumps({"error": text, "request_id": request_id}).encode()
    lines = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
