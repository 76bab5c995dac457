"""Random piano performances as note tables, with the key distribution of real music.

Two hands play figures (`figuration`) on a chord progression (`harmony`) in score time. The score is
then performed with rubato, dynamics, articulation, timing errors and the sustain pedal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.notes import MAX_PITCH, MIN_PITCH, SUSTAIN, Notes, Pedal
from amt.synth.figuration import FIGURATIONS, Figuration, held
from amt.synth.harmony import Chord, progression

RIGHT, LEFT = 1, 0
SHORTEST_NOTE = 0.02
PEDAL_STEPS = 7


@dataclass(frozen=True)
class Part:
    """How one hand plays a section.

    centre: position of the hand (MIDI pitch). step: beats between groups. articulation: length of a
    note as a fraction of its step. velocity: mean velocity.
    """

    hand: int
    figuration: Figuration
    centre: float
    step: float
    articulation: float
    velocity: float


@dataclass(frozen=True)
class Score:
    """Notes in score time; columns (N,): beat, length (beats), pitch, velocity, hand."""

    beat: np.ndarray
    length: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    hand: np.ndarray


def perform(rng: np.random.Generator, seconds: float) -> Notes:
    """A random performance of `seconds` seconds: notes that end at the key release, and CC64.

    All notes lie within [0, seconds]; notes of the same pitch never overlap.
    """
    tempo = float(rng.uniform(50, 150))
    beats = seconds * tempo / 60 * 1.3 + 4
    harmony = progression(rng, beats)
    score, sections = _write_score(rng, harmony, tempo)
    clock = _rubato(rng, beats, tempo)
    onset, offset = time_notes(rng, score, clock, lead=float(rng.uniform(0, 0.5)))
    velocity = finish_velocities(rng, score, onset)
    keep = (onset < seconds - SHORTEST_NOTE) & (score.pitch >= MIN_PITCH)
    keep &= score.pitch <= MAX_PITCH
    pedal = pedalling(rng, harmony, sections, clock, seconds)
    return separate(
        onset[keep],
        np.minimum(offset[keep], seconds),
        score.pitch[keep],
        velocity[keep],
        pedal,
    )


def _write_score(
    rng: np.random.Generator, harmony: list[Chord], tempo: float
) -> tuple[Score, list[int]]:
    """The score, and for each chord the index of its section."""
    rows: list[tuple[float, float, int, float, int]] = []
    sections: list[int] = []
    velocity, pace = float(rng.uniform(35, 90)), float(np.exp(rng.normal(0.15, 0.3)))
    parts: list[Part] = []
    beat, beats_left, section = 0.0, 0.0, -1
    for chord in harmony:
        if beats_left <= 0:
            beats_left = float(rng.choice([4, 8, 8, 16, 24]))
            velocity += 0.6 * (rng.normal(65, 18) - velocity)
            parts = [_new_part(rng, hand, tempo * pace, velocity) for hand in (RIGHT, LEFT)]
            section += 1
        for part in parts:
            rows.extend(_play(rng, part, chord, beat))
        sections.append(section)
        beat += chord.beats
        beats_left -= chord.beats
    table = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Score(table[0], table[1], table[2].astype(np.int64), table[3], table[4]), sections


def _new_part(rng: np.random.Generator, hand: int, tempo: float, velocity: float) -> Part:
    weights = np.array([f.right if hand == RIGHT else f.left for f in FIGURATIONS])
    figuration = FIGURATIONS[rng.choice(len(FIGURATIONS), p=weights / weights.sum())]
    middle, spread = (74, 7) if hand == RIGHT else (53, 7)
    if rng.random() < 0.035:
        middle, spread = (96, 7) if hand == RIGHT else (31, 6)
    subdivisions = np.array([4, 3, 2, 1.5, 1, 0.75, 2 / 3, 1 / 2, 1 / 3, 1 / 4, 1 / 6, 1 / 8])
    step_seconds = subdivisions * 60 / tempo
    fitting = (step_seconds >= figuration.min_step) & (step_seconds <= figuration.max_step)
    articulations = [rng.uniform(0.15, 0.5), rng.uniform(0.5, 0.9), 1.0]
    return Part(
        hand=hand,
        figuration=figuration,
        centre=float(rng.normal(middle, spread)),
        step=float(rng.choice(subdivisions[fitting])) if fitting.any() else 0.25,
        articulation=float(rng.choice(articulations, p=[0.3, 0.3, 0.4])),
        velocity=velocity + float(rng.normal(3 if hand == RIGHT else -6, 5)),
    )


def _play(
    rng: np.random.Generator, part: Part, chord: Chord, beat: float
) -> list[tuple[float, float, int, float, int]]:
    """One hand's notes for one chord: rows of beat, length, pitch, velocity, hand."""
    count = max(int(chord.beats / part.step), 1)
    centre = part.centre + float(rng.normal(0, 3))
    groups = part.figuration.figure(rng, chord, centre, count)
    starts = np.arange(count) * part.step
    lengths = np.full(count, part.step)
    if part.figuration.figure is held:
        lengths[:] = chord.beats
    elif not part.figuration.even:
        starts, lengths = _rhythm(rng, starts, part.step, chord.beats)
    stress = 6.0 * (np.isclose(starts % 1, 0)) + rng.normal(0, 3, size=len(starts))
    rows = []
    for group, start, length, extra in zip(groups, starts, lengths, stress, strict=False):
        for index, pitch in enumerate(sorted(set(group))):
            top_note = 4.0 if len(group) > 1 and index == len(group) - 1 else 0.0
            velocity = part.velocity + extra + top_note
            duration = max(length * part.articulation, 0.02)
            rows.append((beat + start, duration, pitch, velocity, part.hand))
    return rows


