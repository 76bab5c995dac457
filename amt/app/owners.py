"""Which client a request is from: a random secret in a cookie or a header.

The secret is never stored; its SHA-256 names the client's part of the store.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

COOKIE = "amt_client"
HEADER = "x-amt-client"
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
_COOKIE_SECONDS = 400 * 24 * 3600  # browsers keep cookies no longer


def owner_of(request: Request) -> str | None:
    """The SHA-256 of the client's secret in hexadecimal digits; None without a valid secret."""
    secret = request.headers.get(HEADER) or request.cookies.get(COOKIE, "")
    if not _SECRET.fullmatch(secret):
        return None
    return hashlib.sha256(secret.encode()).hexdigest()


def _required(request: Request) -> str:
    owner = owner_of(request)
    if owner is None:
        expected = f"the cookie {COOKIE}, which GET /api/session sets, or the header X-Amt-Client"
        raise HTTPException(401, f"expected {expected}: 16 to 128 of A-Z a-z 0-9 _ -")
    return owner


# The parameter of a route: the owner, or the answer 401.
Owner = Annotated[str, Depends(_required)]


def give_secret(request: Request, response: Response) -> None:
    """Set the cookie with a new secret, unless the request has one already."""
    if owner_of(request) is None:
        response.set_cookie(
            COOKIE,
            secrets.token_urlsafe(24),
            max_age=_COOKIE_SECONDS,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
