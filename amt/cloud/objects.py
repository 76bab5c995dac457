"""Objects of Cloud Storage and of folders used like it: their names, properties and errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

ALLOWED_URIS_VARIABLE = "AMT_ALLOWED_URIS"
SCHEME = "gs://"
# https://cloud.google.com/storage/docs/buckets#naming and .../objects#naming
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_MAX_NAME_BYTES = 1024
# Cloud Storage allows these in object names, but in a URL or on Windows they end or split a path.
_FORBIDDEN_CHARACTERS = frozenset("?#\\")


class StorageError(ValueError):
    """An object or folder that cannot be read or written; the message is one line.

    `status`: the HTTP status with which our server reports this error to its client.
    """

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = int(status)


@dataclass(frozen=True)
class Stored:
    """The properties of a stored object.

    size: in bytes. updated: time of the last write, UTC. generation: another number after every
    write. checksum: returns `crc32c`; of a file on the disk it is computed when it is asked for.
    """

    name: str
    size: int
    updated: datetime
    generation: int
    checksum: Callable[[], str] = field(repr=False, compare=False)

    @property
    def crc32c(self) -> str:
        """The CRC32C of the content, big-endian, in base64, as Cloud Storage gives it."""
        return self.checksum()


def split_uri(uri: str) -> tuple[str, str]:
    """Split gs://bucket/a/b into the bucket and the object name a/b. Raises StorageError.

    Names with empty parts, `.`, `..`, `?`, `#`, backslashes or unprintable characters are rejected:
    URL parsers, file systems and Cloud Storage do not interpret them in the same way.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, name = rest.partition("/")
    if scheme != "gs" or not _BUCKET_NAME.fullmatch(bucket) or not name:
        raise StorageError(f"{printable(uri)}: expected gs://BUCKET/NAME")
    check_name(name, uri)
    return bucket, name


def split_place(uri: str) -> tuple[str, str]:
    """Split gs://bucket/a/b or gs://bucket, with or without a slash at the end.

    Returns the bucket and the prefix of the names, which may be empty. Raises StorageError.
    """
    bucket, _, prefix = uri.removeprefix(SCHEME).removesuffix("/").partition("/")
    if not is_bucket_uri(uri) or not _BUCKET_NAME.fullmatch(bucket):
        raise StorageError(f"{printable(uri)}: expected gs://BUCKET or gs://BUCKET/PREFIX")
    if prefix:
        check_name(prefix, uri)
    return bucket, prefix


def is_bucket_uri(place: object) -> bool:
    """Whether `place` is meant for Cloud Storage: gs://..."""
    return isinstance(place, str) and place.startswith(SCHEME)


def check_name(name: str, uri: str) -> None:
    """Raise StorageError, which names `uri`, where a name is not allowed; see `split_uri`."""
    if not name.isprintable() or _FORBIDDEN_CHARACTERS & set(name):
        expected = "? # \\ and unprintable characters are not allowed in names"
        raise StorageError(f"{printable(uri)}: {expected}")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise StorageError(f"{printable(uri)}: empty parts, . and .. are not allowed in names")
    if len(name.encode("utf-8", "replace")) > _MAX_NAME_BYTES:
        raise StorageError(
            f"{printable(uri)}: the object name is longer than {_MAX_NAME_BYTES} bytes"
        )


def is_name(name: str) -> bool:
    """Whether `check_name` accepts a name."""
    try:
        check_name(name, name)
    except StorageError:
        return False
    return True


def too_large(uri: str, max_bytes: int) -> StorageError:
    """The error for an object of more than `max_bytes`."""
    text = f"{uri}: larger than the {max_bytes} bytes that are read at most"
    return StorageError(text, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def missing(uri: str) -> StorageError:
    """The error for an object that does not exist, in a place that does."""
    return StorageError(f"{uri}: there is no such object", HTTPStatus.NOT_FOUND)


def changed(uri: str, if_generation: int | None) -> StorageError:
    """The error for a write on condition of a generation that is not the present one."""
    text = "exists already" if if_generation == 0 else "was changed since it was read; read again"
    return StorageError(f"{uri}: {text}", HTTPStatus.PRECONDITION_FAILED)


@dataclass(frozen=True)
class AllowedPrefixes:
    """The objects that may be read, as prefixes: gs://bucket/recordings/, or gs://bucket for all.

    A prefix matches whole path segments: gs://b/rec does not allow gs://b/recordings/a.wav. Without
    prefixes nothing may be read. Raises StorageError for a malformed prefix.
    """

    prefixes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for prefix in self.prefixes:
            split_place(prefix)

    def check(self, uri: str) -> None:
        """Raise StorageError if no prefix allows this object, or the URI is malformed."""
        parts = _segments(*split_uri(uri))
        prefixes = (_segments(*split_place(prefix)) for prefix in self.prefixes)
        if not any(parts[: len(prefix)] == prefix for prefix in prefixes):
            allowed = ", ".join(self.prefixes) or "nothing"
            advice = "the operator of this server can add it"
            text = f"may not be read here ({ALLOWED_URIS_VARIABLE} allows {allowed}); {advice}"
            raise StorageError(f"{uri}: {text}", HTTPStatus.FORBIDDEN)


def _segments(bucket: str, name: str) -> tuple[str, ...]:
    return (bucket, *(name.split("/") if name else ()))


def printable(uri: str, max_characters: int = 120) -> str:
    """Any text as a short ASCII literal, for an error message of one line."""
    text = ascii(uri)
    return text if len(text) <= max_characters else f"{text[:max_characters]}..."