def _rhythm(
    rng: np.random.Generator, starts: np.ndarray, step: float, beats: float
) -> tuple[np.ndarray, np.ndarray]:
    """A random rhythm: some steps are joined or become rests. Onsets and lengths in beats."""
    keep = rng.random(len(starts)) < rng.choice([0.5, 0.75, 1.0])
    keep[0] = keep[0] or rng.random() < 0.8
    starts = starts[keep]
    lengths = np.diff(np.append(starts, max(beats, step)))
    cut = rng.random(len(starts)) < 0.15
    return starts, np.where(cut, np.minimum(lengths, step), lengths)


def _rubato(rng: np.random.Generator, beats: float, tempo: float) -> np.ndarray:
    """Time in seconds of every eighth of a beat; the tempo drifts and slows at ends of phrases."""
    steps = int(beats * 8) + 64
    knots = np.arange(0, steps + 32, 32)
    drift = np.interp(np.arange(steps), knots, rng.normal(0, rng.uniform(0.02, 0.2), len(knots)))
    phrase = 8 * int(rng.choice([8, 16, 32]))
    slowing = rng.uniform(0, 0.35) * (np.arange(steps) % phrase / phrase) ** 6
    return np.concatenate([[0.0], np.cumsum(60 / tempo / 8 * np.exp(drift + slowing))])


def clock_seconds(clock: np.ndarray, beat: np.ndarray) -> np.ndarray:
    """Beats to seconds by the times of `_rubato`."""
    return np.interp(beat * 8, np.arange(len(clock)), clock)


def time_notes(
    rng: np.random.Generator, score: Score, clock: np.ndarray, lead: float
) -> tuple[np.ndarray, np.ndarray]:
    """Onsets and offsets in seconds: rubato, asynchrony of the hands, rolled chords, jitter.

    lead: silence before the first beat, in seconds.
    """
    count = len(score.beat)
    onset = clock_seconds(clock, score.beat)
    length = clock_seconds(clock, score.beat + score.length) - onset
    unevenness = rng.uniform(0.002, 0.012)
    late = np.where(score.hand == LEFT, rng.normal(0, 0.012), 0.0)
    spread = float(rng.uniform(0, 0.006)) if rng.random() < 0.7 else float(rng.uniform(0, 0.04))
    rolled = _index_in_chord(score) * spread
    onset = onset + late + rolled + rng.normal(0, unevenness, count)
    length = length * np.exp(rng.normal(0, 0.12, count)) + rng.normal(0, 0.01, count)
    onset = np.maximum(onset + lead, 0.0)
    return onset, onset + np.maximum(length, SHORTEST_NOTE)


