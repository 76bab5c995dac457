"""The strings of one key as damped partials, summed by one matrix product.

A partial at sample n is Re(c z^n) with |z| < 1. With n = a L + b, z^n = z^(aL) z^b, so a note is
Re((c z^(aL)) @ (z^b)): a (rows x partials) matrix times a (partials x L) matrix. Both are computed
once per key, so that a note costs one small matrix product at any velocity and any onset between
samples.

Model: stiff strings f_n = n f_0 sqrt((1 + B n^2) / (1 + B)) (Fletcher 1964); two or three strings
per key that decay in two stages and beat (Weinreich 1977); a comb in the spectrum from the position
of the hammer, a slope from its softness; resonances of the soundboard, which hardly radiates the
lowest frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from amt.notes import MIN_PITCH, NUM_KEYS
from amt.synth.instrument import Instrument

BLOCK = 256  # L above, samples
MAX_HZ = 7500.0
MAX_PARTIALS = 80
MAX_SECONDS = 14.0
AUDIBLE_DB = 75.0  # partials this far below the strongest are left out
NOTE_RMS_DB = -20.0  # level of middle C at velocity 127, relative to full scale
RISE_SECONDS = ([21, 48, 72, 108], [0.009, 0.004, 0.002, 0.001])  # by MIDI pitch
DB_TO_LOG = np.log(10) / 20


@dataclass(frozen=True, eq=False)
class DampedPartials:
    """M damped partials.

    rate: (M,) complex, log z per sample. rows: z^(aL) (rows, M). columns: real and imaginary parts
    of z^b, interleaved and with the sign of the product: (2 M, L).
    """

    rate: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @property
    def samples(self) -> int:
        """Number of samples after which the partials are inaudible."""
        return len(self.rows) * BLOCK

    def synthesize(self, amplitude: np.ndarray, count: int) -> np.ndarray:
        """The first `count` samples of the sum of all partials, for complex `amplitude` (M,)."""
        used = -(-count // BLOCK)
        weighted = self.rows[:used] * amplitude.astype(np.complex64)
        return (weighted.view(np.float32) @ self.columns).reshape(-1)[:count]


@dataclass(frozen=True, eq=False)
class KeyStrings:
    """The strings of one key.

    amplitude: (M,) complex, of the partials at velocity 127. softness: (M,) dB that each partial
    loses towards velocity 0. free, damped: the decay without and with damper. rise: rise time of
    the tone in seconds. dynamic_range_db: between velocities 1 and 127.
    """

    amplitude: np.ndarray
    softness: np.ndarray
    free: DampedPartials
    damped: DampedPartials
    rise: float
    dynamic_range_db: float


@lru_cache(maxsize=2 * NUM_KEYS)
def key_strings(instrument: Instrument, pitch: int, sample_rate: int) -> KeyStrings:
    """The strings of the key with MIDI number `pitch`."""
    rng = np.random.default_rng([instrument.seed, 1, pitch])
    hertz = partials(instrument, pitch)
    level = partial_levels(instrument, pitch, hertz, rng)
    frequency, share, decay_db = _string_components(instrument, pitch, hertz, rng)
    level = (level[:, None] + share).reshape(-1)
    kept = level > level.max() - AUDIBLE_DB
    level, frequency, decay_db = (x.reshape(-1)[kept] for x in (level, frequency, decay_db))
    energy = 10 * np.log10(np.sum(10 ** (level / 10)) / 2)
    octave = (pitch - 60) / 12
    target = NOTE_RMS_DB + instrument.register_tilt_db * octave + rng.normal(0, 1.2)
    phase = rng.uniform(0, 2 * np.pi, size=len(level))
    amplitude = 10 ** ((level + target - energy) / 20) * np.exp(1j * phase)
    hardness = float(np.interp(pitch, [60, 108], [1.0, 0.5]))
    range_factor = float(np.interp(pitch, [60, 108], [1.0, 1.15]))
    rate = (-decay_db * DB_TO_LOG + 2j * np.pi * frequency) / sample_rate
    audible = (AUDIBLE_DB + level - level.max()) / decay_db
    return KeyStrings(
        amplitude=amplitude,
        softness=instrument.soft_slope_db * hardness * (frequency - hertz[0]) / 1000,
        free=_damped_partials(rate, float(audible.max()), sample_rate),
        damped=_with_damper(instrument, pitch, rate, frequency, sample_rate),
        rise=instrument.rise * float(np.interp(pitch, *RISE_SECONDS)),
        dynamic_range_db=instrument.dynamic_range_db * range_factor,
    )


def partials(instrument: Instrument, pitch: int) -> np.ndarray:
    """Frequencies in Hz of the partials of the key `pitch`, up to MAX_HZ."""
    position = (pitch - 64) / 44
    cents = instrument.tune_cents + instrument.stretch * (4 * position + 22 * position**3)
    fundamental = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    plain = instrument.inharmonicity * 2.9e-4 * 3 ** ((pitch - 60) / 12)
    wound = instrument.bass_inharmonicity * 2.2e-4 * 0.5 ** ((pitch - 24) / 9)
    stiffness = plain + wound
    number = np.arange(1, MAX_PARTIALS + 1)
    hertz = number * fundamental * np.sqrt((1 + stiffness * number**2) / (1 + stiffness))
    return hertz[: max(int(np.searchsorted(hertz, MAX_HZ)), 1)]


def partial_levels(
    instrument: Instrument, pitch: int, hertz: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Levels in dB of the partials of one key at velocity 127, up to a constant."""
    number = np.arange(1, len(hertz) + 1)
    position = instrument.hammer_position * float(np.interp(pitch, [60, 108], [1.0, 0.6]))
    comb = 20 * np.log10(np.maximum(np.abs(np.sin(np.pi * number * position)), 0.12))
    hardness = float(np.interp(pitch, [60, 108], [1.0, 0.6]))
    slope = instrument.loud_slope_db * hardness * hertz / 1000
    uneven = rng.normal(0, instrument.uneven_db, len(hertz))
    uneven[:2] *= 0.5
    fall = instrument.tilt_db * np.log2(number)
    return comb - slope - fall + uneven + soundboard(instrument, hertz)


