"""Generated pieces whose key, tempo, metre, chords and sections are known."""

from __future__ import annotations

import numpy as np

from amt.notes import Notes

MAJOR_SCALE, MINOR_SCALE = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 11)
# Roots of the chords of eight bars, as intervals above the tonic, and their thirds.
MAJOR_BARS = ((0, 4), (5, 4), (7, 4), (0, 4), (9, 3), (2, 3), (7, 4), (0, 4))
MINOR_BARS = ((0, 3), (5, 3), (7, 4), (0, 3), (8, 4), (5, 3), (7, 4), (0, 3))
HALVES = ((1.0,), (0.5, 0.5), (0.25, 0.25, 0.5), (0.75, 0.25))
THIRDS = ((1.0,), (1 / 3, 1 / 3, 1 / 3), (2 / 3, 1 / 3))
MAJOR_NAMES = ("C", "F", "G", "C", "Am", "Dm", "G", "C")


def piece(
    seed: int = 0,
    tonic: int = 0,
    minor: bool = False,
    bpm: float = 100.0,
    beats: int = 4,
    division: int = 2,
    bars: int = 16,
    jitter: float = 0.01,
) -> Notes:
    """A bass note on the first beat, chords on the others, a random melody, and a final chord.

    jitter: standard deviation of the onsets in seconds.
    """
    generator = np.random.default_rng(seed)
    scale = MINOR_SCALE if minor else MAJOR_SCALE
    rows: list[tuple[float, float, int, int]] = []
    for bar in range(bars):
        root, third = (MINOR_BARS if minor else MAJOR_BARS)[bar % 8]
        start = bar * beats
        rows.append((start, 0.9 * beats, 36 + (root + tonic) % 12, 75))
        for beat in range(start, start + beats):
            if beat > start:
                low = 48 + (root + tonic) % 12
                rows += [(beat, 0.8, low + third, 50), (beat, 0.8, low + 7, 50)]
            at, cells = float(beat), THIRDS if division == 3 else HALVES
            for length in cells[generator.integers(len(cells))]:
                chord = at == beat
                tone = root + (0, third, 7)[generator.integers(3)]
                tone = tone if chord else scale[generator.integers(7)]
                velocity = 70 + 8 * (at == start) + int(generator.integers(-6, 6))
                rows.append((at, 0.9 * length, 72 + (tone + tonic) % 12, velocity))
                at += length
    close = (36 + tonic, 48 + tonic, 52 + tonic - minor, 55 + tonic, 72 + tonic)
    rows += [(bars * beats, beats, pitch, 75) for pitch in close]
    onset, seconds, pitch, velocity = np.array(rows).T
    onset, seconds = onset * 60 / bpm, seconds * 60 / bpm
    onset = 1 + onset + generator.normal(0, jitter, len(onset))
    return Notes(onset, onset + seconds, pitch, velocity)


def melody(pitches: list[int], lengths: list[float] | float = 0.5, start: float = 0.0) -> Notes:
    """One voice; `lengths` are inter-onset intervals in seconds."""
    seconds = np.broadcast_to(np.asarray(lengths, dtype=float), len(pitches))
    onset = start + np.append(0.0, np.cumsum(seconds))[:-1]
    return Notes(onset, onset + 0.95 * seconds, np.array(pitches), np.full(len(pitches), 64))


def joined(*parts: Notes, gap: float = 0.5) -> Notes:
    """Pieces in succession; each begins `gap` seconds after the last onset of the one before."""
    columns, time = [], 0.0
    for part in parts:
        shift = time - part.onset[0]
        columns.append((part.onset + shift, part.offset + shift, part.pitch, part.velocity))
        time = float(part.onset[-1] + shift) + gap
    return Notes(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def changed(
    notes: Notes, semitones: int = 0, slower: float = 1.0, velocity: int = 0, shift: float = 0.0
) -> Notes:
    """Notes transposed, stretched by `slower` and shifted in time, and with higher velocity."""
    onset, offset = (shift + slower * times for times in (notes.onset, notes.offset))
    return Notes(onset, offset, notes.pitch + semitones, notes.velocity + velocity, notes.pedal)
