"""Sampled pianos: notes and pedal to audio.

Onsets: the attack of each sample (`onset_s` in `map.tsv`; for SFZ files the place where the sample
first reaches a tenth of its peak) is aligned with the onset of the note, to a fraction of a sample.
At most 50 ms of the recording before the attack are kept.

Loudness: each velocity layer has its recorded level at the middle of its velocities; in between the
level in dB is interpolated. If loud layers are hardly louder than soft ones (normalised samples),
the layers get a typical dynamic range instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from amt.io.audio import SAMPLE_RATE, load
from amt.notes import MAX_PITCH, MIN_PITCH, PEDAL_DOWN, Notes
from amt.synth.instrument import Instrument
from amt.synth.note_events import NoteEvent, add_at, empty_audio, note_events
from amt.synth.regions import Region, read_regions
from amt.synth.resonance import add_resonance
from amt.synth.room import keep_headroom
from amt.synth.sampled_strings import SampledStrings, Unison
from amt.synth.strings import NOTE_RMS_DB, damper_seconds

PRE_ATTACK_SECONDS = 0.05  # kept before the attack of a sample
LEVEL_SECONDS = 0.4  # after the attack, over which the level of a sample is measured
SILENCE_DB = -80.0  # relative to the peak; samples are cut where they stay below it
FADE_SECONDS = 0.02  # at that cut
TYPICAL_RANGE_DB = 30.0  # between velocities 1 and 127
MAX_LEVEL_DB = NOTE_RMS_DB - 5  # of the median key at velocity 127
RELEASE = 0.18
TOP_DAMPER = 89
DELAY_TAPS = 10

KEYS = np.arange(MIN_PITCH, MAX_PITCH + 1)
VELOCITIES = np.arange(128)


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample at 16 kHz.

    audio: int16 (S,), to be multiplied by `scale`. attack: position of the attack in samples.
    level_db: RMS of the 0.4 s after the attack.
    """

    audio: np.ndarray
    scale: float
    attack: float
    level_db: float


