"""Random piano pieces with bars: notes with their beats, downbeats, metre and key signature.

Phrases of some bars follow one another and return (`amt.synth.phrases`). Notes on strong beats are
louder, harmony changes with the bars, the tempo slows at the ends of phrases. For training on
beats; `amt.synth.performer` makes pieces with the key distribution of real music, without bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from amt.notes import MAX_PITCH, MIN_PITCH, Notes
from amt.synth import harmony
from amt.synth.performer import (
    RIGHT,
    Score,
    clock_seconds,
    finish_velocities,
    pedalling,
    separate,
    time_notes,
)
from amt.synth.phrases import Hand, Phrase, random_phrases
from amt.synth.rhythm import Cell

# Steps of the clock in a beat, as in `amt.synth.performer`.
CLOCK_STEPS = 8
# Scales, and semitones from their tonic to that of the major key with the same signature.
KEYS = (("major", 0), ("major", 0), ("minor", 3), ("harmonic minor", 3))
GRACE_NOTES = 0.02
GRACE_BEATS = 0.1
# Beat, length in beats, pitch, velocity, hand.
Row = tuple[float, float, int, float, int]


@dataclass(frozen=True, eq=False)
class MetricalPiece:
    """Notes (key releases, and CC64) and beats (N,): seconds, whether a bar begins, and the metre.

    Beats are in the unit of the metre: two in 6/8. Those before the first downbeat are a pickup.
    major: pitch class of the major key with the piece's key signature.
    """

    notes: Notes
    beats: np.ndarray
    downbeats: np.ndarray
    metres: tuple[str, ...]
    major: int


def metrical_piece(rng: np.random.Generator, seconds: float) -> MetricalPiece:
    """A random piece of `seconds` seconds or somewhat more."""
    tonic = int(rng.integers(12))
    scale, to_major = KEYS[rng.integers(len(KEYS))]
    phrases = random_phrases(rng, seconds, tonic, harmony.SCALES[scale])
    # The clock begins some whole beats before the first bar, so that a pickup has room.
    lead = float(np.ceil(phrases[0].pickup))
    clock = _clock(rng, phrases, lead)
    notes = _performed(rng, phrases, clock, lead)
    beats, bars, metres = _beats(phrases, lead)
    return MetricalPiece(
        notes=notes,
        beats=clock_seconds(clock, beats),
        downbeats=np.isin(beats, bars),
        metres=metres,
        major=(tonic + to_major) % 12,
    )


def _beats(phrases: Sequence[Phrase], lead: float) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Beats and bars on the clock, in beats, and the metre of each beat; with those of a pickup."""
    first = lead - np.floor(phrases[0].pickup)
    lengths = [one.kind.beats for one in phrases for _ in one.letters]
    bars = lead + np.cumsum([0, *lengths])
    beats = np.arange(first, bars[-1])
    metres = [
        one.kind.signature for one in phrases for _ in one.letters for _ in range(one.kind.beats)
    ]
    pickup = [phrases[0].kind.signature] * int(lead - first)
    return beats, bars, (*pickup, *metres)


def _performed(
    rng: np.random.Generator, phrases: Sequence[Phrase], clock: np.ndarray, lead: float
) -> Notes:
    """The phrases as notes in seconds, with velocities and pedal."""
    score = _score(rng, phrases, lead)
    onset, offset = time_notes(rng, score, clock, 0.0)
    velocity = finish_velocities(rng, score, onset)
    chords = [chord for one in phrases for bar in one.chords for chord in bar]
    chords[0] = replace(chords[0], beats=chords[0].beats + lead)
    sections = [number for number, one in enumerate(phrases) for bar in one.chords for _ in bar]
    pedal = pedalling(rng, chords, sections, clock, float(clock[-1]))
    kept = (score.pitch >= MIN_PITCH) & (score.pitch <= MAX_PITCH)
    return separate(onset[kept], offset[kept], score.pitch[kept], velocity[kept], pedal)


