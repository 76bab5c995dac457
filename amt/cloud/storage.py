"""Google Cloud Storage: which objects may be read, reading one, folders there and back.

Reading follows no redirect, and no address that an answer names. The client of Google is imported
where it is used, reads its credentials from the environment, and asks an emulator where
STORAGE_EMULATOR_HOST names one.
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

SETTING = "AMT_ALLOWED_URIS"
EXPECTED = "expected gs://BUCKET/NAME"
# https://cloud.google.com/storage/docs/buckets#naming and .../objects#naming
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
MOST_NAME_BYTES = 1024
# What ends a name in addresses of the web, or parts it on Windows: legal in names, but risky.
REFUSED = frozenset("?#\\")
LOG_IN = (
    "type `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to the "
    "key file of a service account"
)


class StorageError(ValueError):
    """An object or folder that cannot be had; the message is one line.

    `status` is the HTTP status that tells a client of ours the same.
    """

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = int(status)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and name of an object: gs://bucket/a/b is bucket and a/b. Raises StorageError.

    Refused are names with empty parts, `.`, `..`, `?`, `#`, backslashes and whatever cannot be
    printed, since not everything that names pass through reads those alike.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, name = rest.partition("/")
    if scheme != "gs" or not BUCKET.fullmatch(bucket) or not name:
        raise StorageError(f"{_shown(uri)}: {EXPECTED}")
    if len(name.encode("utf-8", "replace")) > MOST_NAME_BYTES:
        raise StorageError(f"{_shown(uri)}: its name has more than {MOST_NAME_BYTES} bytes")
    _check_parts(uri, name)
    return bucket, name


@dataclass(frozen=True)
class Allowed:
    """What may be read: prefixes like gs://bucket/recordings/, or gs://bucket for all in it.

    They match on whole segments, and none allows nothing. Raises StorageError for another form.
    """

    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            _parts_of_prefix(prefix)

    def check(self, uri: str) -> None:
        """Raises StorageError for an object that no prefix allows, or an URI of another form."""
        bucket, name = split_uri(uri)
        parts = (bucket, *name.split("/"))
        allowed = map(_parts_of_prefix, self.prefixes)
        if not any(parts[: len(prefix)] == prefix for prefix in allowed):
            known = ", ".join(self.prefixes) or "nothing"
            advice = (
                f"may not be read here ({SETTING} allows {known}); whoever runs this can add it"
            )
            raise StorageError(f"{uri}: {advice}", HTTPStatus.FORBIDDEN)


def read_object(uri: str, most_bytes: int, timeout: float) -> bytes:
    """An object of at most `most_bytes`, within about `timeout` seconds, all retries included.

    Its size is asked for first and counted while it arrives, after decompression where it is stored
    compressed; its checksum is compared. Raises StorageError.
    """
    bucket, name = split_uri(uri)
    end = time.monotonic() + timeout
    with _told(uri, timeout):
        blob = _client().bucket(bucket).blob(name)
        blob.reload(**_until(end))
        received = _Limited(uri, most_bytes, end)
        received.check(blob.size or 0)
        _by_name(blob).download_to_file(received, **_until(end))
    return received.bytes.getvalue()


def fetch_folder(uri: str, folder: Path | str, timeout: float = 600.0) -> Path:
    """All objects below `uri` as files of `folder`, which appears whole or not at all.

    Raises StorageError, also where nothing is below `uri`; FileExistsError where `folder` holds
    something already.
    """
    bucket, prefix = split_uri(uri.rstrip("/"))
    end = time.monotonic() + timeout
    with _told(uri, timeout), atomic_write_folder(folder) as temporary:
        blobs = _client().list_blobs(bucket, prefix=f"{prefix}/", **_until(end))
        files = {_relative(blob, prefix): blob for blob in blobs if not blob.name.endswith("/")}
        if not files:
            raise StorageError(f"{uri}: nothing is there", HTTPStatus.NOT_FOUND)
        for name, blob in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _by_name(blob).download_to_filename(path, **_until(end))
    return Path(folder)


def upload_folder(folder: Path | str, uri: str, timeout: float = 600.0) -> list[str]:
    """Write all files of `folder` below `uri`, and return where they are. Raises StorageError."""
    folder, (bucket, prefix) = Path(folder), split_uri(uri.rstrip("/"))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise StorageError(f"{folder}: expected a folder with files in it")
    names = [f"{prefix}/{path.relative_to(folder).as_posix()}" for path in paths]
    end = time.monotonic() + timeout
    with _told(uri, timeout):
        target = _client().bucket(bucket)
        for path, name in zip(paths, names, strict=True):
            target.blob(name).upload_from_filename(path, **_until(end))
    return [f"gs://{bucket}/{name}" for name in names]


class _Limited:
    """What a download writes to: it ends one that grows too large or takes too long."""

    def __init__(self, uri: str, most: int, end: float) -> None:
        self.uri, self.most, self.end = uri, most, end
        self.bytes = io.BytesIO()

    def write(self, piece: bytes) -> int:
        self.check(self.bytes.tell() + len(piece))
        if time.monotonic() > self.end:
            raise TimeoutError
        return self.bytes.write(piece)

    def seek(self, position: int) -> int:
        return self.bytes.seek(position)

    def check(self, size: int) -> None:
        if size > self.most:
            raise StorageError(
                f"{self.uri}: larger than the {self.most} bytes that are read at most",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )


def _client() -> Client:
    return _client_of(os.environ.get("STORAGE_EMULATOR_HOST"))


@lru_cache(maxsize=1)
def _client_of(emulator: str | None) -> Client:
    """One for all requests, since to find credentials takes time; another if the host changes."""
    from google.cloud.storage import Client

    # Else it asks, in the background, for the bucket's own settings, which who may read objects may
    # not see; only traces would use them.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    client = Client(project=None)  # Objects have buckets; a project would only be demanded.
    client._http.max_redirects = 0
    return client


def _until(end: float) -> dict[str, Any]:
    """Arguments of the client's methods that end them at `end`."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    left = max(end - time.monotonic(), 0.001)
    return {"timeout": left, "retry": DEFAULT_RETRY.with_timeout(left)}


