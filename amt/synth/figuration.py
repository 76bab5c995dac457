"""Figuration: the patterns in which one hand plays a chord.

Each figure is a function of (rng, chord, centre, count) that returns `count` groups. A group is a
list of MIDI pitches that are struck together; an empty group is a rest. `centre` (a MIDI pitch) is
the position of the hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amt.notes import MAX_PITCH, MIN_PITCH
from amt.synth.harmony import PITCHES, Chord

Groups = list[list[int]]
Figure = Callable[[np.random.Generator, Chord, float, int], Groups]


def _nearest(pool: np.ndarray, pitch: float) -> int:
    """Index of the pitch in `pool` nearest to `pitch`."""
    return int(np.argmin(np.abs(pool - pitch)))


def _walk(pool: np.ndarray, start: int, steps: np.ndarray) -> np.ndarray:
    """Pitches of `pool` along cumulative steps from index `start`, reflected at both ends."""
    index = start + np.cumsum(steps)
    period = max(2 * (len(pool) - 1), 1)
    index = np.abs(index) % period
    return pool[np.minimum(index, period - index)]


def _voicing(rng: np.random.Generator, chord: Chord, centre: float, size: int) -> list[int]:
    """Up to `size` tones of the chord within the reach of one hand (16 semitones at most)."""
    reach = int(rng.integers(9, 17))
    low = centre - reach / 2
    reachable = chord.tones[(chord.tones >= low) & (chord.tones <= low + reach)]
    if not len(reachable):
        reachable = chord.tones[[_nearest(chord.tones, centre)]]
    chosen = rng.choice(reachable, size=min(size, len(reachable)), replace=False)
    return sorted(int(pitch) for pitch in chosen)


def chords(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """Block chords, mostly in the same voicing."""
    size = int(rng.integers(2, 6))
    voicing = _voicing(rng, chord, centre, size)
    groups = []
    for _ in range(count):
        if rng.random() < 0.35:
            voicing = _voicing(rng, chord, centre + rng.normal(0, 4), size)
        groups.append(voicing)
    return groups


def melody(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """A melody on the scale, sometimes doubled at a third, sixth or octave."""
    steps = rng.choice([-4, -3, -2, -1, -1, 0, 1, 1, 2, 3, 4], size=count)
    line = _walk(chord.scale, _nearest(chord.scale, centre), steps)
    doubling = int(rng.choice([0, 0, 0, 0, 3, 4, 8, 9, 12]))
    groups = [[int(pitch)] for pitch in line]
    if doubling:
        groups = [[*group, group[0] - doubling] for group in groups]
    return groups


def run(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """A diatonic or chromatic run that sometimes turns, sometimes in thirds or octaves."""
    pool = PITCHES if rng.random() < 0.25 else chord.scale
    turns = rng.random(count) < rng.choice([0.0, 0.05, 0.2])
    steps = np.where(np.cumsum(turns) % 2, -1, 1) * int(rng.choice([-1, 1]))
    line = _walk(pool, _nearest(pool, centre), steps)
    doubling = int(rng.choice([0, 0, 0, 0, 0, 3, 4, 12]))
    return [[int(p), int(p) - doubling] if doubling else [int(p)] for p in line]


def arpeggio(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """An arpeggio up and down over one to five octaves."""
    span = int(rng.integers(3, 4 * 5))
    pool = chord.tones
    first = max(_nearest(pool, centre) - span // 2, 0)
    pool = pool[first : first + span + 1]
    stride = 1 if rng.random() < 0.8 else 2
    steps = np.full(count, stride)
    return [[int(p)] for p in _walk(pool, int(rng.integers(len(pool))), steps)]


def broken(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """A repeated pattern on one voicing, such as an Alberti bass."""
    voicing = _voicing(rng, chord, centre, int(rng.integers(3, 5)))
    patterns = ([0, -1, 1, -1], [0, 1, -1, 1], [0, 1, 2], [-1, 1, 0, 1], [0, -1])
    pattern = patterns[rng.integers(len(patterns))]
    size = len(voicing)
    return [[voicing[pattern[i % len(pattern)] % size]] for i in range(count)]


def repeated(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """One note or voicing, repeated."""
    group = _voicing(rng, chord, centre, int(rng.choice([1, 1, 1, 2, 3])))
    return [group] * count


def trill(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """Two alternating pitches: neighbours (trill), or up to an octave apart (tremolo)."""
    low = int(chord.scale[_nearest(chord.scale, centre)])
    high = low + int(rng.choice([1, 1, 2, 2, 2, 3, 4, 7, 12]))
    held = [low - int(rng.integers(3, 9))] if rng.random() < 0.2 else []
    groups = [[low] if i % 2 else [high] for i in range(count)]
    groups[0] = groups[0] + held
    return groups


def stride(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """Stride: a bass note or octave, then chords far above it."""
    low = int(chord.tones[_nearest(chord.tones, centre - rng.integers(8, 20))])
    bass = [low, low + 12] if rng.random() < 0.4 else [low]
    size, every = int(rng.integers(2, 5)), int(rng.choice([2, 2, 3, 4]))
    return [
        bass if i % every == 0 else _voicing(rng, chord, centre + rng.integers(0, 8), size)
        for i in range(count)
    ]


def octaves(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """A melody in octaves, sometimes filled with chord tones."""
    steps = rng.choice([-2, -1, 1, 2], size=count)
    line = _walk(chord.scale, _nearest(chord.scale, centre - 6), steps)
    full = rng.random() < 0.4
    groups = []
    for pitch in line.tolist():
        inner = chord.tones[(chord.tones > pitch + 2) & (chord.tones < pitch + 10)]
        groups.append([pitch, pitch + 12, *(inner[:3].tolist() if full else [])])
    return groups


def leaps(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """Wide leaps to single notes, intervals or chords, diatonic or chromatic."""
    pitches = centre + rng.normal(0, rng.uniform(8, 18), size=count)
    pool = PITCHES if rng.random() < 0.4 else chord.scale
    size = int(rng.choice([1, 1, 1, 2, 3]))
    if size == 1:
        return [[int(pool[_nearest(pool, pitch)])] for pitch in pitches]
    return [_voicing(rng, chord, pitch, size) for pitch in pitches]


def held(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """One voicing, held for the whole chord."""
    rests: Groups = [[] for _ in range(count - 1)]
    return [_voicing(rng, chord, centre, int(rng.integers(1, 6))), *rests]


def silence(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """Rests: only the other hand plays."""
    return [[] for _ in range(count)]


def sweep(rng: np.random.Generator, chord: Chord, centre: float, count: int) -> Groups:
    """A run to the lowest or the highest key."""
    pool = (PITCHES, chord.scale, chord.tones)[rng.integers(3)]
    upwards = rng.random() < 0.5
    end = MAX_PITCH if upwards else MIN_PITCH
    step = 1 if upwards else -1
    start = _nearest(pool, end - step * int(rng.integers(count, 3 * count + 1)))
    return [[int(p)] for p in _walk(pool, start, np.full(count, step))]


@dataclass(frozen=True)
class Figuration:
    """A figure, its range of tempo and its frequency.

    min_step, max_step: time between its groups in seconds. right, left: how often each hand plays
    it, as weights. even: all groups are equally long; otherwise they get a rhythm.
    """

    figure: Figure
    min_step: float
    max_step: float
    right: float
    left: float
    even: bool = True


FIGURATIONS = (
    Figuration(chords, 0.18, 0.8, 10, 10, even=False),
    Figuration(melody, 0.13, 0.6, 26, 7, even=False),
    Figuration(run, 0.055, 0.18, 14, 7),
    Figuration(arpeggio, 0.06, 0.25, 11, 15),
    Figuration(broken, 0.08, 0.28, 5, 15),
    Figuration(repeated, 0.075, 0.4, 3, 3),
    Figuration(trill, 0.05, 0.12, 4, 2),
    Figuration(stride, 0.18, 0.5, 1, 11),
    Figuration(octaves, 0.12, 0.6, 6, 6, even=False),
    Figuration(leaps, 0.1, 0.5, 5, 4, even=False),
    Figuration(held, 0.5, 1.0, 3, 10),
    Figuration(silence, 0.5, 1.0, 3, 5),
    Figuration(sweep, 0.04, 0.12, 1, 1),
)
