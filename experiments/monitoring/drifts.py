"""Ways in which what is recorded changes: each turns an excerpt into another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr
from excerpts import Excerpt
from scipy.signal import lfilter

from amt.io.audio import SAMPLE_RATE, load
from amt.io.impulse_responses import direct_sound
from amt.notes import Notes
from amt.synth.room import coloured_noise, convolve, keep_headroom

Drift = Callable[[Excerpt, np.random.Generator], Excerpt]

# Drawbars of an organ: multiples of the fundamental, and their levels in dB.
ORGAN = ((0.5, -6.0), (1.0, 0.0), (1.5, -9.0), (2.0, -3.0), (3.0, -9.0), (4.0, -8.0), (8.0, -15.0))
ORGAN_RAMP = 0.01  # s
FORMANTS = ((270, 2290, 3010), (730, 1090, 2440), (300, 870, 2240), (530, 1840, 2480))


def quieter(db: float) -> Drift:
    """The microphone's gain is lower; the noise of its amplifier, at -75 dBFS, is not."""

    def change(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
        noise = rng.standard_normal(len(excerpt.audio)) * 10 ** (-75 / 20)
        audio = excerpt.audio * 10 ** (-db / 20) + noise
        return replace(excerpt, audio=audio.astype(np.float32))

    return change


def hall(response: Path) -> Drift:
    """In a measured hall; the direct sound is not delayed, the level as before."""
    measured = load(response, SAMPLE_RATE)
    first = direct_sound(measured, SAMPLE_RATE)
    measured = measured[first:] / measured[first]

    def change(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
        return replace(excerpt, audio=_as_loud(convolve(excerpt.audio, measured), excerpt.audio))

    return change


def detuned(cents: float) -> Drift:
    """The instrument is flat or sharp: pitch and speed change together."""
    ratio = 2 ** (cents / 1200)

    def change(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
        audio = soxr.resample(excerpt.audio, SAMPLE_RATE, SAMPLE_RATE / ratio)
        notes = excerpt.notes
        scaled = replace(notes, onset=notes.onset / ratio, offset=notes.offset / ratio)
        return replace(excerpt, audio=audio, notes=scaled)

    return change


def noisy(snr_db: float) -> Drift:
    """Pink noise, a fan say, `snr_db` below the recording."""

    def change(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
        noise = coloured_noise(rng, len(excerpt.audio), 3.0, SAMPLE_RATE)
        gain = _rms(excerpt.audio) * 10 ** (-snr_db / 20)
        return replace(excerpt, audio=keep_headroom(excerpt.audio + noise * np.float32(gain)))

    return change


def organ(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
    """The same notes on an organ: sums of sines that neither decay nor heed velocities."""
    out = np.zeros(len(excerpt.audio))
    for onset, offset, pitch in zip(*_columns(excerpt.notes), strict=True):
        first = round(onset * SAMPLE_RATE)
        out[first:][: round((offset - onset) * SAMPLE_RATE)] += _organ_note(
            pitch, min(round((offset - onset) * SAMPLE_RATE), len(out) - first), rng
        )
    return replace(excerpt, audio=_as_loud(out.astype(np.float32), excerpt.audio))


def speech_like(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
    """No piano: a pulse train of gliding pitch through formants that change, with pauses."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < len(excerpt.audio):
        parts.append(_syllable(rng))
        if rng.random() < 0.2:
            parts.append(np.zeros(round(rng.uniform(0.1, 0.5) * SAMPLE_RATE)))
    audio = np.concatenate(parts)[: len(excerpt.audio)].astype(np.float32)
    audio += rng.standard_normal(len(audio), dtype=np.float32) * np.float32(_rms(audio) * 1e-2)
    return replace(excerpt, audio=_as_loud(audio, excerpt.audio), notes=Notes.empty())


def everyday(noises: Sequence[Path]) -> Drift:
    """No piano: everyday sounds, one after another."""

    def change(excerpt: Excerpt, rng: np.random.Generator) -> Excerpt:
        parts: list[np.ndarray] = []
        while sum(map(len, parts)) < len(excerpt.audio):
            parts.append(load(noises[int(rng.integers(len(noises)))], SAMPLE_RATE))
        audio = np.concatenate(parts)[: len(excerpt.audio)]
        return replace(excerpt, audio=_as_loud(audio, excerpt.audio), notes=Notes.empty())

    return change


def _columns(notes: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return notes.onset, notes.offset, notes.pitch


def _organ_note(pitch: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(max(samples, 0)) / SAMPLE_RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = np.zeros(len(time))
    for multiple, db in ORGAN:
        if hertz * multiple < SAMPLE_RATE / 2:
            phase = rng.uniform(0, 2 * np.pi)
            wave += 10 ** (db / 20) * np.sin(2 * np.pi * hertz * multiple * time + phase)
    ends = np.minimum(time, time[::-1]) / ORGAN_RAMP if len(time) else time
    return wave * np.minimum(ends, 1)


def _syllable(rng: np.random.Generator) -> np.ndarray:
    """A voiced sound of 0.1 to 0.3 s between 90 and 250 Hz, with three formants."""
    samples = round(rng.uniform(0.1, 0.3) * SAMPLE_RATE)
    start, end = rng.uniform(90, 250), rng.uniform(0.8, 1.2)
    pitch = np.linspace(start, start * end, samples)
    sound = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE), prepend=0.0)
    for hertz in FORMANTS[int(rng.integers(len(FORMANTS)))]:
        radius = np.exp(-np.pi * 90 / SAMPLE_RATE)
        turn = 2 * np.pi * hertz * rng.uniform(0.9, 1.1) / SAMPLE_RATE
        sound = lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], sound)
    return sound * np.hanning(samples)


def _rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio)))) + 1e-9


def _as_loud(audio: np.ndarray, other: np.ndarray) -> np.ndarray:
    return keep_headroom(audio * np.float32(_rms(other) / _rms(audio)))
