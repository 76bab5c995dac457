"""What can be counted in a note table: pitches, intervals, range, density, dynamics, pedalling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.pitch import OCTAVE, PITCH_CLASSES, pitch_name
from amt.analysis.symbolic.skyline import skyline
from amt.notes import Notes, has_sustain, sustain_presses

# Intervals of the melody beyond an octave are counted with the octave.
WIDEST_INTERVAL = 12


@dataclass(frozen=True)
class Pitch:
    """A pitch as a name (C4 is 60) and as a MIDI number."""

    name: str
    midi: int


@dataclass(frozen=True)
class Range:
    """Lowest and highest note, the semitones between them, and the note struck most often.

    Of several that are struck equally often, the one that sounds longest, then the lowest.
    """

    lowest: Pitch
    highest: Pitch
    semitones: int
    most_common: Pitch
    most_common_count: int


@dataclass(frozen=True)
class Density:
    """Notes a second: over the whole, and in the fullest second; notes that sound at once, mean
    while anything sounds (of the keys, not the pedal), and at most."""

    notes_per_second: float
    most_in_a_second: int
    mean_polyphony: float
    most_polyphony: int


@dataclass(frozen=True)
class Dynamics:
    """Velocities: mean, deviation, and the 5th and 95th percentile (soft and loud)."""

    mean: float
    deviation: float
    soft: float
    loud: float


@dataclass(frozen=True)
class Pedalling:
    """The sustain pedal: presses, those a minute, median length in seconds, share of time down."""

    presses: int
    per_minute: float
    median_seconds: float
    down: float


def pitch_class_shares(notes: Notes) -> dict[str, float]:
    """Share of the sounding time of each pitch class, C to B; of notes, if none has length."""
    if not len(notes):
        return {}
    seconds = notes.offset - notes.onset
    weights = seconds if seconds.sum() > 0 else np.ones(len(notes))
    shares = np.bincount(notes.pitch % OCTAVE, weights, OCTAVE) / weights.sum()
    return dict(zip(PITCH_CLASSES, shares.tolist(), strict=True))


def interval_counts(notes: Notes) -> dict[str, int]:
    """How often the melody takes each interval, -12 to 12 semitones; wider ones are octaves."""
    steps = np.diff(notes.pitch[skyline(notes)])
    interval, count = np.unique(
        np.clip(steps, -WIDEST_INTERVAL, WIDEST_INTERVAL), return_counts=True
    )
    return {str(step): int(times) for step, times in zip(interval, count, strict=True)}


def pitch_range(notes: Notes) -> Range | None:
    """Range and most common note; None without notes."""
    if not len(notes):
        return None
    low, high = int(notes.pitch.min()), int(notes.pitch.max())
    struck = np.bincount(notes.pitch)
    sounding = np.bincount(notes.pitch, notes.offset - notes.onset)
    common = int(np.lexsort((-sounding, -struck))[0])
    return Range(_pitch(low), _pitch(high), high - low, _pitch(common), int(struck[common]))


def note_density(notes: Notes) -> Density | None:
    """Density and polyphony; None where the notes take no time."""
    if not len(notes) or notes.end <= notes.onset[0]:
        return None
    fullest = np.searchsorted(notes.onset, notes.onset + 1) - np.arange(len(notes))
    times = np.concatenate([notes.offset, notes.onset])
    change = np.repeat([-1, 1], len(notes))
    order = np.lexsort((change, times))
    sounding = np.cumsum(change[order])[:-1]
    seconds = np.diff(times[order])
    heard = seconds[sounding > 0].sum()
    return Density(
        len(notes) / (notes.end - float(notes.onset[0])),
        int(fullest.max()),
        float((sounding * seconds).sum() / heard) if heard > 0 else 0.0,
        int(sounding.max(initial=0)),
    )


def dynamics(notes: Notes) -> Dynamics | None:
    """Velocities in four figures; None without notes."""
    if not len(notes):
        return None
    soft, loud = np.percentile(notes.velocity, (5, 95)).tolist()
    return Dynamics(float(notes.velocity.mean()), float(notes.velocity.std()), soft, loud)


def pedal_usage(notes: Notes) -> Pedalling | None:
    """The use of the sustain pedal; None where the table says nothing of it, or has no notes."""
    if not has_sustain(notes) or not len(notes) or notes.end <= notes.onset[0]:
        return None
    presses = sustain_presses(notes)
    length = presses[:, 1] - presses[:, 0]
    start, stop = float(notes.onset[0]), notes.end
    inside = np.clip(presses, start, stop)
    return Pedalling(
        len(presses),
        60 * len(presses) / (stop - start),
        float(np.median(length)) if len(length) else 0.0,
        float((inside[:, 1] - inside[:, 0]).sum() / (stop - start)),
    )


def _pitch(pitch: int) -> Pitch:
    return Pitch(pitch_name(pitch), pitch)
