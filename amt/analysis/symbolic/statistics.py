"""Statistics of a note table: pitch classes, intervals, range, density, dynamics, pedalling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, PITCH_CLASSES
from amt.analysis.spelling import spell_pitch
from amt.analysis.symbolic.key import KeySpan, key_at
from amt.analysis.symbolic.skyline import skyline
from amt.notes import Notes, has_sustain, sustain_presses

# Larger intervals of the melody are counted as an octave.
MAX_INTERVAL = 12
# Notes over a shorter time have no density: it would not be finite.
MIN_SECONDS = 1e-6


@dataclass(frozen=True)
class Pitch:
    """A pitch by name (C4 is 60) and MIDI number."""

    name: str
    midi: int


@dataclass(frozen=True)
class Range:
    """Lowest and highest pitch, semitones between them, and the pitch with the most notes.

    Of several with equally many notes the one that sounds longest, then the lowest.
    """

    lowest: Pitch
    highest: Pitch
    semitones: int
    most_common: Pitch
    most_common_count: int


@dataclass(frozen=True)
class Density:
    """Notes per second, on average and in the densest second; mean and largest polyphony.

    Polyphony counts notes up to their offsets, without pedal; its mean leaves out silence.
    """

    notes_per_second: float
    most_in_a_second: int
    mean_polyphony: float
    most_polyphony: int


@dataclass(frozen=True)
class Dynamics:
    """Velocities: mean, standard deviation, 5th percentile (soft) and 95th percentile (loud)."""

    mean: float
    deviation: float
    soft: float
    loud: float


@dataclass(frozen=True)
class Pedalling:
    """Sustain pedal: presses, presses per minute, median duration (s), share of time it is down."""

    presses: int
    per_minute: float
    median_seconds: float
    down: float


def pitch_class_shares(notes: Notes) -> dict[str, float]:
    """Share of each pitch class, C to B, in the sounding time; without durations, in the notes."""
    if not len(notes):
        return {}
    seconds = notes.offset - notes.onset
    weights = seconds if seconds.sum() > 0 else np.ones(len(notes))
    shares = np.bincount(notes.pitch % OCTAVE, weights, OCTAVE) / weights.sum()
    return dict(zip(PITCH_CLASSES, shares.tolist(), strict=True))


def interval_counts(notes: Notes) -> dict[str, int]:
    """How often each interval occurs in the melody: -12 to 12 semitones, larger ones as octaves."""
    steps = np.diff(notes.pitch[skyline(notes)])
    interval, count = np.unique(np.clip(steps, -MAX_INTERVAL, MAX_INTERVAL), return_counts=True)
    return {str(step): int(times) for step, times in zip(interval, count, strict=True)}


def pitch_range(notes: Notes, key: str | None = None, keys: Sequence[KeySpan] = ()) -> Range | None:
    """Range and most common pitch; None without notes.

    The most common pitch is spelled by `key`, that of the piece, the others by the key in `keys`
    when they first sound.
    """
    if not len(notes):
        return None
    low, high = int(notes.pitch.min()), int(notes.pitch.max())
    counts = np.bincount(notes.pitch)
    sounding = np.bincount(notes.pitch, notes.offset - notes.onset)
    common = int(np.lexsort((-sounding, -counts))[0])
    lowest, highest = (
        Pitch(spell_pitch(pitch, key_at(keys, _first_onset(notes, pitch))), pitch)
        for pitch in (low, high)
    )
    most_common = Pitch(spell_pitch(common, key), common)
    return Range(lowest, highest, high - low, most_common, int(counts[common]))


def _first_onset(notes: Notes, pitch: int) -> float:
    return float(notes.onset[notes.pitch == pitch][0])


def note_density(notes: Notes) -> Density | None:
    """Density and polyphony; None where the notes have no duration."""
    if not len(notes) or notes.end - notes.onset[0] < MIN_SECONDS:
        return None
    in_next_second = np.searchsorted(notes.onset, notes.onset + 1) - np.arange(len(notes))
    times = np.concatenate([notes.offset, notes.onset])
    change = np.repeat([-1, 1], len(notes))
    order = np.lexsort((change, times))
    sounding = np.cumsum(change[order])[:-1]
    seconds = np.diff(times[order])
    not_silent = seconds[sounding > 0].sum()
    return Density(
        len(notes) / (notes.end - float(notes.onset[0])),
        int(in_next_second.max()),
        float((sounding * seconds).sum() / not_silent) if not_silent > 0 else 0.0,
        int(sounding.max(initial=0)),
    )


def dynamics(notes: Notes) -> Dynamics | None:
    """Statistics of the velocities; None without notes."""
    if not len(notes):
        return None
    soft, loud = np.percentile(notes.velocity, (5, 95)).tolist()
    return Dynamics(float(notes.velocity.mean()), float(notes.velocity.std()), soft, loud)


def pedal_usage(notes: Notes) -> Pedalling | None:
    """Use of the sustain pedal; None without pedal data, notes or duration."""
    if not has_sustain(notes) or not len(notes) or notes.end - notes.onset[0] < MIN_SECONDS:
        return None
    presses = sustain_presses(notes)
    duration = presses[:, 1] - presses[:, 0]
    start, stop = float(notes.onset[0]), notes.end
    inside = np.clip(presses, start, stop)
    return Pedalling(
        len(presses),
        60 * len(presses) / (stop - start),
        float(np.median(duration)) if len(duration) else 0.0,
        float((inside[:, 1] - inside[:, 0]).sum() / (stop - start)),
    )
