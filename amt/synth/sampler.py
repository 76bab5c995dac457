"""Notes and pedal on a sampled piano.

Onsets: every sample has an attack, at `onset_s` of `map.tsv`, or, in an SFZ file, where the sample
first reaches a tenth of its peak. The attack is put at the note's onset, to a fraction of a sample;
what was recorded before it (at most 50 ms) sounds before the onset.

Loudness: between the layers as recorded. Inside a layer it rises smoothly: each layer is right in
the middle of its velocities, and between the middles the level in dB is interpolated. Libraries
that were normalised (whose loud samples are hardly louder than the soft ones) get a usual dynamic
range.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import soxr

from amt.io.audio import SAMPLE_RATE, load
from amt.notes import MAX_PITCH, MIN_PITCH, PEDAL_DOWN, Notes
from amt.synth.instrument import Instrument
from amt.synth.note_events import NoteEvent, add_at, note_events, silence_for
from amt.synth.regions import Region, read_regions
from amt.synth.resonance import resonate
from amt.synth.room import keep_headroom
from amt.synth.strings import NOTE_RMS_DB, damper_seconds

LEAD_SECONDS = 0.05
LEVEL_SECONDS = 0.4
SILENCE_DB = -80.0
FADE_SECONDS = 0.02
USUAL_RANGE_DB = 30.0
LOUDEST_DB = NOTE_RMS_DB - 5  # the typical key at velocity 127
RELEASE = 0.18
TOP_DAMPER = 89
DELAY_TAPS = 10

KEYS = np.arange(MIN_PITCH, MAX_PITCH + 1)
VELOCITIES = np.arange(128)


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample at 16 kHz: audio int16 (S,) times `scale`; `attack`, in samples, where it strikes;
    `level_db`, the RMS of its first 0.4 s from there on."""

    audio: np.ndarray
    scale: float
    attack: float
    level_db: float


