"""A lake in a bucket of Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from amt.cloud.gcs import client, limits, missing_bucket, translate_errors
from amt.cloud.objects import Stored, changed, is_name, missing, split_place, split_uri
from amt.cloud.transfer import download_blob, newest, read_blob, upload_bytes, upload_file

if TYPE_CHECKING:
    from google.cloud.storage import Blob

T = TypeVar("T")


class BucketLake:
    """The objects below gs://BUCKET/PREFIX. See `amt.cloud.lake.Lake`."""

    def __init__(self, uri: str) -> None:
        self.bucket, self.prefix = split_place(uri)
        self.uri = f"gs://{self.bucket}/{self.prefix}".removesuffix("/")

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        uri = self.object_uri(name)
        with self._reading(uri):
            return self._newest(name, lambda blob: read_blob(blob, uri, max_bytes))

    def write(self, name: str, data: bytes, if_generation: int | None = None) -> Stored:
        from google.api_core.exceptions import PreconditionFailed

        uri = self.object_uri(name)
        with self._writing(uri):
            blob = self._blob(name)
            try:
                upload_bytes(data, blob, if_generation)
            except PreconditionFailed as error:
                raise changed(uri, if_generation) from error
            return self._stored(blob)

    def stat(self, name: str) -> Stored | None:
        from google.api_core.exceptions import NotFound

        with self._reading(self.object_uri(name)):
            try:
                return self._newest(name, self._stored)
            except NotFound as error:
                if not self._is_known(error):
                    raise missing_bucket(self.bucket) from error
                return None

    def list(self, prefix: str = "") -> list[Stored]:
        return [self._stored(blob) for blob in self.blobs(prefix) if is_name(self.relative(blob))]

    def delete(self, name: str) -> None:
        from google.api_core.exceptions import NotFound

        with self._reading(self.object_uri(name)):
            try:
                self._blob(name).delete(**limits())
            except NotFound as error:
                if not self._is_known(error):
                    raise missing_bucket(self.bucket) from error

    def download(self, name: str, path: Path | str) -> Path:
        with self._reading(self.object_uri(name)):
            return self._newest(name, lambda blob: download_blob(blob, Path(path)))

    def upload(self, path: Path | str, name: str) -> Stored:
        with self._writing(self.object_uri(name)):
            blob = self._blob(name)
            upload_file(Path(path), blob)
            return self._stored(blob)

    def object_uri(self, name: str) -> str:
        uri = f"{self.uri}/{name}"
        split_uri(uri)
        return uri

    def blobs(self, prefix: str = "") -> Sequence[Blob]:
        """All objects whose names begin with `prefix`, as the client gives them, sorted by name.

        Without the empty objects by which the console marks folders. Raises StorageError.
        """
        from google.api_core.exceptions import NotFound

        whole = f"{self.prefix}/{prefix}" if self.prefix else prefix
        with translate_errors(f"gs://{self.bucket}/{whole}"):
            try:
                found = [*client().list_blobs(self.bucket, prefix=whole, **limits())]
            except NotFound as error:
                raise missing_bucket(self.bucket) from error
        files = [blob for blob in found if not blob.name.endswith("/")]
        return sorted(files, key=lambda blob: blob.name)

    def relative(self, blob: Blob) -> str:
        """The name of an object in this lake."""
        return blob.name.removeprefix(f"{self.prefix}/") if self.prefix else blob.name

    def _blob(self, name: str) -> Blob:
        _, whole = split_uri(self.object_uri(name))
        return client().bucket(self.bucket).blob(whole)

    def _newest(self, name: str, use: Callable[[Blob], T]) -> T:
        """See `newest`."""
        _, whole = split_uri(self.object_uri(name))
        return newest(client().bucket(self.bucket), whole, use)

    def _stored(self, blob: Blob) -> Stored:
        checksum = blob.crc32c
        return Stored(
            self.relative(blob), blob.size, blob.updated, blob.generation, lambda: checksum
        )

    @contextmanager
    def _reading(self, uri: str) -> Iterator[None]:
        from google.api_core.exceptions import NotFound

        with translate_errors(uri):
            try:
                yield
            except NotFound as error:
                known = self._is_known(error)
                raise (missing(uri) if known else missing_bucket(self.bucket)) from error

    @contextmanager
    def _writing(self, uri: str) -> Iterator[None]:
        from google.api_core.exceptions import NotFound

        with translate_errors(uri):
            try:
                yield
            except NotFound as error:
                raise missing_bucket(self.bucket) from error

    def _is_known(self, error: Exception) -> bool:
        """Whether the bucket exists, where an object does not."""
        from google.api_core.exceptions import NotFound

        # The answer of Cloud Storage; that of a HEAD request and of the emulator has no text.
        if "No such object" in str(error):
            return True
        try:
            next(iter(client().list_blobs(self.bucket, max_results=1, **limits())), None)
        except NotFound:
            return False
        return True
