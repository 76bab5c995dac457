"""Made-up numbers of recordings, entries and a profile, for tests that need no audio."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from amt.monitoring.entries import Entry
from amt.monitoring.numbers import RecordingNumbers
from amt.monitoring.profile import Profile, make_profile

START = datetime(2026, 3, 1, tzinfo=UTC)


def recordings(count: int, seed: int = 0, **changes: Any) -> list[RecordingNumbers]:
    """Recordings with random numbers, some of which are replaced in all of them."""
    rng = np.random.default_rng(seed)
    return [replace(_recording(rng), **changes) for _ in range(count)]


def quieter(found: list[RecordingNumbers], db: float) -> list[RecordingNumbers]:
    """The same at a lower level."""
    return [replace(n, level_db=n.level_db - db, peak_db=n.peak_db - db) for n in found]


def f1_of(numbers: RecordingNumbers) -> float:
    """The note F1 that these recordings have: less than the posteriors expect."""
    assert numbers.expected_f1 is not None
    return numbers.expected_f1 - 0.1


def profile(count: int = 120, model: str = "base", **options: Any) -> Profile:
    """A profile of such recordings, whose F1 is known."""
    found = recordings(count, seed=99)
    return make_profile(found, model, "1", "made up", [f1_of(n) for n in found], **options)


def entries(found: list[RecordingNumbers], model: str = "base", rejected: int = 0) -> list[Entry]:
    """One an hour; the last ones were rejected."""
    times = (START + timedelta(hours=hour) for hour in range(len(found) + rejected))
    values = [*found, *[None] * rejected]
    return [
        Entry(time, model, "1", numbers, "" if numbers else "not_audio")
        for time, numbers in zip(times, values, strict=True)
    ]


def _recording(rng: np.random.Generator) -> RecordingNumbers:
    level, certainty = rng.normal(-28, 4), rng.uniform(0.7, 0.95)
    keys = np.clip(rng.normal(44, 12, 200), 0, 87).astype(int)
    velocities = np.clip(rng.normal(8, 2, 200), 0, 15).astype(int)
    return RecordingNumbers(
        seconds=rng.uniform(30, 300),
        level_db=level,
        peak_db=level + rng.uniform(12, 20),
        noise_db=rng.normal(-60, 5),
        bandwidth_hz=rng.uniform(5000, 8000),
        tuning_cents=rng.normal(0, 6),
        tuning_clarity=rng.uniform(0.6, 0.8),
        reverberation_s=rng.uniform(0.6, 1.2),
        notes_per_second=rng.uniform(3, 12),
        polyphony=rng.uniform(2, 6),
        pedal=rng.uniform(0.2, 0.9),
        onset_certainty=certainty,
        uncertain_onsets=1 - certainty,
        expected_f1=certainty + rng.normal(0, 0.01),
        frame_certainty=rng.uniform(0.6, 0.8),
        warnings=0,
        pitches=tuple(np.bincount(keys, minlength=88).tolist()),
        velocities=tuple(np.bincount(velocities, minlength=16).tolist()),
    )
