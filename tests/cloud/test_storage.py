"""Cloud Storage: URIs, allowed prefixes, downloads within limits of size and time, folders."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from buckets import BUCKET, answering, emulator
from google.cloud.storage import Bucket, Client
from hypothesis import given
from hypothesis import strategies as st

from amt.cloud.storage import (
    AllowedPrefixes,
    StorageError,
    download_folder,
    read_object,
    split_uri,
    upload_folder,
)

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with emulator(monkeypatch):
        yield Client(project="tests").bucket(BUCKET)


def put(bucket: Bucket, name: str, content: bytes) -> str:
    bucket.blob(name).upload_from_string(content)
    return f"gs://{bucket.name}/{name}"


def reply(status: int, body: bytes = b"{}", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def metadata_then(answer: Answer, size: int = 3) -> Answer:
    """Answer with metadata (an object of `size` bytes); answer the download by `answer`."""
    metadata = reply(200, json.dumps({"size": str(size), "generation": "1"}).encode())

    def both(handler: BaseHTTPRequestHandler) -> None:
        (answer if "alt=media" in handler.path else metadata)(handler)

    return both


def read_error(uri: str, max_bytes: int = 100, timeout: float = 5.0) -> StorageError:
    with pytest.raises(StorageError) as caught:
        read_object(uri, max_bytes, timeout)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    return caught.value


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("gs://takes/a/b.wav", ("takes", "a/b.wav")),
        ("gs://my.bucket-1/Études №3.flac", ("my.bucket-1", "Études №3.flac")),
        ("gs://takes/%2e%2e/a", ("takes", "%2e%2e/a")),  # a name like any other: never decoded
    ],
)
def test_split_uri(uri: str, parts: tuple[str, str]) -> None:
    assert split_uri(uri) == parts


INVALID_URIS = (
    "",
    "gs://",
    "gs://takes",
    "gs://takes/",
    "gs:///a",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://169.254.169.254/latest",
    "https://storage.googleapis.com/takes/a",
    "GS://takes/a",
    " gs://takes/a",
    "gs://Takes/a",
    "gs://user@takes/a",
    "gs://takes:80/a",
    "gs://takes//a",
    "gs://takes/a//b",
    "gs://takes/a/",
    "gs://takes/../other/a",
    "gs://takes/a/./b",
    "gs://takes/a?generation=1",
    "gs://takes/a#1",
    "gs://takes/a\\..\\b",
    "gs://takes/a\nb",
    "gs://takes/a\0",
    "gs://takes/\u202egpj.wav",
    "gs://takes/\ud800",
    "gs://takes/" + "a" * 1025,
    "gs://takes/" + "é" * 513,
)


@pytest.mark.parametrize("uri", INVALID_URIS, ids=ascii)
def test_invalid_uris_raise_one_line(uri: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_uri(uri)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300
    with pytest.raises(ValueError):
        AllowedPrefixes(("gs://takes",)).check(uri)


@given(st.text())
def test_accepted_names_have_no_empty_or_dot_parts(text: str) -> None:
    try:
        bucket, name = split_uri(f"gs://takes/{text}")
    except StorageError:
        return
    assert (bucket, name) == ("takes", text)
    assert not {"", ".", ".."} & set(name.split("/"))


@pytest.mark.parametrize(
    ("prefix", "uri", "allowed"),
    [
        ("gs://takes/rec/", "gs://takes/rec/a.wav", True),
        ("gs://takes/rec", "gs://takes/rec/deep/a.wav", True),
        ("gs://takes", "gs://takes/rec/a.wav", True),
        ("gs://takes/", "gs://takes/a.wav", True),
        ("gs://takes/rec/a.wav", "gs://takes/rec/a.wav", True),
        ("gs://takes/rec", "gs://takes/recordings/a.wav", False),
        ("gs://takes/rec/", "gs://takes/Rec/a.wav", False),
        ("gs://takes/rec/", "gs://takes/other/rec/a.wav", False),
        ("gs://takes", "gs://takes-private/a.wav", False),
        ("gs://takes/rec/a.wav", "gs://takes/rec/a.wav.bak", False),
    ],
)
def test_prefixes_match_on_whole_segments(prefix: str, uri: str, allowed: bool) -> None:
    rule = AllowedPrefixes(("gs://elsewhere/x/", prefix))
    if allowed:
        rule.check(uri)
        return
    with pytest.raises(StorageError, match="AMT_ALLOWED_URIS") as caught:
        rule.check(uri)
    assert caught.value.status == 403


def test_without_prefixes_nothing_is_allowed() -> None:
    with pytest.raises(StorageError, match="AMT_ALLOWED_URIS allows nothing"):
        AllowedPrefixes().check("gs://takes/a.wav")


@pytest.mark.parametrize("prefix", ["", "*", "gs://", "gs:///", "takes/", "gs://takes/../x", "/"])
def test_invalid_prefixes(prefix: str) -> None:
    with pytest.raises(StorageError, match=r"expected gs://|not allowed in names"):
        AllowedPrefixes((prefix,))


def test_read_object(bucket: Bucket) -> None:
    content = bytes(range(256)) * 200
    assert read_object(put(bucket, "a b/Ü.wav", content), len(content), 5.0) == content
    assert read_object(put(bucket, "empty", b""), 0, 5.0) == b""


@pytest.mark.parametrize("name", ["100%/x.wav", "%2e%2e/x", "a+b &=;@:.wav", "日本/ピアノ.flac"])
def test_names_with_special_characters(bucket: Bucket, name: str) -> None:
    assert read_object(put(bucket, name, b"abc"), 3, 5.0) == b"abc"


def test_parallel_reads(bucket: Bucket) -> None:
    contents = [bytes([number]) * 10_000 for number in range(24)]
    uris = [put(bucket, f"{number}.wav", content) for number, content in enumerate(contents)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda uri: read_object(uri, 10_000, 10.0), uris)) == contents


def test_a_missing_object(bucket: Bucket) -> None:
    for uri in (f"gs://{BUCKET}/none.wav", "gs://nowhere/none.wav"):
        error = read_error(uri)
        assert error.status == 404 and uri in str(error)


def test_a_large_object_is_rejected_by_its_metadata(bucket: Bucket) -> None:
    error = read_error(put(bucket, "a.wav", bytes(101)), max_bytes=100)
    assert error.status == 413 and "100 bytes" in str(error)


def use_server(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)


def test_an_object_larger_than_its_metadata_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent < 1 << 28:
                sent += handler.wfile.write(bytes(1 << 16))
        except OSError:
            pass  # The client has hung up.

    with answering(metadata_then(endless)) as (address, _):
        use_server(monkeypatch, address)
        assert read_error("gs://takes/a", max_bytes=1 << 20).status == 413
    assert sent < 1 << 24


def test_the_size_limit_counts_decompressed_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packed = gzip.compress(bytes(1 << 26))
    answer = reply(200, packed, Content_Encoding="gzip")
    with answering(metadata_then(answer, len(packed))) as (address, _):
        use_server(monkeypatch, address)
        assert read_error("gs://takes/bomb", max_bytes=1 << 20).status == 413
        assert len(read_object("gs://takes/bomb", 1 << 26, 5.0)) == 1 << 26


@pytest.mark.parametrize(("code", "status"), [(401, 502), (403, 403), (404, 404), (400, 502)])
def test_error_statuses_of_the_storage_server(
    monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    for answer in (reply(code), metadata_then(reply(code))):
        with answering(answer) as (address, _):
            use_server(monkeypatch, address)
            assert read_error("gs://takes/a").status == status


def test_redirects_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(reply(200)) as (other, reached):
        redirect = reply(302, b"", Location=f"{other}/secret")
        for answer in (redirect, metadata_then(redirect)):
            with answering(answer) as (address, paths):
                use_server(monkeypatch, address)
                assert read_error("gs://takes/a").status == 502
                assert paths
        assert not reached


def test_the_media_link_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(reply(200, b"secret")) as (other, reached):
        metadata = json.dumps({"size": "3", "mediaLink": f"{other}/secret"}).encode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            reply(200, b"abc" if "alt=media" in handler.path else metadata)(handler)

        with answering(answer) as (address, _):
            use_server(monkeypatch, address)
            assert read_object("gs://takes/a", 100, 5.0) == b"abc"
    assert not reached


def test_a_wrong_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = metadata_then(reply(200, b"abc", X_Goog_Hash="crc32c=AAAAAA=="))
    with answering(answer) as (address, _):
        use_server(monkeypatch, address)
        assert "damaged" in str(read_error("gs://takes/a"))


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.0)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(10):
        time.sleep(0.1)
        try:
            handler.wfile.write(bytes(8192))
        except OSError:
            return


@pytest.mark.parametrize("answer", [silent, metadata_then(silent), metadata_then(trickling)])
def test_slow_servers_raise_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    with answering(answer) as (address, _):
        use_server(monkeypatch, address)
        start = time.monotonic()
        assert read_error("gs://takes/a", max_bytes=1 << 20, timeout=0.3).status == 504
        assert time.monotonic() - start < 0.9


def test_a_temporary_failure_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([503])

    def answer(handler: BaseHTTPRequestHandler) -> None:
        reply(next(failures, 200), b"{}" if "alt=media" not in handler.path else b"abc")(handler)

    monkeypatch.setattr("random.uniform", lambda low, high: 0.01)
    with answering(answer) as (address, paths):
        use_server(monkeypatch, address)
        assert read_object("gs://takes/a", 100, 5.0) == b"abc"
        assert len(paths) == 3


def test_retries_end_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(reply(503)) as (address, _):
        use_server(monkeypatch, address)
        assert read_error("gs://takes/a", timeout=0.3).status == 504


def test_an_unreachable_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        use_server(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}")
        assert read_error("gs://takes/a", timeout=0.3).status == 504


def test_missing_credentials_name_the_login_command(tmp_path: Path) -> None:
    script = "from amt.cloud.storage import read_object; read_object('gs://takes/a', 9, 1.0)"
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_GCE_CHECK": "true"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=clean, check=False
    )
    assert "gcloud auth application-default login" in done.stderr.splitlines()[-1]


def test_upload_and_download_a_folder(bucket: Bucket, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    (model / "model.json").write_text("{}")
    (model / "deep" / "weights").write_bytes(bytes(9 << 20))  # more than one request
    (model / "empty").write_bytes(b"")
    uris = upload_folder(model, f"gs://{BUCKET}/models/one/")
    assert uris[0] == f"gs://{BUCKET}/models/one/deep/weights" and len(uris) == 3
    put(bucket, "models/one-more/x", b"not this one")
    put(bucket, "models/one/", b"")  # as the console marks folders
    back = download_folder(f"gs://{BUCKET}/models/one", tmp_path / "new" / "back")
    files = {path.relative_to(back).as_posix() for path in back.rglob("*") if path.is_file()}
    assert files == {"model.json", "deep/weights", "empty"}
    assert (back / "deep" / "weights").stat().st_size == 9 << 20


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "a//b", "/evil", "a\\b"])
def test_names_that_would_leave_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    items = [{"name": "m/good", "bucket": BUCKET}, {"name": f"m/{name}", "bucket": BUCKET}]
    listed, content = reply(200, json.dumps({"items": items}).encode()), reply(200, b"abc")

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (content if "alt=media" in handler.path else listed)(handler)

    with answering(answer) as (address, _):
        use_server(monkeypatch, address)
        with pytest.raises(StorageError, match="not allowed in names"):
            download_folder(f"gs://{BUCKET}/m", tmp_path / "in" / "m")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_failed_download_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    items = [{"name": "m/a", "bucket": BUCKET}, {"name": "m/b", "bucket": BUCKET}]
    listed = reply(200, json.dumps({"items": items}).encode())
    answers = itertools.chain([listed, reply(200, b"abc")], itertools.repeat(reply(404)))
    with answering(lambda handler: next(answers)(handler)) as (address, paths):
        use_server(monkeypatch, address)
        with pytest.raises(StorageError, match="no such object"):
            download_folder(f"gs://{BUCKET}/m", tmp_path / "m")
        assert len(paths) == 4  # The last one looks whether the object was replaced.
    assert not list(tmp_path.iterdir())


def test_empty_folders(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there are no objects"):
        download_folder(f"gs://{BUCKET}/models/none", tmp_path / "m")
    with pytest.raises(StorageError, match="with files in it"):
        upload_folder(tmp_path, f"gs://{BUCKET}/m")
