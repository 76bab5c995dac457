"""A set that `amt prepare` decoded already, in a folder or on Cloud Storage."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from amt.cloud.objects import is_bucket_uri, split_place
from amt.data.manifest import MANIFEST, Root, read_manifest
from amt.data.pieces import SourceError, tidy_paths
from amt.data.streamed import StreamedSet
from amt.errors import FileWarning


@dataclass(frozen=True)
class Prepared:
    """The set in `place`: its folder, or gs://BUCKET/prepared/SET; nothing is decoded.

    streamed, max_gb: of a set on Cloud Storage, the folder for copies of the pieces that were read
    last, and how many GB these may have.
    """

    place: str
    streamed: str = "cache/streamed"
    max_gb: float = 50.0
    name: str = "prepared"

    def __post_init__(self) -> None:
        if not is_bucket_uri(self.place):
            object.__setattr__(self, "place", tidy_paths(self.place))
        elif not self.max_gb > 0:
            raise SourceError(f"data.streamed_gb={self.max_gb}: expected GB, more than 0")
        else:
            split_place(self.place)

    @property
    def cache(self) -> Root:
        """The set, as the functions of `amt.data.manifest` take it."""
        if is_bucket_uri(self.place):
            folder = Path(tidy_paths(self.streamed)).resolve()
            return StreamedSet(self.place.rstrip("/"), folder, round(self.max_gb * 1e9))
        return Path(self.place)

    def prepare(self) -> None:
        """Fetch the present manifest of a set on Cloud Storage. Raises StorageError, CacheError."""
        cache = self.cache
        if not isinstance(cache, StreamedSet):
            return
        cache.refresh(MANIFEST)
        size = sum(2 * entry.samples for entry in read_manifest(cache)) / 1e9
        if size > self.max_gb:
            text = (
                f"{self.place} has {size:.3g} GB, its copies in {self.streamed} may have "
                f"{self.max_gb:g}; pieces will be fetched again and again: raise data.streamed_gb"
            )
            warnings.warn(FileWarning(text), stacklevel=2)
