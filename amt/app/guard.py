"""ASGI middleware: who may send a request from where, how often, and headers for browsers."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amt.app.owners import owner_of
from amt.app.rates import RateLimit
from amt.app.settings import AppSettings
from amt.serving.middleware import discard, send_error
from amt.serving.settings import variable_name

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self)",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Not counted: a monitor may ask for them as often as it likes.
_UNCOUNTED = ("/health", "/metrics")


class BrowserHeaders:
    """Adds `HEADERS` to all responses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, _with_headers(send) if scope["type"] == "http" else send)


class Guard:
    """Refuses requests by host, origin and rate. It is inside of `RequestMiddleware`."""

    def __init__(self, app: ASGIApp, settings: AppSettings) -> None:
        self.app = app
        self.settings = settings
        self.hosts = frozenset(host.lower() for host in settings.hosts)
        self.requests = RateLimit(settings.requests_per_minute)
        self.work = RateLimit(settings.work_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self._trust_proxies(scope)
        try:
            self._check(Request(scope))
        except HTTPException as error:
            await discard(receive)
            request_id = scope["state"]["context"].id
            await send_error(send, error.status_code, error.detail, request_id, error.headers or {})
            return
        await self.app(scope, receive, send)

    def _check(self, request: Request) -> None:
        self._check_host(request.headers)
        if request.method not in _SAFE_METHODS:
            self._check_origin(request.headers)
        if request.url.path not in _UNCOUNTED:
            self._count(request)

    def _trust_proxies(self, scope: Scope) -> None:
        """Take address and scheme of the client from what the nearest proxies have added."""
        count, headers = self.settings.trusted_proxies, Headers(scope=scope)
        if count:
            chain = [one.strip() for one in headers.get("x-forwarded-for", "").split(",")]
            if len(chain) >= count and chain[-count]:
                scope["client"] = (chain[-count], 0)
            if headers.get("x-forwarded-proto") in ("http", "https"):
                scope["scheme"] = headers["x-forwarded-proto"]

    def _check_host(self, headers: Headers) -> None:
        host = _without_port(headers.get("host", "")).lower()
        if self.hosts and host not in self.hosts:
            name = variable_name("allowed_hosts")
            raise HTTPException(
                421, f"Host: expected one of {', '.join(sorted(self.hosts))} ({name})"
            )

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what a page of another site lets a browser send.

        Browsers say by Sec-Fetch-Site which it is, also behind a proxy that changes Host; those
        that do not, by Origin. Programs send neither.
        """
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        own = origin is None or origin.partition("://")[2] == headers.get("host")
        if not (own if site is None else site in ("same-origin", "none")):
            raise HTTPException(403, "requests from pages of other sites are not answered")

    def _count(self, request: Request) -> None:
        """Raise HTTPException (429) if this client, or its address, has sent too many requests."""
        keys = [request.client.host if request.client else ""]
        if owner := owner_of(request):
            keys.append(owner)
        limits = [self.requests]
        if request.method in ("POST", "PUT"):
            limits.append(self.work)
        wait = max(limit.take(key) for limit in limits for key in keys)
        if wait:
            text = f"too many requests; try again in {wait} s"
            raise HTTPException(429, text, {"retry-after": str(wait)})


def _without_port(host: str) -> str:
    """The name in a Host header; an IPv6 address stays in its brackets."""
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) and not name.endswith(":") else host


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            # What is private is not kept by anyone; static files say otherwise.
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_with_headers
