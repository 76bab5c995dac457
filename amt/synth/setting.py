"""How a sampled piano is tuned, played and recorded: drawn anew for every piece.

What is sampled is one piano on one day, before one pair of microphones. A model that hears nothing
else learns that day; so the tuning, the touch, the dampers, the place of the microphones, the room,
the level and the noise are drawn. Nothing here moves an onset: the direct sound keeps its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amt.io.audio import SAMPLE_RATE
from amt.notes import NUM_KEYS, Notes
from amt.synth.room import (
    coloured_noise,
    convolve,
    impulse_response,
    keep_headroom,
    low_shelf,
    room_response,
)
from amt.synth.sampler import SampledPiano

MEASURED_ROOMS = 0.5  # the part of pieces that sound in a measured room, where there are any
NOISE_SAMPLES = 1 << 17


@dataclass(frozen=True)
class Setting:
    """One sampled piano in one room, as plain numbers; `seed` fixes reflections and noise."""

    seed: int = 0
    tune_cents: float = 0.0
    stretch_cents: float = 0.0  # of the highest key; the lowest has as many the other way
    velocity_curve: float = 1.0  # exponent; above 1 plays softer
    range_db: float | None = None  # between velocities 1 and 127; None: as recorded
    release: float = 0.18  # s to fall by 60 dB under the damper of a middle key
    top_damper: int = 89  # the highest MIDI pitch that has a damper
    resonance_db: float = -26.0  # the other strings while the pedal is down
    place_db: tuple[float, ...] = ()  # of the microphones: cosines over the keyboard
    shelf_db: float = 0.0  # gain of the bass
    shelf_hz: float = 150.0
    room_db: float = -14.0  # reverberation against the direct sound
    room_seconds: float = 0.5  # reverberation time, where the room is not a measured one
    room_damping: float = 0.5  # how much sooner the treble dies away
    level_db: float = -26.0  # RMS of the whole piece, full scale
    noise_db: float = -70.0  # background, against the RMS of the piece
    noise_tilt_db: float = 3.0  # fall per octave


def random_setting(rng: np.random.Generator) -> Setting:
    """Draw a setting: from a studio recording of a concert grand to a cassette from the parlour."""
    return Setting(
        seed=int(rng.integers(2**31)),
        tune_cents=float(np.clip(rng.normal(0, 12), -30, 30)),
        stretch_cents=float(rng.uniform(-6, 12)),
        velocity_curve=float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))),
        range_db=None if rng.random() < 0.25 else float(rng.uniform(20, 45)),
        release=float(np.exp(rng.uniform(np.log(0.09), np.log(0.5)))),
        top_damper=int(rng.integers(87, 93)),
        resonance_db=float(rng.uniform(-38, -16)),
        place_db=_random_place(rng),
        shelf_db=float(rng.uniform(-9, 6)),
        shelf_hz=float(rng.uniform(80, 300)),
        room_db=float(rng.uniform(-30, -3)),
        room_seconds=float(np.exp(rng.uniform(np.log(0.15), np.log(1.4)))),
        room_damping=float(rng.uniform(0.2, 0.8)),
        level_db=float(rng.uniform(-40, -20)),
        noise_db=float(rng.uniform(-75, -50)),
        noise_tilt_db=float(rng.uniform(0, 6)),
    )


def play(
    piano: SampledPiano,
    notes: Notes,
    setting: Setting,
    rng: np.random.Generator,
    rooms: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Play `notes` (raw key releases; CC64 in notes.pedal) and record it: float32 (S,), 16 kHz.

    rooms: measured impulse responses; half of all settings use one of them. rng: makes strokes a
    little uneven. A piece that would clip at its level is turned down as a whole.
    """
    audio = piano.render(
        notes,
        rng=rng,
        tune_cents=_tuning(setting),
        key_gain_db=_key_gains(setting),
        release=setting.release,
        velocity_curve=setting.velocity_curve,
        range_db=setting.range_db,
        resonance_db=setting.resonance_db,
        top_damper=setting.top_damper,
    )
    power = np.dot(audio, audio) / max(len(audio), 1)
    return record(audio, setting, rooms) if power else audio


def record(audio: np.ndarray, setting: Setting, rooms: Sequence[np.ndarray] = ()) -> np.ndarray:
    """The sound of a piano (S,), not silent, as the microphones of `setting` leave it: (S,)."""
    shelf = low_shelf(setting.shelf_db, setting.shelf_hz, SAMPLE_RATE)
    response = np.convolve(_response(setting, rooms), shelf)
    audio = convolve(audio, response)
    audio *= np.float32(10 ** (setting.level_db / 20) / np.sqrt(np.mean(np.square(audio))))
    rng = np.random.default_rng([setting.seed, 6])
    noise = coloured_noise(rng, NOISE_SAMPLES, setting.noise_tilt_db, SAMPLE_RATE)
    noise *= np.float32(10 ** ((setting.level_db + setting.noise_db) / 20))
    for start in range(0, len(audio), NOISE_SAMPLES):
        block = audio[start : start + NOISE_SAMPLES]
        block += noise[: len(block)]
    return keep_headroom(audio)


def _random_place(rng: np.random.Generator) -> tuple[float, ...]:
    """Slow waves over the keyboard that add up to 4 dB at most."""
    waves = rng.normal(size=3) / np.arange(1, 4)
    return tuple((rng.uniform(0, 4) * waves / np.abs(waves).sum()).tolist())


def _keyboard() -> np.ndarray:
    """The place of each key, 0 to 1: (88,)."""
    return np.linspace(0, 1, NUM_KEYS)


def _tuning(setting: Setting) -> np.ndarray:
    """Cents of each key, (88,); octaves are stretched most at both ends."""
    return setting.tune_cents + setting.stretch_cents * (2 * _keyboard() - 1) ** 3


def _key_gains(setting: Setting) -> np.ndarray:
    """How much nearer the microphones are to some keys, dB (88,)."""
    number = np.arange(1, len(setting.place_db) + 1)
    return np.cos(np.pi * _keyboard()[:, None] * number) @ np.asarray(setting.place_db)


def _response(setting: Setting, rooms: Sequence[np.ndarray]) -> np.ndarray:
    choice = np.random.default_rng([setting.seed, 7])
    if len(rooms) and choice.random() < MEASURED_ROOMS:
        return room_response(rooms[int(choice.integers(len(rooms)))], setting.room_db, SAMPLE_RATE)
    rng = np.random.default_rng([setting.seed, 5])
    seconds, damping = setting.room_seconds, setting.room_damping
    return impulse_response(rng, setting.room_db, seconds, damping, SAMPLE_RATE)
