"""The routes of the page, and those that monitor the app."""

from __future__ import annotations

import gzip
from functools import cache

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from amt.app.core import TheCore
from amt.app.owners import give_secret
from amt.app.page import index, static_file

router = APIRouter(include_in_schema=False)
# Browsers ask each time whether a file has changed; 304 is the answer after the first time.
_CACHING = {"cache-control": "no-cache", "vary": "accept-encoding"}


@router.head("/")
@router.get("/")
async def start(request: Request) -> Response:
    """The page; sets the cookie of a new client."""
    response = _compressed(request, index(), "text/html; charset=utf-8", {})
    give_secret(request, response)
    return response


@router.head("/static/{name}")
@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    """A script, style or picture of the page."""
    found = static_file(name)
    if found is None:
        raise HTTPException(404, "there is no such file")
    headers = {**_CACHING, "etag": found.etag}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _compressed(request, found.content, found.media_type, headers)


@router.head("/health")
@router.get("/health")
async def health(core: TheCore) -> dict[str, str]:
    """200 when recordings can be transcribed; 503 before."""
    core.model.check_ready()
    model = core.model.identity()
    return {"status": "ready", "model": model["name"], "version": model["version"]}


@router.head("/metrics")
@router.get("/metrics")
async def metrics(core: TheCore) -> Response:
    """Metrics in the text format of Prometheus."""
    return Response(generate_latest(core.model.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _compressed(
    request: Request, content: bytes, media_type: str, headers: dict[str, str]
) -> Response:
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = _gzip(content), {**headers, "content-encoding": "gzip"}
    return Response(content, headers=headers, media_type=media_type)


@cache
def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)
