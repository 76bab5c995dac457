"""Servers for tests: an emulator of Cloud Storage, and an HTTP server with a given handler."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.server import RequestHandler, create_server

BUCKET = "takes"


@contextmanager
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Cloud Storage in memory with one empty bucket, configured for the client; its address."""
    # Its own loop would take half a second to end.
    storage = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)._storage
    with serving(HTTPServer(("127.0.0.1", 0), partial(_Handler, storage))) as address:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield address


class _Handler(RequestHandler):
    """As the emulator, which gives the present content whatever generation is asked for."""

    def do_GET(self) -> None:  # noqa: N802 (name of the library)
        url = urlsplit(self.path)
        wanted = parse_qs(url.query).get("generation")
        if wanted and wanted != [self._generation(url.path)]:
            self.send_error(404, "No such object")
        else:
            super().do_GET()

    def _generation(self, path: str) -> str:
        bucket, name = path.partition("/b/")[2].split("/o/")
        try:
            return str(self.storage.get_file_obj(bucket, unquote(name))["generation"])
        except NotFound:
            return ""


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Run a server in a thread while the block lasts; its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every GET by `answer`; its address, and the paths requested so far."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield address, paths
