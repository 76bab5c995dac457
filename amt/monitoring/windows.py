"""Successive windows of what was logged, each compared with a reference profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from amt.monitoring.comparison import MIN_WINDOW, Comparison, Verdict, compare, counts
from amt.monitoring.entries import Entry
from amt.monitoring.profile import Profile


@dataclass(frozen=True)
class Window:
    """A window: the times of its first and last entry, and its comparison."""

    begin: datetime
    end: datetime
    comparison: Comparison


@dataclass(frozen=True)
class Drift:
    """Windows of one model's recordings against its profile, oldest first."""

    profile: Profile
    windows: tuple[Window, ...]

    @property
    def newest(self) -> Window:
        """The last window."""
        return self.windows[-1]

    @property
    def verdict(self) -> Verdict:
        """That of the newest window."""
        return self.newest.comparison.verdict


def compare_windows(profile: Profile, entries: Sequence[Entry], size: int) -> Drift:
    """Compare windows of `size` entries, counted back from the newest, which is always full.

    entries: recordings and rejected inputs, sorted by time. Fewer than `size` are one window; the
    rest at the beginning is one if it has MIN_WINDOW. Raises ValueError if there are fewer in all,
    or `size` is too small.
    """
    if size < MIN_WINDOW:
        raise ValueError(f"--window {size}: expected at least {MIN_WINDOW} inputs")
    if len(entries) < MIN_WINDOW:
        rejected = sum(entry.numbers is None for entry in entries)
        found = f"{profile.model}: {counts(len(entries) - rejected, rejected)}"
        expected = f"expected at least {MIN_WINDOW} in all"
        raise ValueError(f"{found}: {expected}; log more, or see --since")
    ends = range(len(entries), 0, -size)
    parts = [entries[max(end - size, 0) : end] for end in ends]
    parts = [part for part in parts if len(part) >= MIN_WINDOW][::-1]
    return Drift(profile, tuple(_window(profile, part, len(parts)) for part in parts))


def _window(profile: Profile, entries: Sequence[Entry], windows: int) -> Window:
    numbers = [entry.numbers for entry in entries if entry.numbers is not None]
    comparison = compare(profile, numbers, len(entries) - len(numbers), windows)
    return Window(entries[0].time, entries[-1].time, comparison)
