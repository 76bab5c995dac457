"""The built-in piano: notes and pedal to audio by additive synthesis, without samples.

Every note is a sum of damped partials (`strings`) whose phases start at the exact onset, between
samples. Added are the noise of the action (`action_noise`), sympathetic resonance while the pedal
is down (`resonance`), reverberation and background noise (`room`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amt.io.audio import SAMPLE_RATE
from amt.notes import PEDAL_DOWN, Notes
from amt.synth.action_noise import hammer_noise, key_release_noise
from amt.synth.instrument import Instrument, random_instrument
from amt.synth.note_events import NoteEvent, add_at, empty_audio, note_events
from amt.synth.resonance import add_resonance
from amt.synth.room import (
    coloured_noise,
    convolve,
    keep_headroom,
    synthetic_impulse_response,
)
from amt.synth.strings import KeyStrings, key_strings

__all__ = ["Instrument", "random_instrument", "render"]


def render(
    notes: Notes,
    instrument: Instrument,
    rng: np.random.Generator,
    seconds: float | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Render `notes` (offsets are key releases; CC64 in notes.pedal) on `instrument`: float32 (S,).

    seconds: duration; None, a second after the last note has ended. Levels are absolute: adding a
    note does not change the others, but audio that would clip is scaled down as a whole. An empty
    table gives silence. The same arguments, with `rng` in the same state, give the same audio.
    """
    audio = empty_audio(notes, seconds, sample_rate)
    if not len(notes) or not len(audio):
        return audio
    renderer = _NoteRenderer(audio, instrument, rng, sample_rate)
    for event in note_events(notes, instrument.top_damper, len(audio), sample_rate):
        renderer.add(event)
    add_resonance(audio, notes.pedal, PEDAL_DOWN, instrument, sample_rate)
    audio = convolve(audio, _room_response(instrument, sample_rate))
    audio += _background_noise(instrument, rng, len(audio), sample_rate)
    return keep_headroom(audio)


@dataclass(frozen=True, eq=False)
class _NoteRenderer:
    """Adds notes of one instrument to `out` one by one."""

    out: np.ndarray
    instrument: Instrument
    rng: np.random.Generator
    sample_rate: int

    def add(self, event: NoteEvent) -> None:
        """Add one note: the strings, free and then damped, hammer noise, key release noise."""
        key = key_strings(self.instrument, event.pitch, self.sample_rate)
        strength = event.velocity / 127
        amplitude = _amplitudes(key, strength, self.instrument.velocity_curve)
        amplitude = amplitude * np.exp(key.free.rate * event.fraction)
        count = min(event.damped, key.free.samples)
        tone = key.free.synthesize(amplitude, count)
        _fade_in(tone, key.rise * (1.6 - 0.6 * strength) * self.sample_rate, event.fraction)
        add_at(self.out, tone, event.start)
        if count == event.damped:
            remaining = amplitude * np.exp(key.free.rate * count)
            release = key.damped.synthesize(remaining, key.damped.samples)
            add_at(self.out, release, event.start + count)
        noise = hammer_noise(self.instrument, event.pitch, strength, self.rng, self.sample_rate)
        add_at(self.out, noise, event.start)
        noise = key_release_noise(self.instrument, self.rng, self.sample_rate)
        add_at(self.out, noise, event.start + event.released)


def _amplitudes(key: KeyStrings, strength: float, velocity_curve: float) -> np.ndarray:
    """Complex amplitudes of the partials; lower velocities are quieter and less bright."""
    loss = key.dynamic_range_db * (1 - strength**velocity_curve)
    high_loss = (1 - strength) ** 1.5 * key.softness
    return key.amplitude * 10 ** (-(loss + high_loss) / 20)


def _fade_in(tone: np.ndarray, rise: float, fraction: float) -> None:
    """Fade in over `rise` samples by a raised cosine that starts at the exact onset."""
    rise = max(rise, 1.0)
    count = min(int(rise - fraction) + 1, len(tone))
    position = np.minimum((np.arange(count) + fraction) / rise, 1)
    tone[:count] *= (0.5 - 0.5 * np.cos(np.pi * position)).astype(np.float32)


@lru_cache(maxsize=4)
def _room_response(instrument: Instrument, sample_rate: int) -> np.ndarray:
    return synthetic_impulse_response(
        np.random.default_rng([instrument.seed, 5]),
        instrument.room_db,
        instrument.room_seconds,
        instrument.room_damping,
        sample_rate,
    )


def _background_noise(
    instrument: Instrument, rng: np.random.Generator, samples: int, sample_rate: int
) -> np.ndarray:
    """Background noise (samples,) of the recording; a few seconds are repeated."""
    loop = coloured_noise(rng, 1 << 17, instrument.noise_tilt_db, sample_rate)
    return np.resize(loop, samples) * np.float32(10 ** (instrument.noise_db / 20))
