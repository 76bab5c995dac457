"""Recording conditions of a sampled piano: its strings, dynamics, microphones, room, level, noise.

The samples of a piano were recorded under one condition, to which a model would overfit; so every
piece is rendered under random ones. None of them delays an onset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from amt.io.audio import SAMPLE_RATE
from amt.notes import NUM_KEYS, Notes
from amt.synth.room import (
    coloured_noise,
    convolve,
    keep_headroom,
    low_shelf,
    measured_impulse_response,
    synthetic_impulse_response,
)
from amt.synth.sampled_strings import Unison
from amt.synth.sampler import SampledPiano

MEASURED_ROOMS = 0.5  # fraction of pieces in a measured room, if there are any
UNISONS, FASTER_DECAY = 0.4, 0.5  # fractions of pieces
NOISE_SAMPLES = 1 << 17


@dataclass(frozen=True)
class RecordingConditions:
    """Tuning, dynamics, room and recording of one rendering; `seed` fixes reflections and noise."""

    seed: int = 0
    tune_cents: float = 0.0
    stretch_cents: float = 0.0  # of the highest key; the lowest key gets minus this
    velocity_curve: float = 1.0  # exponent on velocity / 127; above 1 is softer
    dynamic_range_db: float | None = None  # velocities 1 to 127; None: as recorded
    release: float = 0.18  # s for a damped middle key to fall by 60 dB
    top_damper: int = 89  # the highest MIDI pitch that has a damper
    resonance_db: float = -26.0  # sympathetic resonance while the pedal is down
    # Gain over the keyboard, from the position of the microphones: amplitudes of cosines.
    microphone_gain_db: tuple[float, ...] = ()
    # Another instrument from the same samples: see SampledPiano.render.
    sample_shift: int = 0
    unison_cents: float = 0.0  # 0: one string
    unison_db: float = -6.0
    decay_db: float = 0.0
    # Standard deviations, of single keys: an instrument that was not looked after.
    uneven_cents: float = 0.0
    uneven_db: float = 0.0
    shelf_db: float = 0.0  # low shelf: gain of the bass
    shelf_hz: float = 150.0
    room_db: float = -14.0  # energy of the reverberation relative to the direct sound
    room_seconds: float = 0.5  # reverberation time, unless the room is measured
    room_damping: float = 0.5  # how much faster high frequencies decay, 0-1
    level_db: float = -26.0  # RMS of the whole piece, relative to full scale
    noise_db: float = -70.0  # background noise, relative to the RMS of the piece
    noise_tilt_db: float = 3.0  # fall per octave


def random_recording_conditions(rng: np.random.Generator) -> RecordingConditions:
    """Random conditions, from a studio recording to a cassette recorded at home."""
    return RecordingConditions(
        seed=int(rng.integers(2**31)),
        tune_cents=float(np.clip(rng.normal(0, 12), -30, 30)),
        stretch_cents=float(rng.uniform(-6, 12)),
        velocity_curve=float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))),
        dynamic_range_db=None if rng.random() < 0.25 else float(rng.uniform(20, 45)),
        release=float(np.exp(rng.uniform(np.log(0.09), np.log(0.5)))),
        top_damper=int(rng.integers(87, 93)),
        resonance_db=float(rng.uniform(-38, -16)),
        microphone_gain_db=_random_microphone_gain(rng),
        shelf_db=float(rng.uniform(-9, 6)),
        shelf_hz=float(rng.uniform(80, 300)),
        room_db=float(rng.uniform(-30, -3)),
        room_seconds=float(np.exp(rng.uniform(np.log(0.15), np.log(1.4)))),
        room_damping=float(rng.uniform(0.2, 0.8)),
        level_db=float(rng.uniform(-40, -20)),
        noise_db=float(rng.uniform(-75, -50)),
        noise_tilt_db=float(rng.uniform(0, 6)),
    )


def vary_instrument(conditions: RecordingConditions) -> RecordingConditions:
    """Conditions with a random other instrument made of the same samples, given by their seed."""
    rng = np.random.default_rng([conditions.seed, 10])
    return replace(
        conditions,
        sample_shift=int(np.clip(np.rint(rng.normal(0, 2)), -5, 5)),
        unison_cents=float(rng.normal(0, 2)) if rng.random() < UNISONS else 0.0,
        unison_db=float(rng.uniform(-15, 0)),
        decay_db=float(rng.uniform(0, 8)) if rng.random() < FASTER_DECAY else 0.0,
        uneven_cents=float(rng.exponential(2)),
        uneven_db=float(rng.exponential(0.7)),
    )


def play_and_record(
    piano: SampledPiano,
    notes: Notes,
    conditions: RecordingConditions,
    rng: np.random.Generator,
    rooms: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Render `notes` (offsets are key releases; CC64 in notes.pedal): float32 (S,), 16 kHz.

    rooms: measured impulse responses; half of all conditions use one of them. rng: for small random
    differences of level between notes. Audio that would clip is scaled down as a whole.
    """
    audio = piano.render(
        notes,
        rng=rng,
        tune_cents=_tuning(conditions),
        key_gain_db=_key_gains(conditions),
        release=conditions.release,
        velocity_curve=conditions.velocity_curve,
        dynamic_range_db=conditions.dynamic_range_db,
        resonance_db=conditions.resonance_db,
        top_damper=conditions.top_damper,
        sample_shift=conditions.sample_shift,
        unison=_unison(conditions),
        decay_db=conditions.decay_db,
    )
    power = np.dot(audio, audio) / max(len(audio), 1)
    return record(audio, conditions, rooms) if power else audio