def _score(rng: np.random.Generator, phrases: Sequence[Phrase], lead: float) -> Score:
    """All notes on the clock; the right hand leaves a phrase when the next upbeat begins."""
    starts = lead + np.cumsum([0, *(one.beats for one in phrases)])
    pickups = [*(one.pickup for one in phrases[1:]), 0.0]
    rows: list[Row] = []
    for phrase, start, stop, pickup in zip(phrases, starts, starts[1:], pickups, strict=False):
        for hand in phrase.hands:
            end = stop - (pickup if hand.hand == RIGHT else 0.0)
            rows.extend(row for row in _rows(rng, phrase, hand, start) if row[0] < end - 1e-6)
    table = np.array(rows).T
    return Score(table[0], table[1], table[2].astype(np.int64), table[3], table[4])


def _rows(rng: np.random.Generator, phrase: Phrase, hand: Hand, start: float) -> Iterator[Row]:
    """The notes of one hand in a phrase that begins at beat `start`."""
    if hand.hand == RIGHT:
        yield from _play(rng, phrase, hand, phrase.chords[0][0], phrase.upbeat, start, "upbeat")
    for letter, bar in zip(phrase.letters, phrase.chords, strict=True):
        begin = 0.0
        for chord in bar:
            length = min(chord.beats, phrase.kind.beats - begin)
            cell = tuple(n for n in hand.cells[letter] if begin <= n[0] < begin + length - 1e-6)
            yield from _play(rng, phrase, hand, chord, cell, start, f"{letter}{begin}")
            begin += length
        start += phrase.kind.beats


def _play(
    rng: np.random.Generator,
    phrase: Phrase,
    hand: Hand,
    chord: harmony.Chord,
    cell: Cell,
    bar: float,
    name: str,
) -> Iterator[Row]:
    """Notes in the rhythm of `cell`; cells of one name have the same contour."""
    same = np.random.default_rng([hand.seed, *name.encode()])
    groups = hand.figure(same, chord, hand.centre, max(len(cell), 1))
    for group, (start, length) in zip(groups, cell, strict=False):
        velocity = hand.velocity + _accent(phrase, start) + rng.normal(0, 3)
        lasting = max(length * hand.articulation, 0.05)
        for pitch in sorted(set(group)):
            yield bar + start, lasting, pitch, velocity, hand.hand
        if hand.hand == RIGHT and group and rng.random() < GRACE_NOTES:
            yield bar + start - GRACE_BEATS, GRACE_BEATS, max(group) + 1, velocity - 6, hand.hand


def _accent(phrase: Phrase, start: float) -> float:
    """Velocity that a note at `start` beats from the beginning of its bar gets for its place."""
    on_bar, on_beat = phrase.accents
    return on_bar * (start == 0) + on_beat * (start % 1 == 0)


def _clock(rng: np.random.Generator, phrases: Sequence[Phrase], lead: float) -> np.ndarray:
    """Time in seconds of every eighth of a beat: the tempo drifts and slows at ends of phrases."""
    silence = float(rng.uniform(0, 1.5))
    drift, slowing, swing = rng.uniform(0.01, 0.12), rng.uniform(0, 0.4), rng.uniform(0, 0.06)
    rates = [np.full(round(lead * CLOCK_STEPS), 60 / phrases[0].tempo)]
    for number, phrase in enumerate(phrases):
        beat = np.arange(phrase.beats * CLOCK_STEPS) / CLOCK_STEPS
        knots = np.arange(phrase.beats + 1)
        bend = np.interp(beat, knots, rng.normal(0, drift, len(knots)))
        bend += swing * np.cos(2 * np.pi * beat / phrase.kind.beats) * rng.uniform(-1, 1)
        last = number == len(phrases) - 1
        bend += (
            slowing
            * rng.uniform(1 if last else 0, 2 if last else 1)
            * (np.maximum(beat - phrase.beats + 4, 0) / 4) ** 2
        )
        rates.append(60 / phrase.tempo * np.exp(bend))
    rates.append(np.full(4 * CLOCK_STEPS, 60 / phrases[-1].tempo))
    return silence + np.concatenate([[0.0], np.cumsum(np.concatenate(rates) / CLOCK_STEPS)])
