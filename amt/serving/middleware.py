"""The door: who comes in, with how much, and a line in the log for everyone who leaves."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amt.serving.logging import log
from amt.serving.metrics import Metrics
from amt.serving.settings import METRICS_ROUTE, TRANSCRIBE_ROUTE, Settings, variable

_ID_HEADER = b"x-request-id"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# Of a body that is too large so much more is read and thrown away, and for so long: a client that
# cannot finish sending does not read the answer.
_PATIENCE_BYTES, _PATIENCE_SECONDS = 100_000_000, 10.0
_SMOOTHING = 0.1
# What the log says of who has gone before the answer.
GONE = 499


class RequestMiddleware:
    """ASGI middleware: request ids, limits on bodies and on how many are inside, log, metrics."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.settings = settings
        self._largest = {
            settings.predict_route: ("max_body_bytes", settings.max_body_bytes),
            TRANSCRIBE_ROUTE: ("max_upload_bytes", settings.max_upload_bytes),
        }
        self._known = {*self._largest, settings.health_route, METRICS_ROUTE}
        self._inside = 0
        # Seconds from one answer to the next while people wait, as of late.
        self._pace = 1.0
        self._last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = RequestContext(scope, self._known)
        scope.setdefault("state", {})["context"] = context
        limit = self._largest.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if limit is None:
                await self.app(scope, receive, context.noting(send))
            elif self._inside >= self.settings.max_requests:
                await self._turn_away(context, receive, context.noting(send))
            else:
                await self._let_in(scope, receive, context.noting(send), *limit)
        except ClientDisconnect:
            pass  # While it sent its request.
        except Exception as error:
            log(logging.ERROR, "a request failed", error, request_id=context.id)
            if context.status == GONE:
                text = f"an error of the server; its log tells more of request {context.id}"
                await _answer(context.noting(send), 500, text, context.id, {})
        finally:
            self._leave(context)

    async def _let_in(
        self, scope: Scope, receive: Receive, send: Send, name: str, most: int
    ) -> None:
        self._inside += 1
        self.metrics.inside.set(self._inside)
        try:
            body = _Body(receive, most, name, self.settings.body_seconds, scope)
            await self.app(scope, body.receive, self._patient(send))
        finally:
            self._inside -= 1
            self.metrics.inside.set(self._inside)
            now = time.monotonic()
            self._pace += _SMOOTHING * (min(now - self._last, 10.0) - self._pace)
            self._last = now

    def _patient(self, send: Send) -> Send:
        """`send`, but who does not read an answer for as long as it may take has gone."""

        async def sent(message: Message) -> None:
            try:
                async with asyncio.timeout(self.settings.timeout_seconds):
                    await send(message)
            except TimeoutError as error:
                raise ClientDisconnect from error

        return sent

    async def _turn_away(self, context: RequestContext, receive: Receive, send: Send) -> None:
        """429, with about the time that half of those inside will need."""
        wait = max(1, math.ceil(self._pace * self._inside / 2))
        await _discard(receive)
        text = f"{self._inside} requests are inside already; try again in {wait} s"
        await _answer(send, 429, text, context.id, {"retry-after": str(wait)})

    def _leave(self, context: RequestContext) -> None:
        seconds = time.monotonic() - context.begin
        self.metrics.requests.labels(context.route, context.method, context.status).inc()
        self.metrics.latency.labels(context.route).observe(seconds)
        level = logging.WARNING if context.status >= 500 else logging.INFO
        fields: dict[str, Any] = {
            "status": context.status,
            "seconds": round(seconds, 4),
            **context.fields,
        }
        log(level, f"{context.method} {context.route}", request_id=context.id, **fields)


class RequestContext:
    """One request as the log tells of it; `fields` is for whoever answers it."""

    def __init__(self, scope: Scope, known: set[str]) -> None:
        given = next((value for name, value in scope["headers"] if name == _ID_HEADER), b"")
        self.id = given.decode() if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        # Paths and methods that anybody can invent would fill the metrics.
        self.route = scope["path"] if scope["path"] in known else "other"
        self.method = scope["method"] if scope["method"] in ("GET", "POST") else "other"
        self.begin = time.monotonic()
        self.status = GONE
        self.fields: dict[str, Any] = {}

    def noting(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                headers = [*message.get("headers", ()), (_ID_HEADER, self.id.encode())]
                message = {**message, "headers": headers}
            await send(message)

        return sent


class _Body:
    """A request's body as it arrives, no larger and no slower than it may."""

    def __init__(
        self, receive: Receive, most: int, name: str, seconds: float, scope: Scope
    ) -> None:
        self._receive, self._most, self._name = receive, most, name
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._seconds = seconds
        self._size = 0
        self._complete = False
        lengths = [value for key, value in scope["headers"] if key == b"content-length"]
        self._promised = int(lengths[0]) if lengths and lengths[0].isdigit() else 0

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()
        if self._promised > self._most:
            await self._refuse()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            text = f"the request did not arrive within {self._seconds:g} s"
            raise HTTPException(408, text, {"connection": "close"}) from error
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > self._most:
            await self._refuse()
        return message

    async def _refuse(self) -> None:
        if not self._complete:
            await _discard(self._receive)
        self._complete = True
        limit = f"the body is larger than {self._most:,} bytes ({variable(self._name)})"
        advice = "send a shorter or compressed recording (flac, mp3), or put it into storage and "
        raise HTTPException(413, f"{limit}; {advice}name it by audio_uri")


async def _discard(receive: Receive) -> None:
    """Read the rest of a body, within reason."""
    size = 0
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while size < _PATIENCE_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return


async def _answer(
    send: Send, status: int, text: str, request_id: str, headers: Mapping[str, str]
) -> None:
    content = json.dumps({"error": text, "request_id": request_id}).encode()
    lines = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})