@dataclass(frozen=True, eq=False)
class SampledPiano:
    """The samples of a piano.

    regions, samples: one of each per sample map entry. choice: (88, 128), the index of the region
    for each key and velocity.
    """

    name: str
    regions: tuple[Region, ...]
    samples: tuple[Sample, ...]
    choice: np.ndarray

    @staticmethod
    def load(path: Path | str) -> SampledPiano:
        """Read a folder with `map.tsv` or one SFZ file, or an SFZ file, and all its samples.

        Raises SampleMapError for the map and AudioError for a sample that cannot be read.
        """
        regions = tuple(read_regions(path))
        known: dict[tuple[Path, float, float | None], Sample] = {}
        for region in regions:
            source = (region.sample, region.skip, region.onset)
            if source not in known:
                known[source] = _read_sample(region)
        samples = tuple(known[r.sample, r.skip, r.onset] for r in regions)
        return SampledPiano(Path(path).stem, regions, samples, _choose(regions))

    def render(
        self,
        notes: Notes,
        *,
        rng: np.random.Generator | None = None,
        tune_cents: float | np.ndarray = 0.0,
        key_gain_db: float | np.ndarray = 0.0,
        release: float = RELEASE,
        velocity_curve: float = 1.0,
        dynamic_range_db: float | None = None,
        resonance_db: float | None = None,
        top_damper: int = TOP_DAMPER,
        sample_shift: int = 0,
        unison: Unison | None = None,
        decay_db: float = 0.0,
        seconds: float | None = None,
    ) -> np.ndarray:
        """Render `notes` (offsets are key releases; CC64 in notes.pedal): float32 (S,) at 16 kHz.

        rng: small random differences of level between notes; None, none. tune_cents, key_gain_db:
        a number or one per key, (88,). release: seconds in which a damped middle key falls by 60
        dB. velocity_curve: exponent on velocity / 127; above 1 is softer. dynamic_range_db: between
        velocities 1 and 127; None, as recorded. resonance_db: level of the sympathetic resonance
        while the pedal is down; None, none. top_damper: the highest MIDI pitch with a damper.
        sample_shift: each key sounds by the samples of the key so many semitones above, at its own
        pitch: another timbre. unison: a second string for each key. decay_db: dB a second by which
        notes fall faster than recorded. seconds: duration; None, a second after the last note has
        ended. Audio that would clip is scaled down as a whole.
        """
        out = empty_audio(notes, seconds, SAMPLE_RATE)
        if not len(notes) or not len(out):
            return out
        played_velocity = 127 * (VELOCITIES / 127) ** velocity_curve
        played_velocity = np.round(played_velocity).clip(1, 127).astype(np.int64)
        gains = self._gains_db(dynamic_range_db)
        key_gains = np.broadcast_to(key_gain_db, len(KEYS))
        sampled = SampledStrings(unison, decay_db)
        cents = np.broadcast_to(tune_cents, len(KEYS))
        events = list(note_events(notes, top_damper, len(out), SAMPLE_RATE))
        uneven = rng.normal(0, 0.7, len(events)) if rng else np.zeros(len(events))
        sample_notes = []
        for event, extra in zip(events, uneven, strict=True):
            key = event.pitch - MIN_PITCH
            source_key = min(max(key + sample_shift, 0), len(KEYS) - 1)
            index = (source_key, played_velocity[event.velocity])
            gain = float(gains[index] + key_gains[key] + extra)
            region = int(self.choice[index])
            sample_notes.append(_SampleNote(region, event, gain))
        sample_notes.sort(key=_SampleNote.group)
        for (region, pitch), group in groupby(sample_notes, key=_SampleNote.group):
            damping_seconds = damper_seconds(release, pitch)
            tune = float(cents[pitch - MIN_PITCH])
            source = self.regions[region], self.samples[region]
            self._add(out, *source, group, tune, damping_seconds, sampled)
        if resonance_db is not None:
            strings = Instrument(tune_cents=float(cents.mean()), resonance_db=resonance_db)
            add_resonance(out, notes.pedal, PEDAL_DOWN, strings, SAMPLE_RATE)
        return keep_headroom(out)

    def _add(
        self,
        out: np.ndarray,
        region: Region,
        sample: Sample,
        notes: Iterable[_SampleNote],
        tune_cents: float,
        damping_seconds: float,
        strings: SampledStrings,
    ) -> None:
        """Add all notes of one sample on one key; the sample is pitch-shifted once.

        damping_seconds: seconds in which the damped key falls by 60 dB.
        """
        notes = list(notes)
        tail = round(1.3 * damping_seconds * SAMPLE_RATE)
        semitones = notes[0].event.pitch - region.root_key + (region.tune_cents + tune_cents) / 100
        ratio = 2 ** (semitones / 12)
        attack = sample.attack / ratio
        needed = attack + max(note.event.damped for note in notes) + tail
        source = sample.audio[: int(needed * ratio) + 64] * np.float32(sample.scale)
        shifted = strings.sound(source, ratio)
        rate = np.log(1000) / (damping_seconds * SAMPLE_RATE)
        decay = np.exp(-rate * np.arange(tail)).astype(np.float32)
        for note in notes:
            stop = round(attack) + note.event.damped
            audio = shifted[: stop + tail] * np.float32(10 ** (note.gain_db / 20))
            damped = audio[stop:]
            damped *= decay[: len(damped)]
            exact_start = note.event.start - note.event.fraction - attack
            start = int(np.floor(exact_start))
            add_at(out, delay(audio, exact_start - start), start)

    def _gains_db(self, dynamic_range_db: float | None) -> np.ndarray:
        """Gain in dB of the chosen sample for each key and velocity: (88, 128)."""
        recorded = np.array([sample.level_db for sample in self.samples])
        level = recorded + [region.gain_db for region in self.regions]
        wanted = level + self._layer_correction(level, dynamic_range_db)
        middle = np.array([(r.low_velocity + r.high_velocity) / 2 for r in self.regions])
        loudness = np.empty((len(KEYS), 128))
        curve = _level_curve(dynamic_range_db, VELOCITIES)
        for key in range(len(KEYS)):
            used = np.unique(self.choice[key])
            used = used[np.argsort(middle[used])]
            rising = np.maximum.accumulate(wanted[used])
            inside = np.clip(VELOCITIES, middle[used[0]], middle[used[-1]])
            outside = curve - np.interp(inside, VELOCITIES, curve)
            loudness[key] = np.interp(VELOCITIES, middle[used], rising) + outside
        loudness += MAX_LEVEL_DB - np.median(loudness[:, 127])
        return loudness - recorded[self.choice]

    def _layer_correction(self, level: np.ndarray, dynamic_range_db: float | None) -> np.ndarray:
        """dB to add to each region so that its layer gets its level; 0 if it is as recorded."""
        layers = [(region.low_velocity, region.high_velocity) for region in self.regions]
        distinct = sorted(set(layers))
        member = np.array([distinct.index(layer) for layer in layers])
        median = np.array([np.median(level[member == i]) for i in range(len(distinct))])
        middle = np.array([(low + high) / 2 for low, high in distinct])
        curve = _level_curve(dynamic_range_db, middle)
        has_range = median[-1] - median[0] > 0.3 * (curve[-1] - curve[0])
        if dynamic_range_db is None and (has_range or len(distinct) == 1):
            return np.zeros(len(level))
        return (curve - median)[member]


