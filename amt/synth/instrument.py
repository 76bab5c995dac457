"""The parameters of the built-in piano, and random instruments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Instrument:
    """Parameters of one piano in one room.

    The ranges in `random_instrument` enclose what was measured on two recorded grands and an
    upright: decay by register, partials by velocity, inharmonicity, hammer noise. `seed` fixes the
    details that have no parameter: phases, and differences between keys and between strings.
    """

    seed: int = 0
    tune_cents: float = 0.0
    stretch: float = 1.0  # stretched octaves; 1 is +-26 cents at the ends of the keyboard
    inharmonicity: float = 1.0  # factor, plain strings
    bass_inharmonicity: float = 1.0  # factor, wound strings
    detune_cents: float = 0.5  # between the strings of one key
    decay: float = 1.0  # factor on all decay times
    treble_loss: float = 16.0  # additional decay in dB/s at 2 kHz
    aftersound_db: float = -14.0  # level of the slow second stage of the decay
    hammer_position: float = 0.12  # as a fraction of the string length
    tilt_db: float = 5.0  # fall of the partials per octave
    loud_slope_db: float = 8.5  # fall of the partials per kHz at velocity 127
    soft_slope_db: float = 12.0  # additional fall per kHz towards velocity 0
    soundboard_db: float = 3.0  # standard deviation of its resonances
    low_cut_hz: float = 85.0  # below this the soundboard hardly radiates
    uneven_db: float = 3.0  # standard deviation between partials
    register_tilt_db: float = -0.2  # change of level per octave of the keyboard
    dynamic_range_db: float = 28.0  # between velocities 1 and 127
    velocity_curve: float = 0.8  # exponent; smaller makes medium velocities louder
    rise: float = 1.0  # factor on the rise time of the tone
    hammer_noise_db: float = -20.0  # relative to the tone of a middle key
    hammer_noise_decay: float = 0.012  # s
    hammer_noise_tilt_db: float = 6.0  # fall of its spectrum per octave
    key_release_noise_db: float = -42.0  # relative to the tone of a middle key
    release: float = 0.18  # s for a damped middle key to fall by 60 dB
    top_damper: int = 89  # the highest MIDI pitch that has a damper
    resonance_db: float = -26.0  # sympathetic resonance while the pedal is down
    room_db: float = -14.0  # energy of the reverberation relative to the direct sound
    room_seconds: float = 0.5  # reverberation time
    room_damping: float = 0.5  # how much faster high frequencies decay, 0-1
    noise_db: float = -75.0  # background noise, relative to full scale
    noise_tilt_db: float = 3.0  # fall per octave


def random_instrument(rng: np.random.Generator) -> Instrument:
    """Random parameters, from a good grand in a studio to a worn upright in a hall."""
    return Instrument(
        seed=int(rng.integers(2**31)),
        tune_cents=float(np.clip(rng.normal(0, 10), -30, 30)),
        stretch=float(rng.uniform(0.5, 1.4)),
        inharmonicity=float(np.exp(rng.normal(0.05, 0.25))),
        bass_inharmonicity=float(np.exp(rng.normal(0.2, 0.45))),
        detune_cents=float(np.exp(rng.normal(-0.7, 0.7))),
        decay=float(np.exp(rng.normal(0, 0.25))),
        treble_loss=float(rng.uniform(8, 28)),
        aftersound_db=float(rng.uniform(-20, -8)),
        hammer_position=float(rng.uniform(0.09, 0.15)),
        tilt_db=float(rng.uniform(2, 8)),
        loud_slope_db=float(rng.uniform(4, 13)),
        soft_slope_db=float(rng.uniform(6, 18)),
        soundboard_db=float(rng.uniform(1.5, 5)),
        low_cut_hz=float(rng.uniform(55, 115)),
        uneven_db=float(rng.uniform(1.5, 5)),
        register_tilt_db=float(rng.uniform(-1.2, 1.0)),
        dynamic_range_db=float(rng.uniform(18, 42)),
        velocity_curve=float(np.exp(rng.normal(-0.2, 0.25))),
        rise=float(np.exp(rng.normal(0, 0.3))),
        hammer_noise_db=float(rng.uniform(-34, -12)),
        hammer_noise_decay=float(np.exp(rng.uniform(np.log(0.006), np.log(0.022)))),
        hammer_noise_tilt_db=float(rng.uniform(3, 9)),
        key_release_noise_db=float(rng.uniform(-60, -36)),
        release=float(np.exp(rng.uniform(np.log(0.09), np.log(0.4)))),
        top_damper=int(rng.integers(87, 93)),
        resonance_db=float(rng.uniform(-38, -16)),
        room_db=float(rng.uniform(-30, -3)),
        room_seconds=float(np.exp(rng.uniform(np.log(0.15), np.log(1.4)))),
        room_damping=float(rng.uniform(0.2, 0.8)),
        noise_db=float(rng.uniform(-95, -52)),
        noise_tilt_db=float(rng.uniform(0, 6)),
    )