def _index_in_chord(score: Score) -> np.ndarray:
    """Index of each note in the chord of its hand, counted from the lowest: (N,)."""
    order = np.lexsort((score.pitch, score.hand, score.beat))
    beat, hand = score.beat[order], score.hand[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(beat) != 0) | (np.diff(hand) != 0)
    number = np.arange(len(order))
    index = np.empty(len(order))
    index[order] = number - np.maximum.accumulate(np.where(first, number, 0))
    return index


def finish_velocities(rng: np.random.Generator, score: Score, onset: np.ndarray) -> np.ndarray:
    """Velocities (N,) 1-127 with slow changes of dynamics, jitter and accents."""
    knots = np.arange(0, float(onset.max(initial=0)) + 8, rng.uniform(1.5, 4))
    swell = np.interp(onset, knots, rng.normal(0, rng.uniform(3, 12), len(knots)))
    fingers = rng.normal(0, rng.uniform(2, 7), len(onset))
    accent = np.where(rng.random(len(onset)) < 0.02, rng.normal(0, 20), 0.0)
    velocity = score.velocity + swell + fingers + accent
    return np.clip(np.round(velocity), 1, 127).astype(np.int64)


def pedalling(
    rng: np.random.Generator,
    harmony: list[Chord],
    sections: list[int],
    clock: np.ndarray,
    seconds: float,
) -> Pedal:
    """Sustain pedal that changes shortly after each chord change, in some sections."""
    start = clock_seconds(clock, np.cumsum([0.0] + [chord.beats for chord in harmony]))
    use = rng.random(max(sections) + 1) < rng.choice([0.0, 0.5, 0.9, 1.0], p=[0.1, 0.2, 0.4, 0.3])
    hold = float(rng.choice([0.0, 0.1, 0.3], p=[0.6, 0.3, 0.1]))
    times: list[np.ndarray] = []
    values: list[np.ndarray] = []
    down_at = None
    for i in range(len(harmony)):
        change = start[i] + rng.uniform(0.0, 0.12)
        if down_at is not None and (not use[sections[i]] or rng.random() >= hold):
            _press(rng, down_at, change, seconds, times, values)
            down_at = None
        if down_at is None and use[sections[i]] and rng.random() < 0.95:
            down_at = change + rng.uniform(0.06, 0.3)
    if down_at is not None:
        _press(rng, down_at, seconds, seconds, times, values)
    time = np.concatenate(times) if times else np.zeros(0)
    value = np.concatenate(values) if values else np.zeros(0, dtype=np.int64)
    return Pedal(time, np.full(len(time), SUSTAIN), value)


def _press(
    rng: np.random.Generator,
    down: float,
    up: float,
    seconds: float,
    times: list[np.ndarray],
    values: list[np.ndarray],
) -> None:
    """Add one press of the pedal as ramps of sensor values, if it lasts 0.1 s at least."""
    up = min(up, seconds)
    if up - down < 0.1:
        return
    depth = int(rng.integers(70, 128))
    travel = min(float(rng.uniform(0.03, 0.12)), (up - down) / 2)
    ramp = np.linspace(0, 1, PEDAL_STEPS)
    times.append(np.concatenate([down + ramp * travel, up - (1 - ramp) * travel]))
    shape = np.round(depth * ramp).astype(np.int64)
    values.append(np.concatenate([shape, shape[::-1]]))


def separate(
    onset: np.ndarray, offset: np.ndarray, pitch: np.ndarray, velocity: np.ndarray, pedal: Pedal
) -> Notes:
    """A note table in which each key is released before its next onset."""
    order = np.lexsort((onset, pitch))
    onset, offset, pitch, velocity = (x[order] for x in (onset, offset, pitch, velocity))
    keep = np.ones(len(onset), dtype=bool)
    last = -1
    for i in range(len(onset)):
        same = last >= 0 and pitch[i] == pitch[last]
        if same and onset[i] < onset[last] + 2 * SHORTEST_NOTE:
            keep[i] = False
            continue
        if same:
            offset[last] = min(offset[last], onset[i] - SHORTEST_NOTE)
        last = i
    return Notes(onset[keep], offset[keep], pitch[keep], velocity[keep], pedal)
