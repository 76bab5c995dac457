"""Google Cloud Storage: check which objects may be read, read one object, copy whole folders.

Downloads follow no redirects and no URLs found in responses. Google's client library is imported
only inside the functions that need it. It takes its credentials from the environment, and talks to
the emulator that STORAGE_EMULATOR_HOST names, if that variable is set.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.io.atomic import atomic_write_folder

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

ALLOWED_URIS_VARIABLE = "AMT_ALLOWED_URIS"
# https://cloud.google.com/storage/docs/buckets#naming and .../objects#naming
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_MAX_NAME_BYTES = 1024
# Cloud Storage allows these in object names, but in a URL or on Windows they end or split a path.
_FORBIDDEN_CHARACTERS = frozenset("?#\\")
CREDENTIALS_ADVICE = (
    "type `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
    "key file of a service account"
)


class StorageError(ValueError):
    """An object or folder that cannot be read or written; the message is one line.

    `status`: the HTTP status with which our server reports this error to its client.
    """

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = int(status)


def split_uri(uri: str) -> tuple[str, str]:
    """Split gs://bucket/a/b into the bucket and the object name a/b. Raises StorageError.

    Names with empty parts, `.`, `..`, `?`, `#`, backslashes or unprintable characters are rejected:
    URL parsers, file systems and Cloud Storage do not interpret them in the same way.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, name = rest.partition("/")
    if scheme != "gs" or not _BUCKET_NAME.fullmatch(bucket) or not name:
        raise StorageError(f"{_printable(uri)}: expected gs://BUCKET/NAME")
    if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
        raise StorageError(
            f"{_printable(uri)}: the object name is longer than {_MAX_NAME_BYTES} bytes"
        )
    _check_parts(uri, name)
    return bucket, name


@dataclass(frozen=True)
class AllowedPrefixes:
    """The objects that may be read, as prefixes: gs://bucket/recordings/, or gs://bucket for all.

    A prefix matches whole path segments: gs://b/rec does not allow gs://b/recordings/a.wav. Without
    prefixes nothing may be read. Raises StorageError for a malformed prefix.
    """

    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            _split_prefix(prefix)

    def check(self, uri: str) -> None:
        """Raise StorageError if no prefix allows this object, or the URI is malformed."""
        bucket, name = split_uri(uri)
        parts = (bucket, *name.split("/"))
        prefixes = map(_split_prefix, self.prefixes)
        if not any(parts[: len(prefix)] == prefix for prefix in prefixes):
            allowed = ", ".join(self.prefixes) or "nothing"
            advice = "the operator of this server can add it"
            text = f"may not be read here ({ALLOWED_URIS_VARIABLE} allows {allowed}); {advice}"
            raise StorageError(f"{uri}: {text}", HTTPStatus.FORBIDDEN)


def read_object(uri: str, max_bytes: int, timeout: float) -> bytes:
    """The content of an object of at most `max_bytes`; `timeout` seconds include all retries.

    The size is checked before the download and again while bytes arrive (after decompression, if
    the object is stored with gzip encoding). The checksum is verified. Raises StorageError.
    """
    bucket, name = split_uri(uri)
    end = time.monotonic() + timeout
    with _translate_errors(uri, timeout):
        blob = _client().bucket(bucket).blob(name)
        blob.reload(**_time_limit(end))
        received = _LimitedBuffer(uri, max_bytes, end)
        received.check(blob.size or 0)
        _without_media_link(blob).download_to_file(received, **_time_limit(end))
    return received.bytes.getvalue()


def download_folder(uri: str, folder: Path | str, timeout: float = 600.0) -> Path:
    """Download all objects below `uri` into `folder`, which is created completely or not at all.

    Raises StorageError, also if there are no objects below `uri`; FileExistsError if `folder` is
    not empty.
    """
    bucket, prefix = split_uri(uri.rstrip("/"))
    end = time.monotonic() + timeout
    with _translate_errors(uri, timeout), atomic_write_folder(folder) as temporary:
        blobs = _client().list_blobs(bucket, prefix=f"{prefix}/", **_time_limit(end))
        files = {
            _relative_name(blob, prefix): blob for blob in blobs if not blob.name.endswith("/")
        }
        if not files:
            raise StorageError(f"{uri}: there are no objects below it", HTTPStatus.NOT_FOUND)
        for name, blob in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _without_media_link(blob).download_to_filename(path, **_time_limit(end))
    return Path(folder)


def upload_folder(folder: Path | str, uri: str, timeout: float = 600.0) -> list[str]:
    """Upload all files of `folder` below `uri`; returns their gs:// URIs. Raises StorageError."""
    folder, (bucket, prefix) = Path(folder), split_uri(uri.rstrip("/"))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise StorageError(f"{folder}: expected a folder with files in it")
    names = [f"{prefix}/{path.relative_to(folder).as_posix()}" for path in paths]
    end = time.monotonic() + timeout
    with _translate_errors(uri, timeout):
        target = _client().bucket(bucket)
        for path, name in zip(paths, names, strict=True):
            target.blob(name).upload_from_filename(path, **_time_limit(end))
    return [f"gs://{bucket}/{name}" for name in names]