@contextmanager
def _told(uri: str, timeout: float) -> Iterator[None]:
    """What goes wrong in the client, in one line about `uri`."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException, Timeout

    try:
        yield
    except (DefaultCredentialsError, RefreshError) as error:
        raise StorageError(f"{uri}: no valid Google credentials; {LOG_IN}", 502) from error
    except (TimeoutError, Timeout, RetryError) as error:
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        raise StorageError(f"{uri}: not done within {timeout:g} s{cause}", 504) from error
    except GoogleAPICallError as error:
        raise _refusal(uri, error.code or 502) from error
    except DataCorruption as error:
        raise StorageError(f"{uri}: it arrived damaged; try again", 502) from error
    except (RequestException, TransportError, ConnectionError) as error:
        trouble = f"Google Cloud Storage cannot be reached ({type(error).__name__})"
        raise StorageError(f"{uri}: {trouble}; see to the network and try again", 502) from error


def _refusal(uri: str, code: int) -> StorageError:
    """The error for an answer of Cloud Storage other than success."""
    if code == HTTPStatus.NOT_FOUND:
        return StorageError(f"{uri}: there is no such object, or no such bucket", code)
    if code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        advice = "give the account that asks the role Storage Object User (or Viewer, to read)"
        return StorageError(f"{uri}: not allowed ({code}); {advice} on its bucket", 403)
    return StorageError(f"{uri}: Google Cloud Storage answered with status {code}", 502)


def _by_name(blob: Blob) -> Blob:
    """The same object, as it was when it was described, without the address in the description:
    the client would ask there, whatever address it is.
    """
    return blob.bucket.blob(blob.name, generation=blob.generation)


def _relative(blob: Blob, prefix: str) -> str:
    """The path of an object below `prefix`, checked: it becomes a file's."""
    name = blob.name.removeprefix(f"{prefix}/")
    _check_parts(f"gs://{blob.bucket.name}/{blob.name}", name)
    return name


def _parts_of_prefix(prefix: str) -> tuple[str, ...]:
    """The bucket and the segments of a prefix."""
    bare = prefix.removesuffix("/")
    if BUCKET.fullmatch(bare.removeprefix("gs://")) and bare.startswith("gs://"):
        return (bare.removeprefix("gs://"),)
    bucket, name = split_uri(bare)
    return (bucket, *name.split("/"))


def _check_parts(uri: str, name: str) -> None:
    if not name.isprintable() or REFUSED & set(name):
        raise StorageError(f"{_shown(uri)}: ? # \\ and what cannot be printed are no part of names")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise StorageError(f"{_shown(uri)}: empty parts, . and .. are no part of names")


def _shown(uri: str, most: int = 120) -> str:
    """An URI that may be anything, for a message of one line."""
    shown = ascii(uri)
    return shown if len(shown) <= most else f"{shown[:most]}..."
