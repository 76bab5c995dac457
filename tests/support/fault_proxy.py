"""A proxy before the emulator of Cloud Storage: it fails as networks and servers do, and adds the
conditions and multipart uploads that Cloud Storage has and the emulator has not.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c
import pytest
from buckets import emulator, serving

FAULTS = (
    "drop",  # the connection is reset before anything is done
    "429",
    "503",
    "lose",  # the request is carried out, its answer does not arrive
    "truncate",  # half of the answer arrives
    "damage",  # a byte of the answer differs
    "delay",
    "cut",  # the connection is reset when half of the request has been sent
)
DELAY_SECONDS = 0.1


@dataclass
class Request:
    """A request as the proxy sees it; `body` is empty until it is read."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        parsed = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in parsed.items()}

    @property
    def is_download(self) -> bool:
        return self.method == "GET" and "alt" in self.query

    @property
    def is_upload(self) -> bool:
        return self.method in ("POST", "PUT") and bool(self.headers.get("Content-Length"))


@dataclass
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Proxy:
    """The proxy. choose: the fault of a request, one of FAULTS or None. requests: all so far, with
    their faults.
    """

    emulator: str
    choose: Callable[[Request], str | None] = lambda request: None
    requests: list[tuple[Request, str | None]] = field(default_factory=list)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, fault: str) -> int:
        return sum(found == fault for _, found in self.requests)

    def carry_out(self, request: Request) -> Reply:
        """The answer of Cloud Storage. One request at a time, so that conditions hold."""
        with self.lock:
            if "uploads" in request.query or "uploadId" in request.query:
                return self._multipart(request)
            return self._refused(request) or self._forward(request)

    def _forward(self, request: Request) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.emulator).netloc)
        headers = {k: v for k, v in request.headers.items() if k != "Connection"}
        connection.request(request.method, request.path, request.body, headers)
        answer = connection.getresponse()
        kept = {k: v for k, v in answer.getheaders() if k not in ("Server", "Date")}
        return Reply(answer.status, kept, answer.read())

    def _refused(self, request: Request) -> Reply | None:
        """The answer where the generation is not the one that the request demands."""
        expected = request.query.get("ifGenerationMatch")
        if expected is not None and "upload_id" not in request.query:
            name = request.query.get("name") or json.loads(_first_json(request.body))["name"]
            if self._generation(_bucket(request), name) != int(expected):
                return Reply(412, {}, b'{"error": {"message": "conditionNotMet"}}')
        wanted = request.query.get("generation")
        if wanted is not None and request.method == "GET":
            name = unquote(urlsplit(request.path).path.rpartition("/o/")[2])
            if self._generation(_bucket(request), name) != int(wanted):
                return Reply(404, {}, b"No such object")
        return None

    def _generation(self, bucket: str, name: str) -> int:
        path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        found = self._forward(Request("GET", path, {}))
        return int(json.loads(found.body)["generation"]) if found.status == 200 else 0

    def _multipart(self, request: Request) -> Reply:
        """Uploads in parts: https://cloud.google.com/storage/docs/multipart-uploads."""
        upload = request.query.get("uploadId", "")
        if "uploads" in request.query:
            upload = uuid.uuid4().hex
            self.parts[upload] = {}
            prefix = "x-goog-meta-"
            custom = {k.lower(): v for k, v in request.headers.items()}
            self.metadata[upload] = {
                k.removeprefix(prefix): v for k, v in custom.items() if k.startswith(prefix)
            }
            xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"
            text = f'<R xmlns="{xmlns}"><UploadId>{upload}</UploadId></R>'
            return Reply(200, {}, text.encode())
        if upload not in self.parts:
            return Reply(404, {}, b"<Error><Code>NoSuchUpload</Code></Error>")
        if request.method == "PUT":
            digest = base64.b64encode(google_crc32c.Checksum(request.body).digest()).decode()
            if request.headers.get("X-Goog-Hash") != f"crc32c={digest}":
                return Reply(400, {}, b"<Error><Code>BadDigest</Code></Error>")
            self.parts[upload][int(request.query["partNumber"])] = request.body
            return Reply(200, {"ETag": digest, "X-Goog-Hash": f"crc32c={digest}"})
        parts, metadata = self.parts.pop(upload), self.metadata.pop(upload)
        if request.method == "DELETE":
            return Reply(204)
        bucket, _, name = urlsplit(request.path).path.lstrip("/").partition("/")
        content = b"".join(parts[number] for number in sorted(parts))
        return self._put(bucket, unquote(name), content, metadata)

    def _put(self, bucket: str, name: str, content: bytes, metadata: dict[str, str]) -> Reply:
        quoted = quote(name, safe="")
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quoted}"
        length = {"Content-Length": str(len(content)), "Content-Type": "application/octet-stream"}
        done = self._forward(Request("POST", path, length, content))
        patch = json.dumps({"metadata": metadata}).encode()
        kind = {"Content-Length": str(len(patch)), "Content-Type": "application/json"}
        self._forward(Request("PATCH", f"/storage/v1/b/{bucket}/o/{quoted}", kind, patch))
        return Reply(done.status, {}, b"<CompleteMultipartUploadResult/>")


@contextmanager
def faulty_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The emulator behind a proxy, configured for the client; retries wait a few milliseconds."""
    with emulator(monkeypatch) as address:
        proxy = Proxy(address)
        monkeypatch.setattr("random.uniform", lambda low, high: 0.005)
        with serving(ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))) as faulty:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", faulty)
            yield proxy


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            request = Request(self.command, self.path, dict(self.headers))
            with proxy.lock:
                fault = proxy.choose(request)
                proxy.requests.append((request, fault))
            size = int(self.headers.get("Content-Length") or 0)
            if fault == "drop":
                return self.reset()
            if fault == "cut":
                self.rfile.read(size // 2)
                return self.reset()
            request.body = self.rfile.read(size)
            if fault == "delay":
                time.sleep(DELAY_SECONDS)
            if fault in ("429", "503"):
                return self.send(Reply(int(fault), {}, b"{}"))
            reply = proxy.carry_out(request)
            if fault == "lose":
                return self.reset()
            if fault == "damage" and reply.body:
                reply.body = reply.body[:-1] + bytes([reply.body[-1] ^ 1])
            self.send(reply, reply.body[: len(reply.body) // 2] if fault == "truncate" else None)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer  # noqa: N815

        def send(self, reply: Reply, part: bytes | None = None) -> None:
            self.send_response(reply.status)
            headers = {**reply.headers, "Content-Length": str(len(reply.body))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body if part is None else part)

        def reset(self) -> None:
            self.close_connection = True
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


def _bucket(request: Request) -> str:
    return urlsplit(request.path).path.partition("/b/")[2].partition("/")[0]


def _first_json(body: bytes) -> bytes:
    """The first JSON object of a request: of a multipart body, the metadata."""
    return body[body.index(b"{") : body.index(b"}\r\n") + 1] if b"\r\n" in body else body