class _LimitedBuffer:
    """The file object of a download; it raises when the download is too large or too slow."""

    def __init__(self, uri: str, max_bytes: int, end: float) -> None:
        self.uri, self.max_bytes, self.end = uri, max_bytes, end
        self.bytes = io.BytesIO()

    def write(self, block: bytes) -> int:
        self.check(self.bytes.tell() + len(block))
        if time.monotonic() > self.end:
            raise TimeoutError
        return self.bytes.write(block)

    def seek(self, position: int) -> int:
        return self.bytes.seek(position)

    def check(self, size: int) -> None:
        if size > self.max_bytes:
            raise StorageError(
                f"{self.uri}: larger than the {self.max_bytes} bytes that are read at most",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )


def _client() -> Client:
    return _client_for(os.environ.get("STORAGE_EMULATOR_HOST"))


@lru_cache(maxsize=1)
def _client_for(emulator: str | None) -> Client:
    """The client, shared by all requests because finding credentials is slow; one per host."""
    from google.cloud.storage import Client

    # Otherwise the client requests the bucket's metadata in the background, for tracing only; an
    # account that may only read objects is not allowed to see it.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    client = Client(project=None)  # Not needed to read objects by bucket name.
    client._http.max_redirects = 0
    return client


def _time_limit(end: float) -> dict[str, Any]:
    """Keyword arguments for a call of the client that must finish by `end` (time.monotonic)."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    left = max(end - time.monotonic(), 0.001)
    return {"timeout": left, "retry": DEFAULT_RETRY.with_timeout(left)}


@contextmanager
def _translate_errors(uri: str, timeout: float) -> Iterator[None]:
    """Turn the errors of Google's client into a StorageError: one line that names `uri`."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException, Timeout

    try:
        yield
    except (DefaultCredentialsError, RefreshError) as error:
        raise StorageError(
            f"{uri}: no valid Google credentials; {CREDENTIALS_ADVICE}", 502
        ) from error
    except (TimeoutError, Timeout, RetryError) as error:
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        raise StorageError(f"{uri}: not finished within {timeout:g} s{cause}", 504) from error
    except GoogleAPICallError as error:
        raise _status_error(uri, error.code or 502) from error
    except DataCorruption as error:
        raise StorageError(
            f"{uri}: the download is damaged (wrong checksum); try again", 502
        ) from error
    except (RequestException, TransportError, ConnectionError) as error:
        cause = f"Google Cloud Storage cannot be reached ({type(error).__name__})"
        raise StorageError(f"{uri}: {cause}; check the network and try again", 502) from error


def _status_error(uri: str, code: int) -> StorageError:
    """The error for a response of Cloud Storage with a status other than success."""
    if code == HTTPStatus.NOT_FOUND:
        return StorageError(f"{uri}: there is no such object, or no such bucket", code)
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = "give the account in use the role Storage Object User (or Viewer, to read)"
        return StorageError(f"{uri}: not allowed ({code}); {advice} on the bucket", 403)
    return StorageError(f"{uri}: Google Cloud Storage answered with status {code}", 502)


def _without_media_link(blob: Blob) -> Blob:
    """The same generation of an object, without the download URL from its metadata.

    The client would download from that URL, whatever host it names.
    """
    return blob.bucket.blob(blob.name, generation=blob.generation)


def _relative_name(blob: Blob, prefix: str) -> str:
    """The name of an object below `prefix`, checked because it becomes the path of a file."""
    name = blob.name.removeprefix(f"{prefix}/")
    _check_parts(f"gs://{blob.bucket.name}/{blob.name}", name)
    return name


def _split_prefix(prefix: str) -> tuple[str, ...]:
    """The bucket and the path segments of a prefix."""
    bare = prefix.removesuffix("/")
    if _BUCKET_NAME.fullmatch(bare.removeprefix("gs://")) and bare.startswith("gs://"):
        return (bare.removeprefix("gs://"),)
    bucket, name = split_uri(bare)
    return (bucket, *name.split("/"))


def _check_parts(uri: str, name: str) -> None:
    if not name.isprintable() or _FORBIDDEN_CHARACTERS & set(name):
        expected = "? # \\ and unprintable characters are not allowed in names"
        raise StorageError(f"{_printable(uri)}: {expected}")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise StorageError(f"{_printable(uri)}: empty parts, . and .. are not allowed in names")


def _printable(uri: str, max_characters: int = 120) -> str:
    """Any text as a short ASCII literal, for an error message of one line."""
    text = ascii(uri)
    return text if len(text) <= max_characters else f"{text[:max_characters]}..."
