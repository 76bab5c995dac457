"""Keep the stored recordings within their limits: number, size and age."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from amt.app.corrections import FOLDER as CORRECTIONS
from amt.app.recordings import FOLDER, RECORD, Recording, Recordings, folders
from amt.app.results import FOLDER as RESULTS
from amt.app.settings import AppSettings
from amt.cloud.lake import StorageError
from amt.serving.settings import variable_name

_CORRECTED = re.compile(r"/notes-[1-9][^/]*$")
_COUNTED = (FOLDER, RESULTS, CORRECTIONS)
# Listings of a lake are used so long; what is written meanwhile is added.
_LISTING_SECONDS = 60.0
# Files without a record for so long are of an upload, or a deletion, that was not finished.
_UNFINISHED = timedelta(hours=1)


@dataclass(frozen=True)
class _Kept:
    """A stored recording: size of its files in bytes, and when it was uploaded."""

    owner: str
    id: str
    size: int
    since: datetime
    corrected: bool
    complete: bool


class Room:
    """Makes room for new recordings. Its methods wait for the lake: call them in a worker thread.

    is_active: whether a recording, by its id, is waiting or being transcribed; those stay.
    """

    def __init__(
        self, recordings: Recordings, settings: AppSettings, is_active: Callable[[str], bool]
    ) -> None:
        self.recordings = recordings
        self.settings = settings
        self.is_active = is_active
        self._lock = threading.Lock()
        self._listed = -_LISTING_SECONDS
        self._size = 0

    def remove_old(self) -> None:
        """Remove recordings beyond their age, and what is left of unfinished uploads."""
        now = datetime.now(UTC)
        for kept in self._kept():
            age = now - kept.since
            too_old = age > timedelta(days=self.settings.max_days) and self._may_go(kept)
            if too_old or (not kept.complete and age > _UNFINISHED):
                self.recordings.delete(kept.owner, kept.id)

    def make_for_recording(
        self, owner: str, size: int, keep: Collection[str] = ()
    ) -> list[Recording]:
        """Make room for one more recording of an owner, of `size` bytes.

        The oldest ones without corrections are removed, but not those whose ids are in `keep`.
        Returns the removed ones of this owner. Raises StorageError (507) if there is still no room.
        """
        with self._lock:
            own = self._kept(owner)
            surplus = len(own) + 1 - self.settings.max_recordings
            oldest = [kept for kept in own if self._may_go(kept, keep)][: max(surplus, 0)]
            if len(oldest) < surplus:
                text = f"{len(own)} recordings are stored, and all of them in use or corrected"
                raise StorageError(f"{text}; delete some of them first", 507)
            removed = [self._remove(kept) for kept in oldest] + self._make(size, keep)
        return [one for one in removed if one is not None and one.owner == owner]

    def make(self, size: int, keep: Collection[str] = ()) -> None:
        """Make room for `size` bytes, as `make_for_recording` does."""
        with self._lock:
            self._make(size, keep)

    def _make(self, size: int, keep: Collection[str]) -> list[Recording | None]:
        removed = []
        limit = self.settings.max_stored_bytes
        if self._used() + size > limit:
            for kept in self._kept():
                if self._size + size > limit and self._may_go(kept, keep):
                    removed.append(self._remove(kept))
        if self._size + size > limit:
            name = variable_name("max_stored_bytes")
            text = f"no room for {size:,} bytes: {self._size:,} of {limit:,} ({name}) are in use"
            raise StorageError(text, 507)
        self._size += size
        return removed

    def _used(self) -> int:
        """The size of everything that clients have stored, in bytes."""
        if time.monotonic() - self._listed > _LISTING_SECONDS:
            lists = (self.recordings.lake.list(f"{folder}/") for folder in _COUNTED)
            self._size = sum(stored.size for found in lists for stored in found)
            self._listed = time.monotonic()
        return self._size

    def _may_go(self, kept: _Kept, keep: Collection[str] = ()) -> bool:
        in_use = kept.id in keep or self.is_active(kept.id)
        return kept.complete and not kept.corrected and not in_use

    def _remove(self, kept: _Kept) -> Recording | None:
        """Delete a recording, and return what it was."""
        recording = self.recordings.get(kept.owner, kept.id)
        self.recordings.delete(kept.owner, kept.id)
        self._size -= kept.size
        return recording

    def _kept(self, owner: str = "") -> list[_Kept]:
        """The recordings of an owner, or of all, the oldest first."""
        prefix = f"{FOLDER}/{owner}/" if owner else f"{FOLDER}/"
        found = []
        for name, id, files in folders(self.recordings.lake.list(prefix)):
            since = min(stored.updated for stored in files)
            corrected = any(_CORRECTED.search(stored.name) for stored in files)
            complete = any(stored.name.endswith(f"/{RECORD}") for stored in files)
            size = sum(stored.size for stored in files)
            found.append(_Kept(name, id, size, since, corrected, complete))
        return sorted(found, key=lambda kept: kept.since)
