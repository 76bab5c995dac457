"""Training material of the beat network: pieces with known beats, as augmented crops."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from asap import Annotations, folds_of_works, performances, read_annotations

from amt.analysis.symbolic.beat_features import FRAME_RATE, beat_features
from amt.analysis.symbolic.beat_network import METRES, PERIODS, STRIDE
from amt.errors import FileWarning
from amt.io.midi import read_midi
from amt.notes import MAX_PITCH, MIN_PITCH, Notes, extend_sustain
from amt.synth.metrical import metrical_piece

CROP_SECONDS = 40
INVENTED_SECONDS = 90.0
FRAMES = CROP_SECONDS * FRAME_RATE
# Nothing is known after the last annotated beat: this many seconds later the loss ends.
AFTER_LAST_BEAT = 0.1
# Beats over which the beat period is measured.
PERIOD_BEATS = 4
UNKNOWN = -1
# A score is played, with a tempo that changes, this often in place of a performance.
SCORE_SHARE = 0.2
# How often the notes on one side of a moving pitch are left out for a while, one hand is moved by
# an octave, and velocities say little: each makes another piece of one, with the same metre.
LEFT_OUT_SHARE, OCTAVE_SHARE, FLAT_SHARE = 0.35, 0.3, 0.3
Crop = dict[str, np.ndarray]
# Times (N,) to times (N,).
Warp = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Take:
    """A piece with its beats: a performance, a score (its tempo is exact) or an invented piece.

    held: (N,) seconds, offsets with the sustain pedal. beats: (B,) seconds. downbeats, strict:
    (B,). metre: (B,) index in METRES or UNKNOWN.
    """

    notes: Notes
    held: np.ndarray
    beats: np.ndarray
    downbeats: np.ndarray
    strict: np.ndarray
    metre: np.ndarray
    exact: bool = False


# Performances and scores of each work.
Works = list[tuple[list[Take], list[Take]]]


def take_from(notes: Notes, annotations: Annotations, exact: bool = False) -> Take:
    """A take, from notes and their annotations."""
    starts = [beat for beat, _ in annotations.metres]
    last = np.searchsorted(starts, np.arange(len(annotations.beats)), side="right") - 1
    metres = [annotations.metres[index][1] for index in np.maximum(last, 0)]
    metre = [METRES.index(name) if name in METRES else UNKNOWN for name in metres]
    return Take(
        notes=notes,
        held=extend_sustain(notes).offset,
        beats=annotations.beats,
        downbeats=annotations.downbeats,
        strict=annotations.strict,
        metre=np.array(metre),
        exact=exact,
    )


def asap_takes(root: Path, splits: Sequence[str], fold: int | None = None) -> Works:
    """Performances and scores of splits of ASAP, one pair of lists for each work.

    fold: leave out the works of this fold.
    """
    folds = folds_of_works(root) if fold is not None else {}
    found: dict[str, tuple[list[Take], list[Take]]] = {}
    scores = set()
    chosen = [one for split in splits for one in performances(root, split)]
    for one in (one for one in chosen if fold is None or folds[one.work] != fold):
        played, written = found.setdefault(one.work, ([], []))
        played.append(take_from(_read(one.midi), read_annotations(one.annotations)))
        if one.score not in scores:
            scores.add(one.score)
            annotations = read_annotations(one.score_annotations)
            written.append(take_from(_read(one.score), annotations, exact=True))
    return list(found.values())


def invented_takes(count: int, seed: int) -> Works:
    """`count` invented pieces, each a work of its own."""
    found: Works = []
    for index in range(count):
        piece = metrical_piece(np.random.default_rng([seed, index]), INVENTED_SECONDS)
        take = Take(
            notes=piece.notes,
            held=extend_sustain(piece.notes).offset,
            beats=piece.beats,
            downbeats=piece.downbeats,
            strict=np.ones(len(piece.beats), dtype=bool),
            metre=np.array([METRES.index(metre) for metre in piece.metres]),
        )
        found.append(([take], []))
    return found


def _read(path: Path) -> Notes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FileWarning)
        return read_midi(path)


def draw(rng: np.random.Generator, works: Works) -> Take:
    """A random take: all works are equally likely, however often they were performed."""
    played, written = works[rng.integers(len(works))]
    takes = written if written and rng.random() < SCORE_SHARE else played
    return takes[rng.integers(len(takes))]


def batch(rng: np.random.Generator, sources: Sequence[Works], size: int) -> Crop:
    """Augmented crops, drawn from the sources in turn; each array has a first dimension B."""
    found = [crop(rng, draw(rng, sources[index % len(sources)])) for index in range(size)]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def crop(rng: np.random.Generator, take: Take) -> Crop:
    """A random crop of CROP_SECONDS, augmented: features and targets by name.

    beat, downbeat: (T,) 1 in the frame of a beat. known: (T,) where that is known. metre, period:
    (T / STRIDE,) classes or UNKNOWN.
    """
    scale = 2 ** rng.uniform(-0.5, 0.5)
    source = CROP_SECONDS / scale
    end = take.beats[-1]
    start = rng.uniform(min(-1.0, end - source), max(end - source + 3.0, 0.0))
    inside = (take.notes.onset >= start) & (take.notes.onset < start + source)
    spread = rng.uniform(0.0, 0.15) if take.exact or rng.random() < 0.3 else 0.0
    warp = change_of_tempo(rng, start, source, scale, spread)
    step = int(rng.integers(-6, 7))
    notes = other_piece(rng, changed_notes(rng, take, inside, warp, step))
    targets = _targets(replace(take, beats=warp(take.beats)))
    return {"features": beat_features(notes, FRAMES), **targets}


def change_of_tempo(
    rng: np.random.Generator, start: float, source: float, scale: float, spread: float
) -> Warp:
    """Seconds in the piece -> seconds in the crop: another tempo, which may change all the time."""
    knots = start + np.arange(int(source) + 3.0)
    walk = rng.normal(0, spread, len(knots)) if spread else np.zeros(len(knots))
    rates = scale * np.exp(walk - walk.mean())
    seconds = np.concatenate([[0.0], np.cumsum((rates[1:] + rates[:-1]) / 2)])

    def warped(times: np.ndarray) -> np.ndarray:
        after = np.maximum(times - knots[-1], 0) * scale
        before = np.minimum(times - knots[0], 0) * scale
        return np.interp(times, knots, seconds) + after + before

    return warped


def changed_notes(
    rng: np.random.Generator, take: Take, inside: np.ndarray, warp: Warp, step: int
) -> Notes:
    """The notes of a crop, changed as performances, pianos and transcribers change them."""
    notes, held = take.notes.select(inside), take.held[inside]
    onset = warp(notes.onset)
    offset = warp(notes.offset if rng.random() < 0.5 else held)
    count = len(onset)
    onset = onset + rng.normal(0, 1, count) * rng.uniform(0, 0.025 if take.exact else 0.012)
    if rng.random() < 0.5:
        length = (offset - onset) * np.exp(rng.normal(0, rng.uniform(0, 0.5), count))
        offset = onset + length + rng.exponential(rng.uniform(0, 0.15), count)
    velocity = 64 + (notes.velocity - 64) * rng.uniform(0.5, 1.3) + rng.normal(0, 10)
    velocity = velocity + rng.normal(0, 1, count) * rng.uniform(0, 8)
    pitch = notes.pitch + step
    drop = rng.uniform(0, 0.12) if rng.random() < 0.5 else 0.0
    kept = (rng.random(count) >= drop) & (pitch >= MIN_PITCH) & (pitch <= MAX_PITCH)
    # False notes of transcribers: octaves and twelfths of others, soft.
    false = np.flatnonzero(kept & (rng.random(count) < rng.uniform(0, 0.05)))
    false_pitch = np.clip(pitch[false] + rng.choice([-12, 12, 19, 24], len(false)), 21, 108)
    kept = np.flatnonzero(kept)
    rows = np.concatenate([kept, false])
    onset, offset = np.maximum(onset[rows], 0.0), offset[rows]
    pitch = np.concatenate([pitch[kept], false_pitch])
    velocity = np.clip(np.rint(velocity[rows]), 1, 127)
    return Notes(onset, np.maximum(offset, onset + 0.02), pitch, velocity)


def other_piece(rng: np.random.Generator, notes: Notes) -> Notes:
    """The notes of a crop, changed so that they are another piece with the same metre, often."""
    pitch, velocity = notes.pitch, notes.velocity
    kept = np.ones(len(notes), dtype=bool)
    if not len(notes):
        return notes
    if rng.random() < LEFT_OUT_SHARE:
        begin, length = rng.uniform(-5, CROP_SECONDS - 5), rng.uniform(5, 25)
        during = (notes.onset >= begin) & (notes.onset < begin + length)
        kept &= ~(during & _one_side(rng, notes))
    if rng.random() < OCTAVE_SHARE:
        pitch = pitch + rng.choice([-12, 12]) * _one_side(rng, notes)
        kept &= (pitch >= MIN_PITCH) & (pitch <= MAX_PITCH)
    if rng.random() < FLAT_SHARE:
        mean = velocity.mean()
        velocity = np.rint(mean + (velocity - mean) * rng.uniform(0, 0.4))
    return Notes(notes.onset[kept], notes.offset[kept], pitch[kept], velocity[kept])


def _one_side(rng: np.random.Generator, notes: Notes) -> np.ndarray:
    """Whether each note (N,) lies above a pitch that moves slowly; or all that do not."""
    knots = np.arange(0, CROP_SECONDS + 1, 4.0)
    walk = np.cumsum(rng.normal(0, 1.5, len(knots)))
    divide = np.quantile(notes.pitch, rng.uniform(0.3, 0.7))
    above = notes.pitch > divide + np.interp(notes.onset, knots, walk - walk.mean())
    return above ^ (rng.random() < 0.5)


def _targets(take: Take) -> Crop:
    """Targets of a crop; the times of the take's beats are those of the crop."""
    frame = np.rint(take.beats * FRAME_RATE).astype(np.int64)
    inside = (frame >= 0) & (frame < FRAMES)
    beat, downbeat = np.zeros((2, FRAMES), dtype=np.float32)
    beat[frame[inside]] = 1
    downbeat[frame[inside & take.downbeats]] = 1
    times = np.arange(FRAMES) / FRAME_RATE
    last = np.clip(np.searchsorted(take.beats, times, side="right") - 1, 0, len(take.beats) - 1)
    following = np.minimum(last + 1, len(take.beats) - 1)
    strict = take.strict[last] & take.strict[following]
    known = strict & (times < take.beats[-1] + AFTER_LAST_BEAT)
    timed = (known & (times >= take.beats[0]))[::STRIDE]
    last = last[::STRIDE]
    return {
        "beat": beat,
        "downbeat": downbeat,
        "known": known.astype(np.float32),
        "metre": np.where(timed, take.metre[last], UNKNOWN),
        "period": np.where(timed, period_classes(take.beats)[last], UNKNOWN),
    }


def period_classes(beats: np.ndarray) -> np.ndarray:
    """The index in PERIODS of the beat period around each beat (N,)."""
    number = np.arange(len(beats))
    first = np.maximum(number - PERIOD_BEATS // 2, 0)
    last = np.minimum(number + PERIOD_BEATS // 2, len(beats) - 1)
    period = (beats[last] - beats[first]) / np.maximum(last - first, 1)
    steps = np.log2(np.maximum(period, PERIODS[0]) / PERIODS[0]) * 6
    return np.minimum(np.rint(steps), len(PERIODS) - 1).astype(np.int64)
