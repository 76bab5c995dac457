"""A server that speaks the wire format of Gemini's generateContent; tests write its responses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What is sent: a document, bytes as they are, or a function that writes to the connection.
Response = dict[str, Any] | bytes | Callable[[BaseHTTPRequestHandler], None]
USAGE = {"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}


class GeminiServer:
    """Gives the responses of `script` in order, then the last one again; keeps the requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.script: list[Response] = [says("Hello.")]
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []

    def next(self) -> Response:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def says(text: str, **more: Any) -> dict[str, Any]:
    """A response of one text."""
    return _response([{"text": text}], **more)


def calls(*requested: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A response that calls functions."""
    return _response([{"functionCall": {"name": name, "args": args}} for name, args in requested])


def blocked_prompt() -> dict[str, Any]:
    """What is sent for a prompt that the safety filters refuse."""
    return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE}


def blocked_answer() -> dict[str, Any]:
    """What is sent if the safety filters stop an answer."""
    return {"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": USAGE}


def failure(code: int, status: str, text: str = "no") -> Callable[[BaseHTTPRequestHandler], None]:
    """A response with an error status."""
    body = json.dumps({"error": {"code": code, "message": text, "status": status}}).encode()
    return lambda handler: _send(handler, code, body)


def slow(seconds: float) -> Callable[[BaseHTTPRequestHandler], None]:
    """A response that arrives byte by byte over this time."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps(says("late")).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        for number in range(len(body)):
            handler.wfile.write(body[number : number + 1])
            handler.wfile.flush()
            time.sleep(seconds / len(body))

    return send


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    """A connection that ends before the response does."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"candidates": [')
    handler.close_connection = True


@contextmanager
def gemini_server() -> Iterator[GeminiServer]:
    """A server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            fake.requests.append(json.loads(body))
            fake.paths.append(self.path)
            response = fake.next()
            try:
                if callable(response):
                    response(self)
                else:
                    raw = response if isinstance(response, bytes) else json.dumps(response).encode()
                    _send(self, 200, raw)
            except (BrokenPipeError, ConnectionResetError):
                pass  # The client has given up.

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake = GeminiServer(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def _response(parts: list[dict[str, Any]], reason: str = "STOP") -> dict[str, Any]:
    content = {"role": "model", "parts": parts}
    candidate = {"content": content, "finishReason": reason, "index": 0}
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "test",
    }


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
