"""Fuzz the app with hostile requests: broken files, foreign names, wrong notes, strange headers.

python experiments/serving/app_fuzz.py --requests 10000

Half of the requests come from schemathesis, which reads the app's OpenAPI document, the other half
from hypothesis. Every response must have a status below 500, no transcription may fail with an
internal error, the process must survive, and it must open no foreign files.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from hostile import (
    SECRET_SECONDS,
    Audited,
    addresses,
    audited_server,
    broken_recordings,
    repeatable,
)
from hostile import schemathesis as run_schemathesis
from hypothesis import given
from hypothesis import strategies as st
from local_server import Server, clips

CLIENT = {"X-Amt-Client": "hostile-client-0123456789"}
JSON = {"Content-Type": "application/json"}
UNLIMITED = (
    "REQUESTS_PER_MINUTE",
    "WORK_PER_MINUTE",
    "MAX_WAITING",
    "MAX_STREAMS",
    "MAX_RECORDINGS",
)
FILES = ("midi", "json", "csv", "png", "piano_roll", "embedding")


@dataclass(frozen=True)
class Sent:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name) / "scratch"
        variables = {f"AMT_{limit}": "1000000" for limit in UNLIMITED}
        variables |= {"AMT_MAX_AUDIO_SECONDS": "5", "AMT_LAKE": str(scratch / "lake")}
        variables |= {"AMT_MODEL": "fast", "MPLCONFIGDIR": str(scratch)}
        with audited_server(Path(name), "app", **variables) as audited:
            id = _prepare(audited.server)
            audited.begin()
            options = ("-H", f"X-Amt-Client: {CLIENT['X-Amt-Client']}")
            schema = run_schemathesis(audited.server, count // 2, options, operations=11)
            statuses = _hostile(audited, id, count - count // 2)
            _check_transcriptions(audited.server)
            assert audited.server.process.poll() is None, "the app ended"
        print(f"schemathesis: {schema}")
        print(f"hostile requests, by status: {dict(sorted(statuses.items()))}")
        print(f"foreign files and addresses opened: {audited.foreign() or 'none'}")


def _ask(running: Server, sent: Sent) -> tuple[int, bytes]:
    connection = running.connect()
    try:
        connection.putrequest(sent.method, sent.path, skip_host="Host" in sent.headers)
        headers = {**CLIENT, "Content-Length": str(len(sent.body)), **sent.headers}
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(sent.body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _prepare(running: Server) -> str:
    """The id of a recording that is done; every kind of request was sent once."""
    status, answer = _ask(running, _upload(clips([1.0])[0], "piece.flac", "/api/recordings"))
    assert status == 202, answer
    path = f"/api/recordings/{json.loads(answer)['id']}"
    for part in ("/events", "", "/audio/recording", "/audio/transcription"):
        assert _ask(running, Sent("GET", path + part))[0] == 200
    for kind in FILES:
        assert _ask(running, Sent("GET", f"{path}/files/{kind}"))[0] == 200
    question = json.dumps({"prompt": "What key is it in?"}).encode()
    assert _ask(running, Sent("POST", f"{path}/questions", question, JSON))[0] == 200
    assert _ask(running, _upload(clips([1.0])[0], "piece.flac", "/"))[0] == 200
    return path.rpartition("/")[2]


def _upload(data: bytes, name: str, path: str) -> Sent:
    """A form with one file; what a header cannot hold is escaped as browsers do."""
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\n'
    body = head.encode("utf-8", "replace") + data + b"\r\n--b--\r\n"
    return Sent("POST", path, body, {"Content-Type": "multipart/form-data; boundary=b"})


def _hostile(audited: Audited, id: str, examples: int) -> Counter[int]:
    statuses: Counter[int] = Counter()

    @repeatable(examples)
    @given(_requests(audited.secret, f"/api/recordings/{id}"))
    def send(sent: Sent) -> None:
        try:
            status, answer = _ask(audited.server, sent)
        except (http.client.BadStatusLine, ConnectionError):  # uvicorn refuses what is not HTTP.
            assert audited.server.process.poll() is None, sent
            status, answer = 0, b""
        statuses[status] += 1
        assert status < 500, (status, answer[:500], sent)
        if sent.path == "/" and status == 200 and sent.method == "POST":
            duration = json.loads(answer)["duration"] or 0
            assert abs(duration - SECRET_SECONDS) > 1e-3, sent

    send()
    return statuses


def _check_transcriptions(running: Server) -> None:
    """All recordings are done or have failed for a reason of their own."""
    while True:
        _, answer = _ask(running, Sent("GET", "/api/recordings"))
        found = json.loads(answer)["recordings"]
        if all(one["status"] in ("done", "failed") for one in found):
            break
        time.sleep(0.2)
    for one in found:
        assert abs(one["seconds"] - SECRET_SECONDS) > 1e-3
        if one["status"] == "failed":
            _, answer = _ask(running, Sent("GET", f"/api/recordings/{one['id']}"))
            assert "internal" not in json.loads(answer)["error"], answer


def _requests(secret: Path, done: str) -> st.SearchStrategy[Sent]:
    """done: the path of a recording that is done."""
    anything = st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=20,
    )
    files = broken_recordings(secret)
    names = addresses(secret)
    return st.one_of(
        st.builds(_upload, files, names, st.sampled_from(("/", "/api/recordings"))),
        st.builds(_json("POST", "/"), _asked(files, names) | anything),
        st.builds(_json("PUT", f"{done}/notes"), _corrections() | anything),
        st.builds(_json("POST", f"{done}/questions"), _questions() | anything),
        st.builds(_raw, st.sampled_from((f"{done}/notes", f"{done}/questions", "/")), st.binary()),
        st.builds(Sent, _METHODS, _paths(done), st.just(b""), _headers()),
    )


_METHODS = st.sampled_from(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"))


def _json(method: str, path: str):
    def sent(document: object) -> Sent:
        return Sent(method, path, json.dumps(document).encode(), JSON)

    return sent


def _raw(path: str, body: bytes) -> Sent:
    return Sent("PUT" if path.endswith("notes") else "POST", path, body, JSON)


def _asked(files: st.SearchStrategy, names: st.SearchStrategy) -> st.SearchStrategy:
    encoded = files.map(lambda data: {"b64": base64.b64encode(data).decode()})
    fields = {"prompt": st.text(), "audio_file": names, "audio": encoded | st.text()}
    return st.fixed_dictionaries({}, optional=fields)


def _corrections() -> st.SearchStrategy:
    times = st.floats(0, 2) | st.floats()
    note = st.fixed_dictionaries(
        {"onset": times, "offset": times, "pitch": st.integers(0, 130), "velocity": st.integers()}
    )
    fields = {"revision": st.integers(-1, 30), "notes": st.lists(note, max_size=5)}
    return st.fixed_dictionaries(fields)


def _questions() -> st.SearchStrategy:
    words = (
        "key",
        "at",
        "0:01",
        "-1",
        "1e999",
        "bar",
        "99999999999",
        "chord",
        "between",
        "%",
        "🎹",
    )
    phrases = st.lists(st.sampled_from(words), max_size=12).map(" ".join)
    return st.fixed_dictionaries({"prompt": phrases | st.text()})


def _paths(done: str) -> st.SearchStrategy:
    parts = ("/events", "/audio/recording", "/audio/x", "/files/midi", "/files/png", "/notes", "")
    tricks = ("/static/..%2f..%2fcore.py", "/static/%2e%2e/core.py", "//etc/passwd", "/static/a\\b")
    odd = (
        "/api/recordings/..",
        "/api/recordings/%00",
        "/api/recordings/" + "a" * 9000,
        "/?" + "a=" * 99,
    )
    own = st.sampled_from([done + part for part in parts if part])
    quoted = st.text(max_size=30).map(lambda text: "/" + quote(text, safe="/"))
    return st.sampled_from(tricks + odd) | own | quoted


def _headers() -> st.SearchStrategy:
    printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    names = ("Host", "Origin", "Range", "If-Range", "If-None-Match", "Last-Event-ID", "Cookie")
    more = ("X-Amt-Client", "X-Forwarded-For", "X-Request-Id", "Accept-Encoding", "Content-Type")
    usual = st.sampled_from(
        ("bytes=0-9", "bytes=-0", "bytes=9-1", "bytes=" + "9" * 400 + "-", "x.9")
    )
    return st.dictionaries(st.sampled_from(names + more), printable | usual, max_size=4)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
