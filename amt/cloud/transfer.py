"""Contents from and to Cloud Storage: checksums verified, files whole or not at all, large ones in
parts at the same time.
"""

from __future__ import annotations

import base64
import io
import mimetypes
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import google_crc32c

from amt.cloud.gcs import limits
from amt.cloud.objects import StorageError, too_large
from amt.io.atomic import atomic_write

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Bucket

T = TypeVar("T")

# Files of at least two parts are sent and fetched in parts of so many bytes, so many at a time.
PART_BYTES = 32 << 20
PARTS_AT_A_TIME = 8
# A damaged download is repeated, at most so often in all.
_ATTEMPTS = 3
# An object may be replaced between the requests for its metadata and for its content, at most so
# often.
_REPLACEMENTS = 5
_BLOCK = 1 << 20
# Custom metadata that tells whether an object is the one that this process sent.
_SENT = "amt-sent"


def newest(bucket: Bucket, name: str, use: Callable[[Blob], T], end: float | None = None) -> T:
    """The result of `use` on an object with its metadata; again where it was replaced before its
    content arrived.

    The content is asked for by the generation of the metadata, so that both are of one write. `end`
    (time.monotonic) may limit the time. Raises NotFound, of Google's client, if there is no such
    object.
    """
    from google.api_core.exceptions import NotFound

    for attempt in range(_REPLACEMENTS):
        blob = bucket.blob(name)
        blob.reload(**limits(end))
        try:
            return use(blob)
        except NotFound:
            if attempt == _REPLACEMENTS - 1:
                raise
    raise AssertionError("unreachable")


def read_blob(blob: Blob, uri: str, max_bytes: int | None, end: float | None = None) -> bytes:
    """The content of an object whose metadata is loaded; `end` (time.monotonic) may limit the time.

    Its size is checked before the download and again while bytes arrive (after decompression, if
    the object is stored with gzip encoding). Raises StorageError and errors of Google's client.
    """
    received = _LimitedBuffer(uri, max_bytes, end)
    received.check(blob.size or 0)
    source = _without_media_link(blob)

    def fetch() -> str:
        received.clear()
        source.download_to_file(received, **limits(end))
        return crc32c(received.bytes.getvalue())

    _verified(fetch, blob)
    return received.bytes.getvalue()


def download_blob(blob: Blob, path: Path) -> Path:
    """Download an object whose metadata is loaded into a file, whole or not at all.

    Raises OSError and errors of Google's client.
    """
    from google.cloud.storage import transfer_manager

    source = _without_media_link(blob)

    def fetch() -> str:
        if (blob.size or 0) < 2 * PART_BYTES or blob.content_encoding:
            source.download_to_filename(temporary, **limits())
        else:
            # Threads, although the library advises processes: forking this process is not safe.
            transfer_manager.download_chunks_concurrently(
                source,
                temporary,
                chunk_size=PART_BYTES,
                download_kwargs=limits(),
                worker_type=transfer_manager.THREAD,
                max_workers=PARTS_AT_A_TIME,
            )
        return file_crc32c(temporary)

    with atomic_write(path) as temporary:
        _verified(fetch, blob)
    return path


def upload_bytes(data: bytes, blob: Blob, if_generation: int | None) -> None:
    """Write `data` as the object `blob`, whole or not at all, and load its metadata.

    Raises errors of Google's client; PreconditionFailed, if its generation is not `if_generation`.
    """
    with _answer_may_be_lost(blob):
        blob.upload_from_string(
            data,
            content_type=_content_type(blob.name),
            if_generation_match=if_generation,
            checksum="crc32c",
            **limits(),
        )


def upload_file(path: Path, blob: Blob) -> None:
    """Write a file as the object `blob`, whole or not at all, and load its metadata.

    Raises OSError, StorageError and errors of Google's client.
    """
    from google.cloud.storage import transfer_manager

    sent, kind = file_crc32c(path), _content_type(blob.name)
    with _answer_may_be_lost(blob):
        if path.stat().st_size < 2 * PART_BYTES:
            blob.upload_from_filename(path, content_type=kind, checksum="crc32c", **limits())
        else:
            transfer_manager.upload_chunks_concurrently(
                str(path),
                blob,
                content_type=kind,
                chunk_size=PART_BYTES,
                worker_type=transfer_manager.THREAD,
                max_workers=PARTS_AT_A_TIME,
                checksum="crc32c",
                **limits(),
            )
            blob.reload(**limits())
    if blob.crc32c != sent:
        raise StorageError(f"{path}: was changed while it was uploaded; upload it again")


def crc32c(data: bytes) -> str:
    """The CRC32C of `data` as Cloud Storage writes it: big-endian, base64."""
    return _base64(google_crc32c.Checksum(data))


def file_crc32c(path: Path) -> str:
    """The CRC32C of a file as Cloud Storage writes it."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum.update(block)
    return _base64(checksum)


def _base64(checksum: google_crc32c.Checksum) -> str:
    return base64.b64encode(checksum.digest()).decode("ascii")


def _verified(fetch: Callable[[], str], blob: Blob) -> None:
    """Download by `fetch`, which returns the CRC32C of what arrived; again if it is damaged.

    The library verifies no download that it continued after an interruption.
    """
    from google.cloud.storage.exceptions import DataCorruption

    for attempt in range(_ATTEMPTS):
        try:
            arrived = fetch()
        except DataCorruption:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        # The checksum of an object stored with gzip encoding is that of the packed bytes.
        if blob.content_encoding or blob.crc32c in (None, arrived):
            return
    raise DataCorruption(None, f"{blob.name}: expected CRC32C {blob.crc32c}, got {arrived}")


@contextmanager
def _answer_may_be_lost(blob: Blob) -> Iterator[None]:
    """Ignore the error of an upload that succeeded.

    When the answer is lost, the library sends again, and the second time is refused: the object has
    a new generation, or the upload is finished.
    """
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud.storage.exceptions import InvalidResponse

    mark = {_SENT: uuid.uuid4().hex}
    blob.metadata = mark
    try:
        yield
    except (GoogleAPICallError, InvalidResponse) as error:
        present = blob.bucket.get_blob(blob.name, **limits())
        if present is None or present.metadata != mark:
            raise error
        blob.reload(**limits())


def _without_media_link(blob: Blob) -> Blob:
    """The same generation of an object, without the download URL from its metadata.

    The client would download from that URL, whatever host it names.
    """
    source = blob.bucket.blob(blob.name, generation=blob.generation)
    known = {key: value for key, value in blob._properties.items() if key != "mediaLink"}
    source._set_properties(known)
    return source


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


class _LimitedBuffer:
    """The file object of a download; it raises when the download is too large or too slow."""

    def __init__(self, uri: str, max_bytes: int | None, end: float | None) -> None:
        self.uri, self.max_bytes, self.end = uri, max_bytes, end
        self.bytes = io.BytesIO()

    def clear(self) -> None:
        self.bytes = io.BytesIO()

    def write(self, block: bytes) -> int:
        self.check(self.bytes.tell() + len(block))
        if self.end is not None and time.monotonic() > self.end:
            raise TimeoutError
        return self.bytes.write(block)

    def seek(self, position: int) -> int:
        return self.bytes.seek(position)

    def check(self, size: int) -> None:
        if self.max_bytes is not None and size > self.max_bytes:
            raise too_large(self.uri, self.max_bytes)
