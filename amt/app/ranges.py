"""Responses of bytes with Range requests, which browsers need to seek in audio.

Starlette's FileResponse has them for files on the disk only; these come from the lake.
"""

from __future__ import annotations

import re

from fastapi import Request, Response

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


def ranged(request: Request, data: bytes, media_type: str, etag: str) -> Response:
    """A response with all of `data`, or the one range that is asked for: 206, or 416."""
    headers = {"accept-ranges": "bytes", "etag": etag, "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or not any(match.groups()) or _is_outdated(request, etag):
        return Response(data, 200, headers, media_type)
    first, last = _bounds(match, len(data))
    if first >= len(data) or last < first:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(data)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers, media_type)


def _is_outdated(request: Request, etag: str) -> bool:
    return request.headers.get("if-range", etag) != etag


def _bounds(match: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte; `-N` are the last N bytes."""
    if not match[1]:
        return max(0, size - int(match[2])), size - 1 if int(match[2]) else -1
    last = int(match[2]) if match[2] else size - 1
    return int(match[1]), min(last, size - 1)
