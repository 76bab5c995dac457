"""Random phrases for two hands: bars of one metre, with rhythms that repeat from bar to bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from amt.synth import figuration, harmony
from amt.synth.harmony import Chord
from amt.synth.performer import LEFT, RIGHT
from amt.synth.rhythm import Cell, cadence, even_cell, free_cell, upbeat

BARS_OF_PHRASES = (4, 4, 4, 4, 8, 8, 2, 6, 3, 5)
# Which cell each bar of a phrase has.
PATTERNS = ("AAAA", "AAAB", "ABAB", "ABAC", "AABC", "ABCD", "ABBC")
# A phrase returns, rather than a new one, this often; its metre changes this often.
RETURNS, NEW_METRE = 0.45, 0.04


@dataclass(frozen=True)
class MetreKind:
    """A metre, beats per bar, parts of a beat, and the range of its tempo in beats a minute."""

    signature: str
    beats: int
    parts: int
    slowest: float
    fastest: float
    weight: float


METRE_KINDS = (
    MetreKind("4/4", 4, 2, 45, 170, 30),
    MetreKind("3/4", 3, 2, 45, 200, 20),
    MetreKind("2/4", 2, 2, 40, 150, 14),
    MetreKind("6/8", 2, 3, 30, 120, 12),
    MetreKind("2/2", 2, 4, 45, 120, 7),
    MetreKind("3/8", 3, 2, 90, 260, 5),
    MetreKind("9/8", 3, 3, 30, 110, 4),
    MetreKind("12/8", 4, 3, 30, 130, 4),
    MetreKind("6/4", 2, 3, 25, 70, 2),
    MetreKind("12/16", 4, 3, 40, 120, 1),
    MetreKind("3/2", 3, 4, 35, 80, 1),
)


@dataclass(frozen=True)
class Hand:
    """How one hand plays a phrase: a figure in cells, at a position (MIDI pitch)."""

    hand: int
    figure: figuration.Figure
    cells: dict[str, Cell]
    centre: float
    articulation: float
    velocity: float
    seed: int


@dataclass(frozen=True)
class Phrase:
    """Bars of one metre: a letter for the cells of each, chords, and both hands.

    upbeat: notes of the right hand before the first bar. accents: velocity that the first beat of a
    bar and any beat adds. tempo: in beats a minute.
    """

    kind: MetreKind
    letters: str
    chords: tuple[tuple[Chord, ...], ...]
    hands: tuple[Hand, Hand]
    upbeat: Cell
    accents: tuple[float, float]
    tempo: float

    @property
    def beats(self) -> int:
        """Length without the upbeat."""
        return len(self.letters) * self.kind.beats

    @property
    def pickup(self) -> float:
        """Beats from the first note of the upbeat to the first bar."""
        return -self.upbeat[0][0] if self.upbeat else 0.0


def random_phrases(
    rng: np.random.Generator, seconds: float, tonic: int, scale: tuple[int, ...]
) -> list[Phrase]:
    """Phrases for `seconds`: new ones, and returns of earlier ones."""
    kind = _kind(rng)
    tempo = float(np.exp(rng.uniform(np.log(kind.slowest), np.log(kind.fastest))))
    known: list[Phrase] = []
    played: list[Phrase] = []
    total = 0.0
    while total < seconds:
        if rng.random() < NEW_METRE:
            kind = _kind(rng)
            tempo = float(np.clip(tempo, kind.slowest, kind.fastest))
        returning = [one for one in known if one.kind == kind]
        if returning and rng.random() < RETURNS:
            phrase = returning[rng.integers(len(returning))]
        else:
            change = 7 * int(rng.choice([-1, 0, 0, 0, 1]))
            phrase = _phrase(rng, kind, tempo, tonic + change, scale)
            known.append(phrase)
        played.append(phrase)
        total += phrase.beats * 60 / phrase.tempo
    return played


def _kind(rng: np.random.Generator) -> MetreKind:
    weights = np.array([kind.weight for kind in METRE_KINDS])
    return METRE_KINDS[rng.choice(len(METRE_KINDS), p=weights / weights.sum())]


def _phrase(
    rng: np.random.Generator, kind: MetreKind, tempo: float, tonic: int, scale: tuple[int, ...]
) -> Phrase:
    bars = int(rng.choice(BARS_OF_PHRASES))
    letters = (PATTERNS[rng.integers(len(PATTERNS))] * 2)[: bars - 1] + "Z"
    loud = float(rng.normal(62, 14))
    return Phrase(
        kind=kind,
        letters=letters,
        chords=_bars_of_chords(rng, bars, kind.beats, tonic % 12, scale),
        hands=(_right(rng, kind, tempo, loud), _left(rng, kind, tempo, loud)),
        upbeat=upbeat(rng, kind.beats, kind.parts),
        accents=(float(rng.uniform(0, 12)), float(rng.uniform(0, 6))),
        tempo=tempo * float(np.exp(rng.normal(0, 0.04))),
    )


def _bars_of_chords(
    rng: np.random.Generator, bars: int, beats: int, tonic: int, scale: tuple[int, ...]
) -> tuple[tuple[Chord, ...], ...]:
    """Chords of each bar: one, two, one for each beat, or one for two bars."""
    usual = str(rng.choice(["bar", "half", "beat", "two bars"], p=[0.55, 0.2, 0.07, 0.18]))
    degree, sevenths = 0, rng.random() ** 2
    found: list[tuple[Chord, ...]] = []
    for bar in range(bars):
        parts = _division(usual if rng.random() < 0.85 else "half", beats)
        if usual == "two bars" and bar % 2 and found:
            found.append((replace(found[-1][-1], beats=float(beats)),))
            continue
        chords = []
        for length in parts:
            chords.append(harmony.chord_on(rng, tonic, scale, degree, sevenths, length))
            degree = harmony.next_degree(rng, degree)
        found.append(tuple(chords))
    return tuple(found)


def _division(usual: str, beats: int) -> list[float]:
    """Beats of the chords of a bar."""
    if usual == "beat":
        return [1.0] * beats
    if usual == "half" and beats > 1:
        return [float(beats - beats // 2), float(beats // 2)]
    return [float(beats)]


def _right(rng: np.random.Generator, kind: MetreKind, tempo: float, loud: float) -> Hand:
    """Mostly a melody in free cells; else quick even notes or chords."""
    figures: Sequence[tuple[figuration.Figure, str, float]] = (
        (figuration.melody, "free", 55),
        (figuration.chords, "free", 9),
        (figuration.octaves, "free", 6),
        (figuration.run, "even", 6),
        (figuration.arpeggio, "even", 10),
        (figuration.broken, "even", 10),
        (figuration.repeated, "even", 2),
        (figuration.silence, "even", 2),
    )
    return _hand(rng, RIGHT, figures, kind, tempo, 74, loud + 4)


def _left(rng: np.random.Generator, kind: MetreKind, tempo: float, loud: float) -> Hand:
    """Mostly a bass note and chords, broken chords, or held ones; a second voice in places."""
    figures: Sequence[tuple[figuration.Figure, str, float]] = (
        (bass_and_chords, "beats", 28),
        (figuration.broken, "even", 18),
        (figuration.arpeggio, "even", 12),
        (figuration.chords, "held", 10),
        (figuration.chords, "free", 6),
        (figuration.repeated, "even", 5),
        (figuration.melody, "beats", 6),
        (figuration.melody, "free", 10),
        (figuration.octaves, "beats", 4),
        (figuration.silence, "held", 3),
    )
    return _hand(rng, LEFT, figures, kind, tempo, 50, loud - 6)


def _hand(
    rng: np.random.Generator,
    hand: int,
    figures: Sequence[tuple[figuration.Figure, str, float]],
    kind: MetreKind,
    tempo: float,
    centre: float,
    loud: float,
) -> Hand:
    weights = np.array([weight for *_, weight in figures])
    figure, rhythm, _ = figures[rng.choice(len(figures), p=weights / weights.sum())]
    make: Callable[[], Cell] = {
        "free": lambda: free_cell(rng, kind.beats, kind.parts, tempo),
        "even": lambda: even_cell(rng, kind.beats, kind.parts, tempo),
        "beats": lambda: even_cell(rng, kind.beats, kind.parts, tempo, slowest=True),
        "held": lambda: ((0.0, float(kind.beats)),),
    }[rhythm]
    same = make()
    cells = {letter: make() if rhythm == "free" else same for letter in "ABCD"}
    ends = rng.random() < (0.7 if hand == RIGHT else 0.3)
    cells["Z"] = cadence(rng, kind.beats) if ends else same
    return Hand(
        hand=hand,
        figure=figure,
        cells=cells,
        centre=float(rng.normal(centre, 5)),
        articulation=float(rng.choice([rng.uniform(0.2, 0.6), rng.uniform(0.6, 0.95), 1.0])),
        velocity=loud + float(rng.normal(0, 4)),
        seed=int(rng.integers(2**31)),
    )


def bass_and_chords(
    rng: np.random.Generator, chord: Chord, centre: float, count: int
) -> figuration.Groups:
    """A bass note or octave, then chords above it: in three beats a waltz."""
    low = int(chord.tones[np.argmin(np.abs(chord.tones - (centre - rng.integers(6, 18))))])
    bass = [low, low + 12] if rng.random() < 0.3 else [low]
    above = chord.tones[(chord.tones >= centre - 3) & (chord.tones <= centre + 12)]
    size = min(int(rng.integers(1, 4)), len(above))
    upper = sorted(int(pitch) for pitch in rng.choice(above, size, replace=False))
    return [bass if index == 0 else upper for index in range(count)]
