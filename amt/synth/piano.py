"""The built-in piano: notes and pedal to audio, without any recorded sample.

Every note is a sum of damped partials (`strings`), struck at its exact time: the phase of each
partial starts at the onset itself, not at the next sample. To it come the noise of the action
(`hammer`), the other strings when the pedal is down (`resonance`), a room, and the noise of the
recording (`room`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amt.notes import Notes, extend_sustain
from amt.synth.hammer import key_up, knock
from amt.synth.instrument import Instrument, random_instrument
from amt.synth.resonance import resonate
from amt.synth.room import coloured_noise, convolve, impulse_response, keep_headroom
from amt.synth.strings import Strings, strings

__all__ = ["Instrument", "random_instrument", "render"]

SUSTAIN_THRESHOLD = 64
TAIL_SECONDS = 1.0


def render(
    notes: Notes,
    instrument: Instrument,
    rng: np.random.Generator,
    seconds: float | None = None,
    sample_rate: int = 16000,
) -> np.ndarray:
    """Play `notes` (raw key releases; CC64 in notes.pedal) on `instrument`: float32 (S,).

    S is `seconds` long, or a second longer than the last note. Levels are absolute: one more note
    changes nothing else, except that a piece which would clip is turned down as a whole. An empty
    table gives silence. The same arguments, with `rng` in the same state, give the same audio.
    """
    end = extend_sustain(notes).end + TAIL_SECONDS if seconds is None else seconds
    audio = np.zeros(round(end * sample_rate), dtype=np.float32)
    if not len(notes) or not len(audio):
        return audio
    take = Take(audio, instrument, rng, sample_rate)
    for stroke in strokes(notes, instrument.top_damper, len(audio), sample_rate):
        take.strike(stroke)
    resonate(audio, notes.pedal, SUSTAIN_THRESHOLD, instrument, sample_rate)
    audio = convolve(audio, _room(instrument, sample_rate))
    audio += _background(instrument, rng, len(audio), sample_rate)
    return keep_headroom(audio)


@dataclass(frozen=True)
class Stroke:
    """One note on the clock of the samples.

    first: the first sample at or after the onset; late: how much after it, in samples (0-1).
    held, key: samples until the damper falls and until the key comes up.
    """

    pitch: int
    velocity: int
    first: int
    late: float
    held: int
    key: int


def strokes(notes: Notes, top_damper: int, samples: int, sample_rate: int) -> Iterator[Stroke]:
    """The notes that begin inside `samples`, held by key, pedal, or for want of a damper."""
    sustained = extend_sustain(notes, SUSTAIN_THRESHOLD).offset
    stop = np.where(notes.pitch > top_damper, _until_struck_again(notes), sustained)
    stop = np.minimum(stop, notes.onset + samples / sample_rate)
    first = np.ceil(np.round(notes.onset * sample_rate, 6))
    late = np.maximum(first - notes.onset * sample_rate, 0)
    held = np.round((stop - notes.onset) * sample_rate)
    key = np.round((notes.offset - notes.onset) * sample_rate)
    for i in np.flatnonzero((first >= 0) & (first < samples)):
        yield Stroke(
            pitch=int(notes.pitch[i]),
            velocity=int(notes.velocity[i]),
            first=int(first[i]),
            late=float(late[i]),
            held=int(held[i]),
            key=int(key[i]),
        )


def _until_struck_again(notes: Notes) -> np.ndarray:
    """When each note's key is struck again; infinity if never."""
    again = np.full(len(notes), np.inf)
    order = np.lexsort((notes.onset, notes.pitch))
    same = notes.pitch[order][1:] == notes.pitch[order][:-1]
    again[order[:-1][same]] = notes.onset[order][1:][same]
    return again


@dataclass(frozen=True, eq=False)
class Take:
    """Strokes on one instrument, added to `out` one by one."""

    out: np.ndarray
    instrument: Instrument
    rng: np.random.Generator
    sample_rate: int

    def strike(self, stroke: Stroke) -> None:
        """Add one note: the strings, free and then damped, the hammer, the key."""
        key = strings(self.instrument, stroke.pitch, self.sample_rate)
        strength = stroke.velocity / 127
        start = _amplitudes(key, strength, self.instrument.velocity_curve)
        start = start * np.exp(key.free.rate * stroke.late)
        held = min(stroke.held, key.free.samples)
        tone = key.free.sound(start, held)
        _fade_in(tone, key.rise * (1.6 - 0.6 * strength) * self.sample_rate, stroke.late)
        self._add(tone, stroke.first)
        if held == stroke.held:
            left = start * np.exp(key.free.rate * held)
            self._add(key.damped.sound(left, key.damped.samples), stroke.first + held)
        noise = knock(self.instrument, stroke.pitch, strength, self.rng, self.sample_rate)
        self._add(noise, stroke.first)
        noise = key_up(self.instrument, self.rng, self.sample_rate)
        self._add(noise, stroke.first + stroke.key)

    def _add(self, sound: np.ndarray, first: int) -> None:
        count = min(len(sound), len(self.out) - first)
        if count > 0:
            self.out[first : first + count] += sound[:count]


def _amplitudes(key: Strings, strength: float, velocity_curve: float) -> np.ndarray:
    """Complex amplitudes of the partials: softer playing is quieter and duller."""
    loss = key.range_db * (1 - strength**velocity_curve)
    dull = (1 - strength) ** 1.5 * key.softness
    return key.amplitude * 10 ** (-(loss + dull) / 20)


def _fade_in(tone: np.ndarray, rise: float, late: float) -> None:
    """The hammer takes `rise` samples: a raised cosine that starts at the exact onset."""
    rise = max(rise, 1.0)
    count = min(int(rise - late) + 1, len(tone))
    place = np.minimum((np.arange(count) + late) / rise, 1)
    tone[:count] *= (0.5 - 0.5 * np.cos(np.pi * place)).astype(np.float32)


@lru_cache(maxsize=4)
def _room(instrument: Instrument, sample_rate: int) -> np.ndarray:
    return impulse_response(
        np.random.default_rng([instrument.seed, 5]),
        instrument.room_db,
        instrument.room_seconds,
        instrument.room_damping,
        sample_rate,
    )


def _background(
    instrument: Instrument, rng: np.random.Generator, samples: int, sample_rate: int
) -> np.ndarray:
    """Noise of the recording: some seconds of it, repeated."""
    loop = coloured_noise(rng, 1 << 17, instrument.noise_tilt_db, sample_rate)
    return np.resize(loop, samples) * np.float32(10 ** (instrument.noise_db / 20))