@dataclass(frozen=True)
class _SampleNote:
    """A note, the index of the region that plays it, and its gain."""

    region: int
    event: NoteEvent
    gain_db: float

    def group(self) -> tuple[int, int]:
        """Notes with the same value share one pitch-shifted sample."""
        return self.region, self.event.pitch


def _level_curve(dynamic_range_db: float | None, velocity: np.ndarray) -> np.ndarray:
    """Level in dB for each velocity, 0 at 127; None is the typical dynamic range."""
    span = TYPICAL_RANGE_DB if dynamic_range_db is None else dynamic_range_db
    return -span * (1 - (velocity / 127) ** 0.8)


def _read_sample(region: Region) -> Sample:
    """Decode the sample of a region, cut before the attack and where it is silent."""
    audio = load(region.sample, strict=True)[round(region.skip * SAMPLE_RATE) :]
    if not audio.any():
        return Sample(np.zeros(1, dtype=np.int16), 1.0, 0.0, 0.0)
    if region.onset is None:
        attack = float(find_attack(audio))
    else:
        attack = (region.onset - region.skip) * SAMPLE_RATE
    start = max(int(attack - PRE_ATTACK_SECONDS * SAMPLE_RATE), 0)
    audible = np.flatnonzero(np.abs(audio) > 10 ** (SILENCE_DB / 20) * np.abs(audio).max())
    audio = _fade_out(audio[start : audible[-1] + 1])
    body = audio[round(attack) - start :][: round(LEVEL_SECONDS * SAMPLE_RATE)]
    level = 10 * np.log10(np.mean(body.astype(np.float64) ** 2) + 1e-12)
    scale = float(np.abs(audio).max()) / 32767
    return Sample(np.round(audio / scale).astype(np.int16), scale, attack - start, level)


def find_attack(audio: np.ndarray) -> int:
    """Index at which a sample (S,) first reaches a tenth of the peak of its first second."""
    level = np.abs(audio)
    return int(np.argmax(level >= 0.1 * level[:SAMPLE_RATE].max()))


def _fade_out(audio: np.ndarray) -> np.ndarray:
    """A copy with a short fade-out, so that the cut makes no click."""
    count = min(round(FADE_SECONDS * SAMPLE_RATE), len(audio) // 2)
    audio = audio.copy()
    audio[len(audio) - count :] *= np.linspace(1, 0, count, dtype=np.float32)
    return audio


def _choose(regions: tuple[Region, ...]) -> np.ndarray:
    """Index of the region that covers each key and velocity, or else the nearest: (88, 128)."""
    key = np.array([(r.low_key, r.high_key) for r in regions])
    velocity = np.array([(r.low_velocity, r.high_velocity) for r in regions])
    key_gap = np.maximum(key[:, :1] - KEYS, KEYS - key[:, 1:]).clip(0)
    velocity_gap = np.maximum(velocity[:, :1] - VELOCITIES, VELOCITIES - velocity[:, 1:]).clip(0)
    return np.argmin(key_gap[:, :, None] * 128 + velocity_gap[:, None, :], axis=0)


def delay(audio: np.ndarray, fraction: float) -> np.ndarray:
    """`audio` (S,) delayed by a fraction of a sample (0-1), by a windowed sinc of 10 taps."""
    if fraction < 1e-3:
        return audio
    before = DELAY_TAPS // 2 - 1
    position = np.arange(DELAY_TAPS) - before - fraction
    taps = np.sinc(position) * np.cos(np.pi * position / (DELAY_TAPS + 1)) ** 2
    taps /= taps.sum()
    return np.convolve(audio, taps.astype(np.float32))[before:]
