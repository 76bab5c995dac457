"""Simulated recording conditions: each changes the audio of an excerpt, and its notes if needed.

Only detuning changes onsets: it changes the speed, and note times are scaled with it. It is by 45
cents at most, since beyond 50 a pitch is closer to the next key than to its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

from amt.io import audio
from amt.io.atomic import atomic_write
from amt.io.impulse_responses import direct_sound
from amt.io.midi import write_midi
from amt.io.note_tables import write_table
from amt.notes import Notes
from amt.synth.room import coloured_noise, convolve, keep_headroom, synthetic_impulse_response

# The built-in room: level of the reverberation relative to the direct sound, decay, damping.
ROOM = {"level_db": -3.0, "seconds": 1.2, "damping": 0.5}
PINK_DB = 3.0
TELEPHONE = (300.0, 3400.0)
FILTER_ORDER = 8

# Samples (S, C), sample rate and scene to samples (S', C).
Change = Callable[[np.ndarray, int, "Scene"], np.ndarray]


class ConditionError(ValueError):
    """A condition that cannot be applied; the message is one line."""


@dataclass(frozen=True)
class Scene:
    """Inputs of the conditions: a random generator, recorded noises, an impulse response file."""

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    noises: tuple[Path, ...] = ()
    response: Path | None = None


@dataclass(frozen=True)
class Condition:
    """A change of a recording. speed: factor of tempo and pitch. kbits: bit rate of an mp3."""

    change: Change
    speed: float = 1.0
    kbits: int | None = None


def clean(samples: np.ndarray, rate: int, scene: Scene) -> np.ndarray:
    """No change."""
    return samples


def quieter(db: float) -> Change:
    """Recorded at a lower level."""
    return lambda samples, rate, scene: samples * 10 ** (-db / 20)


def noisy(snr_db: float) -> Change:
    """Add a noise of the scene, or pink noise, `snr_db` decibels below the recording's RMS."""

    def change(samples: np.ndarray, rate: int, scene: Scene) -> np.ndarray:
        noise = _noise(len(samples), rate, scene)
        level = np.sqrt(np.mean(samples**2) / max(np.mean(noise**2), 1e-12))
        return samples + noise[:, None] * level * 10 ** (-snr_db / 20)

    return change


def detuned(cents: float) -> Condition:
    """Played back at another speed: pitch and tempo change together."""
    ratio = 2 ** (cents / 1200)
    return Condition(lambda samples, rate, scene: soxr.resample(samples, rate, rate / ratio), ratio)


def reverberant(samples: np.ndarray, rate: int, scene: Scene) -> np.ndarray:
    """In the room of the scene, or a built-in one; the direct sound is not delayed."""
    response = _response(rate, scene)
    channels = [convolve(channel, response) for channel in samples.T.astype(np.float32)]
    return np.stack(channels, axis=1)


def band_limited(samples: np.ndarray, rate: int, scene: Scene) -> np.ndarray:
    """The frequency band of a telephone: Butterworth slopes with zero phase."""
    hertz = np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 1e-3)
    gain = 1.0
    for edges in (TELEPHONE[0] / hertz, hertz / TELEPHONE[1]):
        gain = gain / np.sqrt(1 + edges ** (2 * FILTER_ORDER))
    return np.fft.irfft(np.fft.rfft(samples, axis=0) * gain[:, None], len(samples), axis=0)


def clipped(db: float) -> Change:
    """Recorded `db` decibels too loud: peaks are clipped."""
    gain = 10 ** (db / 20)

    def change(samples: np.ndarray, rate: int, scene: Scene) -> np.ndarray:
        return (samples * gain / max(np.abs(samples).max(initial=0), 1e-9)).clip(-1, 1)

    return change


CONDITIONS = {
    "clean": Condition(clean),
    "30 dB quieter": Condition(quieter(30)),
    "noise 20 dB below": Condition(noisy(20)),
    "noise 10 dB below": Condition(noisy(10)),
    "noise as loud": Condition(noisy(0)),
    "mp3 64 kbit/s": Condition(clean, kbits=64),
    "mp3 32 kbit/s": Condition(clean, kbits=32),
    "25 cents sharp": detuned(25),
    "25 cents flat": detuned(-25),
    "45 cents sharp": detuned(45),
    "45 cents flat": detuned(-45),
    "reverberant": Condition(reverberant),
    "300-3400 Hz": Condition(band_limited),
    "clipped by 12 dB": Condition(clipped(12)),
    "clipped by 18 dB": Condition(clipped(18)),
}


def write_condition(
    condition: Condition, samples: np.ndarray, rate: int, notes: Notes, scene: Scene, stem: Path
) -> None:
    """Write the changed recording, samples (S, C) in -1..1, and its notes to files named `stem`."""
    changed = keep_headroom(condition.change(samples, rate, scene))
    if condition.kbits:
        write_mp3(stem.with_name(stem.name + ".mp3"), changed, rate, condition.kbits)
    else:
        audio.save(stem.with_name(stem.name + ".wav"), changed, rate)
    notes = scaled(notes, 1 / condition.speed)
    if len(notes.pedal):
        write_midi(stem.with_name(stem.name + ".mid"), notes)
    else:
        write_table(stem.with_name(stem.name + ".tsv"), notes)


def scaled(notes: Notes, factor: float) -> Notes:
    """All times multiplied."""
    return notes.retime(lambda times: times * factor)


def write_mp3(path: Path, samples: np.ndarray, rate: int, kbits: int) -> None:
    """Write an mp3 file of constant bit rate with ffmpeg (libsndfile's are late below 40 kbit/s).

    Raises ConditionError if ffmpeg is missing or fails.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise ConditionError(f"cannot write {path}: install ffmpeg and try again")
    with atomic_write(path) as part, tempfile.NamedTemporaryFile(suffix=".wav") as wav:
        audio.save(wav.name, samples, rate)
        command = [program, "-v", "error", "-nostdin", "-i", wav.name, "-b:a", f"{kbits}k", part]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ConditionError(f"cannot write {path}: {' '.join(done.stderr.split())}")


def _noise(samples: int, rate: int, scene: Scene) -> np.ndarray:
    """One of the recorded noises, repeated to the length, or pink noise: (S,)."""
    if not scene.noises:
        return coloured_noise(scene.rng, samples, PINK_DB, rate)
    noise = audio.load(scene.noises[scene.rng.integers(len(scene.noises))], rate)
    return np.resize(noise, samples)


def _response(rate: int, scene: Scene) -> np.ndarray:
    """An impulse response that begins with the direct sound, which has the value 1."""
    if scene.response is None:
        return synthetic_impulse_response(scene.rng, **ROOM, sample_rate=rate)
    response = audio.load(scene.response, rate)
    direct = direct_sound(response, rate)
    return response[direct:] / response[direct]
