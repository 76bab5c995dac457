"""Sympathetic resonance: the other strings vibrate while the sustain pedal is down."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amt.notes import Pedal, pedal_down, sustain_movements
from amt.synth.instrument import Instrument
from amt.synth.room import convolve
from amt.synth.strings import BLOCK, partials, powers

SECONDS = 2.0
FADE_SECONDS = 0.04


def add_resonance(
    audio: np.ndarray, pedal: Pedal, threshold: int, instrument: Instrument, sample_rate: int
) -> None:
    """Add the resonance to `audio` (S,) in place. threshold: value from which the pedal is down."""
    gate = _gate(pedal, threshold, len(audio), sample_rate)
    if gate.any():
        ringing = convolve(gate * audio, _response(instrument, sample_rate))
        ringing *= gate
        audio += ringing


def _gate(pedal: Pedal, threshold: int, samples: int, sample_rate: int) -> np.ndarray:
    """1 while the sustain pedal is down, 0 while it is up, with ramps in between: (samples,)."""
    moves = sustain_movements(pedal)
    down = pedal_down(moves, threshold)
    sample = np.clip(np.round(moves.time * sample_rate), 0, samples).astype(np.int64)
    changes = np.flatnonzero(np.diff(down, prepend=False))
    gate = np.zeros(samples, dtype=np.float32)
    fade = int(FADE_SECONDS * sample_rate)
    for change in changes[::2]:
        following = changes[np.searchsorted(changes, change) + 1 :]
        stop = int(sample[following[0]]) if len(following) else samples
        start = int(sample[change])
        gate[start:stop] = 1
        ramp = min(fade, stop - start)
        gate[start : start + ramp] = np.linspace(0, 1, ramp, endpoint=False)
        after = gate[stop : stop + fade]
        after[:] = np.linspace(1, 0, fade, endpoint=False)[: len(after)]
    return gate


@lru_cache(maxsize=4)
def _response(instrument: Instrument, sample_rate: int) -> np.ndarray:
    """Impulse response of all undamped strings, from 8 partials of every second key: (S,)."""
    rng = np.random.default_rng([instrument.seed, 4])
    hertz = np.concatenate([partials(instrument, pitch)[:8] for pitch in range(21, 100, 2)])
    decay = np.exp(rng.normal(np.log(2.0), 0.4, size=len(hertz))) * (1 + hertz / 2000)
    rate = (-decay + 2j * np.pi * hertz) / sample_rate
    phase = np.exp(2j * np.pi * rng.uniform(size=len(hertz)))
    rows = (powers(rate * BLOCK, int(SECONDS * sample_rate / BLOCK)) * phase).astype(np.complex64)
    columns = powers(rate, BLOCK).T.astype(np.complex64)
    response = (rows @ columns).real.reshape(-1)
    response *= np.minimum(np.arange(len(response)) / (0.01 * sample_rate), 1)
    gain_of_matching_tone = float(np.mean(sample_rate / (2 * decay)))
    level = 10 ** (instrument.resonance_db / 20) / gain_of_matching_tone
    return (response * level).astype(np.float32)