@dataclass(frozen=True, eq=False)
class SampledPiano:
    """Samples and where they are used.

    choice: (88, 128) which region serves each key and velocity.
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
        range_db: float | None = None,
        resonance_db: float | None = None,
        top_damper: int = TOP_DAMPER,
        seconds: float | None = None,
    ) -> np.ndarray:
        """Play `notes` (raw key releases; CC64 in notes.pedal): float32 (S,) at 16 kHz.

        rng: makes strokes a little uneven; without it there is no chance in the result.
        tune_cents, key_gain_db: one number or one for each key, (88,).
        release: seconds in which the damper quiets a middle key by 60 dB. velocity_curve: exponent
        on velocity / 127; above 1 plays softer. range_db: loudness between velocities 1 and 127;
        None: as recorded. resonance_db: the other strings while the pedal is down; None: none.
        top_damper: the highest MIDI pitch with a damper. seconds: length; by default a second
        longer than the last note. A piece that would clip is turned down as a whole.
        """
        out = silence_for(notes, seconds, SAMPLE_RATE)
        if not len(notes) or not len(out):
            return out
        touch = np.round(127 * (VELOCITIES / 127) ** velocity_curve).clip(1, 127).astype(np.int64)
        gains = self._gains_db(range_db) + np.reshape(key_gain_db, (-1, 1))
        cents = np.broadcast_to(tune_cents, len(KEYS))
        played = list(note_events(notes, top_damper, len(out), SAMPLE_RATE))
        uneven = rng.normal(0, 0.7, len(played)) if rng else np.zeros(len(played))
        cues = []
        for event, extra in zip(played, uneven, strict=True):
            place = (event.pitch - MIN_PITCH, touch[event.velocity])
            cues.append(Cue(int(self.choice[place]), event, float(gains[place] + extra)))
        cues.sort(key=Cue.order)
        for (region, pitch), group in groupby(cues, key=Cue.order):
            quiet = damper_seconds(release, pitch)
            tune = float(cents[pitch - MIN_PITCH])
            self._play(out, self.regions[region], self.samples[region], group, tune, quiet)
        if resonance_db is not None:
            others = Instrument(tune_cents=float(cents.mean()), resonance_db=resonance_db)
            resonate(out, notes.pedal, PEDAL_DOWN, others, SAMPLE_RATE)
        return keep_headroom(out)

    def _play(
        self,
        out: np.ndarray,
        region: Region,
        sample: Sample,
        cues: Iterable[Cue],
        tune_cents: float,
        quiet: float,
    ) -> None:
        """Add all strokes that use one sample on one key: it is shifted once, as far as needed."""
        cues = list(cues)
        tail = round(1.3 * quiet * SAMPLE_RATE)
        steps = cues[0].event.pitch - region.root_key + (region.tune_cents + tune_cents) / 100
        ratio = 2 ** (steps / 12)
        attack = sample.attack / ratio
        longest = attack + max(cue.event.held for cue in cues) + tail
        source = sample.audio[: int(longest * ratio) + 64] * np.float32(sample.scale)
        shifted = soxr.resample(source, SAMPLE_RATE * ratio, SAMPLE_RATE) if ratio != 1 else source
        decay = np.exp(-np.log(1000) / (quiet * SAMPLE_RATE) * np.arange(tail)).astype(np.float32)
        for cue in cues:
            ends = round(attack) + cue.event.held
            sound = shifted[: ends + tail] * np.float32(10 ** (cue.gain_db / 20))
            damped = sound[ends:]
            damped *= decay[: len(damped)]
            begins = cue.event.first - cue.event.late - attack
            first = int(np.floor(begins))
            add_at(out, delay(sound, begins - first), first)

    def _gains_db(self, range_db: float | None) -> np.ndarray:
        """Gain of the chosen sample for each key and velocity, (88, 128) dB."""
        bare = np.array([sample.level_db for sample in self.samples])
        level = bare + [region.gain_db for region in self.regions]
        wanted = level + self._layer_correction(level, range_db)
        middle = np.array([(r.low_velocity + r.high_velocity) / 2 for r in self.regions])
        loudness = np.empty((len(KEYS), 128))
        curve = _usual_curve(USUAL_RANGE_DB if range_db is None else range_db, VELOCITIES)
        for key in range(len(KEYS)):
            used = np.unique(self.choice[key])
            used = used[np.argsort(middle[used])]
            rising = np.maximum.accumulate(wanted[used])
            inside = np.clip(VELOCITIES, middle[used[0]], middle[used[-1]])
            beyond = curve - np.interp(inside, VELOCITIES, curve)
            loudness[key] = np.interp(VELOCITIES, middle[used], rising) + beyond
        loudness += LOUDEST_DB - np.median(loudness[:, 127])
        return loudness - bare[self.choice]

    def _layer_correction(self, level: np.ndarray, range_db: float | None) -> np.ndarray:
        """dB to add to each region so that the layers span the wanted range; 0 if recorded so."""
        layers = [(region.low_velocity, region.high_velocity) for region in self.regions]
        names = sorted(set(layers))
        member = np.array([names.index(layer) for layer in layers])
        median = np.array([np.median(level[member == i]) for i in range(len(names))])
        middle = np.array([(low + high) / 2 for low, high in names])
        usual = _usual_curve(USUAL_RANGE_DB if range_db is None else range_db, middle)
        recorded = median[-1] - median[0] > 0.3 * (usual[-1] - usual[0])
        if range_db is None and (recorded or len(names) == 1):
            return np.zeros(len(level))
        return (usual - median)[member]


@dataclass(frozen=True)
class Cue:
    """A note event, the region it is played with, and how loud."""

    region: int
    event: NoteEvent
    gain_db: float

    def order(self) -> tuple[int, int]:
        """What strokes that share one shifted sample have in common."""
        return self.region, self.event.pitch


def _usual_curve(range_db: float, velocity: np.ndarray) -> np.ndarray:
    """Level in dB by velocity, 0 at 127."""
    return -range_db * (1 - (velocity / 127) ** 0.8)


def _read_sample(region: Region) -> Sample:
    audio = load(region.sample)[round(region.skip * SAMPLE_RATE) :]
    if not audio.any():
        return Sample(np.zeros(1, dtype=np.int16), 1.0, 0.0, 0.0)
    if region.onset is None:
        attack = float(find_attack(audio))
    else:
        attack = (region.onset - region.skip) * SAMPLE_RATE
    start = max(int(attack - LEAD_SECONDS * SAMPLE_RATE), 0)
    loud = np.flatnonzero(np.abs(audio) > 10 ** (SILENCE_DB / 20) * np.abs(audio).max())
    audio = _fade(audio[start : loud[-1] + 1])
    body = audio[round(attack) - start :][: round(LEVEL_SECONDS * SAMPLE_RATE)]
    level = 10 * np.log10(np.mean(body.astype(np.float64) ** 2) + 1e-12)
    scale = float(np.abs(audio).max()) / 32767
    return Sample(np.round(audio / scale).astype(np.int16), scale, attack - start, level)


def find_attack(audio: np.ndarray) -> int:
    """Where a sample first reaches a tenth of the peak of its first second."""
    size = np.abs(audio)
    return int(np.argmax(size >= 0.1 * size[:SAMPLE_RATE].max()))


def _fade(audio: np.ndarray) -> np.ndarray:
    """No clicks where the recording is cut."""
    count = min(round(FADE_SECONDS * SAMPLE_RATE), len(audio) // 2)
    audio = audio.copy()
    audio[len(audio) - count :] *= np.linspace(1, 0, count, dtype=np.float32)
    return audio


def _choose(regions: tuple[Region, ...]) -> np.ndarray:
    """For each key and velocity the region that serves it, or the nearest one: (88, 128)."""
    key = np.array([(r.low_key, r.high_key) for r in regions])
    velocity = np.array([(r.low_velocity, r.high_velocity) for r in regions])
    key_gap = np.maximum(key[:, :1] - KEYS, KEYS - key[:, 1:]).clip(0)
    velocity_gap = np.maximum(velocity[:, :1] - VELOCITIES, VELOCITIES - velocity[:, 1:]).clip(0)
    return np.argmin(key_gap[:, :, None] * 128 + velocity_gap[:, None, :], axis=0)


def delay(audio: np.ndarray, fraction: float) -> np.ndarray:
    """`audio` later by a fraction of a sample (0-1): a short windowed sinc."""
    if fraction < 1e-3:
        return audio
    before = DELAY_TAPS // 2 - 1
    place = np.arange(DELAY_TAPS) - before - fraction
    taps = np.sinc(place) * np.cos(np.pi * place / (DELAY_TAPS + 1)) ** 2
    taps /= taps.sum()
    return np.convolve(audio, taps.astype(np.float32))[before:]
