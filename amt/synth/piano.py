"""The built-in piano: notes and pedal to audio, without any recorded sample.

Every note is a sum of damped partials (`strings`), struck at its exact time: the phase of each
partial starts at the onset itself, not at the next sample. To it come the noise of the action
(`hammer`), the other strings when the pedal is down (`resonance`), a room, and the noise of the
recording (`room`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amt.io.audio import SAMPLE_RATE
from amt.notes import PEDAL_DOWN, Notes
from amt.synth.hammer import key_up, knock
from amt.synth.instrument import Instrument, random_instrument
from amt.synth.note_events import NoteEvent, add_at, note_events, silence_for
from amt.synth.resonance import resonate
from amt.synth.room import coloured_noise, convolve, impulse_response, keep_headroom
from amt.synth.strings import Strings, strings

__all__ = ["Instrument", "random_instrument", "render"]


def render(
    notes: Notes,
    instrument: Instrument,
    rng: np.random.Generator,
    seconds: float | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Play `notes` (raw key releases; CC64 in notes.pedal) on `instrument`: float32 (S,).

    S is `seconds` long, or a second longer than the last note. Levels are absolute: one more note
    changes nothing else, except that a piece which would clip is turned down as a whole. An empty
    table gives silence. The same arguments, with `rng` in the same state, give the same audio.
    """
    audio = silence_for(notes, seconds, sample_rate)
    if not len(notes) or not len(audio):
        return audio
    mix = _Mix(audio, instrument, rng, sample_rate)
    for event in note_events(notes, instrument.top_damper, len(audio), sample_rate):
        mix.add(event)
    resonate(audio, notes.pedal, PEDAL_DOWN, instrument, sample_rate)
    audio = convolve(audio, _room(instrument, sample_rate))
    audio += _background(instrument, rng, len(audio), sample_rate)
    return keep_headroom(audio)


@dataclass(frozen=True, eq=False)
class _Mix:
    """The sound of one instrument; notes are added to `out` one by one."""

    out: np.ndarray
    instrument: Instrument
    rng: np.random.Generator
    sample_rate: int

    def add(self, event: NoteEvent) -> None:
        """Add one note: the strings, free and then damped, the hammer, the key."""
        key = strings(self.instrument, event.pitch, self.sample_rate)
        strength = event.velocity / 127
        start = _amplitudes(key, strength, self.instrument.velocity_curve)
        start = start * np.exp(key.free.rate * event.late)
        held = min(event.held, key.free.samples)
        tone = key.free.sound(start, held)
        _fade_in(tone, key.rise * (1.6 - 0.6 * strength) * self.sample_rate, event.late)
        add_at(self.out, tone, event.first)
        if held == event.held:
            left = start * np.exp(key.free.rate * held)
            add_at(self.out, key.damped.sound(left, key.damped.samples), event.first + held)
        noise = knock(self.instrument, event.pitch, strength, self.rng, self.sample_rate)
        add_at(self.out, noise, event.first)
        noise = key_up(self.instrument, self.rng, self.sample_rate)
        add_at(self.out, noise, event.first + event.key)


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