def soundboard(instrument: Instrument, hertz: np.ndarray) -> np.ndarray:
    """Frequency response of the soundboard in dB."""
    rng = np.random.default_rng([instrument.seed, 2])
    octaves = np.arange(4.0, 13.25, 0.25)
    resonances = np.interp(
        np.log2(hertz), octaves, rng.normal(0, instrument.soundboard_db, len(octaves))
    )
    return resonances - 10 * np.log10(1 + (instrument.low_cut_hz / hertz) ** 5)


def _string_components(
    instrument: Instrument, pitch: int, hertz: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each partial as two or, from pitch 42 on, three components that beat.

    The first decays fast (prompt sound), the second slowly (aftersound).
    Returns frequency (Hz), level (dB) and decay (dB/s), each (partials, components).
    """
    count = 2 if pitch < 42 else 3
    size = (len(hertz), count)
    detune = instrument.detune_cents * np.exp(rng.normal(0, 0.4))
    offsets = rng.normal(0, detune, size=(1, count)) + rng.normal(0, 0.3 * detune, size=size)
    frequency = hertz[:, None] * 2 ** (offsets / 1200)
    late = instrument.aftersound_db - float(np.interp(pitch, [24, 84], [-4, 5]))
    share = np.array([0.0, late, -6.0])[:count] + rng.normal(0, [1, 3, 3][:count], size=size)
    prompt = 7.0 * 2 ** ((pitch - 24) / 18)
    after = 2.0 * 2 ** ((pitch - 24) / 30)
    loss = instrument.treble_loss * (hertz[:, None] / 2000) ** 1.5
    base = np.array([prompt, after, 0.7 * prompt])[:count]
    weight = np.array([1.0, 0.25, 0.8])[:count]
    decay = (base + weight * loss) / instrument.decay * np.exp(rng.normal(0, 0.25, size=size))
    return frequency, share, decay


def _damped_partials(rate: np.ndarray, seconds: float, sample_rate: int) -> DampedPartials:
    rows = max(int(min(seconds, MAX_SECONDS) * sample_rate / BLOCK), 1)
    columns = powers(rate, BLOCK)
    parts = np.stack([columns.real, -columns.imag], axis=2)
    interleaved = parts.transpose(1, 2, 0).reshape(-1, BLOCK)
    return DampedPartials(
        rate=rate,
        rows=powers(rate * BLOCK, rows).astype(np.complex64),
        columns=np.ascontiguousarray(interleaved, dtype=np.float32),
    )


def _with_damper(
    instrument: Instrument, pitch: int, rate: np.ndarray, frequency: np.ndarray, sample_rate: int
) -> DampedPartials:
    """Decay under the damper: slower in the bass, faster for high partials."""
    fundamental = damper_seconds(instrument.release, pitch)
    seconds = fundamental / (0.7 + 0.3 * np.sqrt(frequency / frequency.min()))
    damping = 60 / seconds * DB_TO_LOG / sample_rate
    return _damped_partials(rate - damping, float(seconds.max()) * 1.1, sample_rate)


def damper_seconds(release: float, pitch: int) -> float:
    """Seconds until a damped key has fallen by 60 dB, if a middle key takes `release` seconds."""
    return release * float(np.interp(pitch, [MIN_PITCH, 48, 72, 108], [2.2, 1.2, 0.8, 0.6]))


def powers(rate: np.ndarray, count: int) -> np.ndarray:
    """exp(rate n) for n = 0 .. count - 1: (count, M).

    Computed by repeated doubling, which is faster than an exponential per entry.
    """
    out = np.empty((count, len(rate)), dtype=np.complex128)
    out[0] = 1
    filled = 1
    while filled < count:
        more = min(filled, count - filled)
        np.multiply(out[:more], np.exp(rate * filled), out=out[filled : filled + more])
        filled += more
    return out