def record(
    audio: np.ndarray, conditions: RecordingConditions, rooms: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Audio of a piano (S,), not silent, with room, level and noise of `conditions`: (S,)."""
    shelf = low_shelf(conditions.shelf_db, conditions.shelf_hz, SAMPLE_RATE)
    response = np.convolve(_room_response(conditions, rooms), shelf)
    audio = convolve(audio, response)
    audio *= np.float32(10 ** (conditions.level_db / 20) / np.sqrt(np.mean(np.square(audio))))
    rng = np.random.default_rng([conditions.seed, 6])
    noise = coloured_noise(rng, NOISE_SAMPLES, conditions.noise_tilt_db, SAMPLE_RATE)
    noise *= np.float32(10 ** ((conditions.level_db + conditions.noise_db) / 20))
    for start in range(0, len(audio), NOISE_SAMPLES):
        block = audio[start : start + NOISE_SAMPLES]
        block += noise[: len(block)]
    return keep_headroom(audio)


def _random_microphone_gain(rng: np.random.Generator) -> tuple[float, ...]:
    """Amplitudes of three cosines over the keyboard that add up to 4 dB at most."""
    waves = rng.normal(size=3) / np.arange(1, 4)
    return tuple((rng.uniform(0, 4) * waves / np.abs(waves).sum()).tolist())


def _key_positions() -> np.ndarray:
    """Position of each key on the keyboard, 0 to 1: (88,)."""
    return np.linspace(0, 1, NUM_KEYS)


def _unison(conditions: RecordingConditions) -> Unison | None:
    cents = conditions.unison_cents
    return Unison(cents, conditions.unison_db) if cents else None


def _tuning(conditions: RecordingConditions) -> np.ndarray:
    """Tuning of each key in cents, (88,); octaves are stretched most at both ends."""
    stretch = conditions.stretch_cents * (2 * _key_positions() - 1) ** 3
    uneven = np.random.default_rng([conditions.seed, 8]).normal(0, 1, NUM_KEYS)
    return conditions.tune_cents + stretch + conditions.uneven_cents * uneven


def _key_gains(conditions: RecordingConditions) -> np.ndarray:
    """Gain of each key in dB from the position of the microphones and its regulation: (88,)."""
    amplitudes = np.asarray(conditions.microphone_gain_db)
    number = np.arange(1, len(amplitudes) + 1)
    uneven = np.random.default_rng([conditions.seed, 9]).normal(0, conditions.uneven_db, NUM_KEYS)
    return np.cos(np.pi * _key_positions()[:, None] * number) @ amplitudes + uneven


def _room_response(conditions: RecordingConditions, rooms: Sequence[np.ndarray]) -> np.ndarray:
    """Impulse response of a measured room or of a synthetic one."""
    choice = np.random.default_rng([conditions.seed, 7])
    if len(rooms) and choice.random() < MEASURED_ROOMS:
        measured = rooms[int(choice.integers(len(rooms)))]
        return measured_impulse_response(measured, conditions.room_db, SAMPLE_RATE)
    rng = np.random.default_rng([conditions.seed, 5])
    seconds, damping = conditions.room_seconds, conditions.room_damping
    return synthetic_impulse_response(rng, conditions.room_db, seconds, damping, SAMPLE_RATE)
