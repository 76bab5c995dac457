"""The scores of ASAP as what is true of each performed note: place, value, staff, voice, spelling.

The score is its MusicXML with all repeats played, read by partitura, on the clock of
`midi_score.mid`, whose annotations have the same beats as the performance. A performed note and a
note of the score belong together if they have the same pitch and are near in beats; of all such
pairs the nearest are taken first.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import partitura
from asap import Performance, grid_from_annotations, performances, read_annotations
from partitura.score import GraceNote, Part, unfold_part_maximal

from amt.analysis.symbolic.grid import MetricalGrid
from amt.io.midi import read_midi
from amt.notes import Notes

# A performed note may be so many beats from its place in the score.
TOLERANCE = 0.6
# Shifts of the MusicXML against the MIDI file that are tried, in quarter notes.
SHIFTS = np.arange(-16, 17) / 4
# Steps of a quarter note within which times of both count as equal.
STEPS = 48
# Scores of which fewer notes are found in the MIDI file are left out: other repeats, or cadenzas.
LEAST_FOUND = 0.9
COLUMNS = [
    ("quarter", float),
    ("value", float),
    ("pitch", int),
    ("staff", int),
    ("voice", int),
    ("step", "U1"),
    ("alter", int),
    ("grace", bool),
    ("fifths", int),
]


@dataclass(frozen=True, eq=False)
class Truth:
    """The notes of a score (M,): as in COLUMNS, and `position` in beats of the annotations."""

    position: np.ndarray
    quarter: np.ndarray
    value: np.ndarray
    pitch: np.ndarray
    staff: np.ndarray
    voice: np.ndarray
    step: np.ndarray
    alter: np.ndarray
    grace: np.ndarray
    fifths: np.ndarray


@dataclass(frozen=True, eq=False)
class Aligned:
    """A performance with its true grid and score; match: (N,) note of the score of each, or -1."""

    performance: Performance
    notes: Notes
    grid: MetricalGrid
    truth: Truth
    match: np.ndarray


def aligned_performances(root: Path, split: str) -> Iterator[Aligned]:
    """One performance of each composition of a split whose score could be read and aligned."""
    seen: set[str] = set()
    for one in performances(root, split):
        if one.composition in seen:
            continue
        seen.add(one.composition)
        if aligned := align(one):
            yield aligned


def align(performance: Performance, truth: Truth | None = None) -> Aligned | None:
    """A performance with its score; None if the score cannot be read or does not agree with it.

    truth: the score, if it was read for another performance.
    """
    grid = grid_from_annotations(read_annotations(performance.annotations))
    truth = truth or read_truth(performance)
    if truth is None or len(grid.beats) != len(
        read_annotations(performance.score_annotations).beats
    ):
        return None
    notes = read_midi(performance.midi)
    return Aligned(performance, notes, grid, truth, matched(notes, grid, truth))


def read_truth(performance: Performance) -> Truth | None:
    """The notes of the score; None if it cannot be read or has other notes than the MIDI file."""
    if not performance.musicxml.exists():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            score = partitura.load_musicxml(str(performance.musicxml))
        except OSError:
            return None
        rows = [row for part in score.parts for row in _rows(part, score.parts.index(part) + 1)]
    table = np.array(sorted(rows), dtype=COLUMNS)
    if len(score.parts) == 1:
        table["staff"] = np.where(table["staff"] < table["staff"].max(), 1, 2)
    beats, midi = _in_quarters(performance)
    shift, found = _best_shift(table, midi)
    if found < LEAST_FOUND:
        return None
    position = _positions(table["quarter"] + shift, beats)
    return Truth(position, *(table[name] for name, _ in COLUMNS))


def _rows(part: Part, number: int) -> list[tuple[object, ...]]:
    """The notes of a part with all repeats played; `number`: the staff of a part that has none."""
    unfolded = unfold_part_maximal(part)
    quarters, keys = unfolded.quarter_map, unfolded.key_signature_map
    rows: list[tuple[object, ...]] = []
    for note in unfolded.notes_tied:
        start, stop = note.start.t, note.start.t + note.duration_tied
        rows.append(
            (
                float(quarters(start)),
                float(quarters(stop) - quarters(start)),
                note.midi_pitch,
                note.staff or number,
                note.voice or 1,
                note.step,
                note.alter or 0,
                isinstance(note, GraceNote),
                int(keys(start)[0]),
            )
        )
    return rows


def _in_quarters(performance: Performance) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """The beats of the score's MIDI file in quarter notes, its notes as (time in steps, pitch)."""
    file = mido.MidiFile(performance.score)
    seconds = read_annotations(performance.score_annotations).beats
    tempi, notes = [], set()
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                tempi.append((tick, message.tempo))
            elif message.type == "note_on" and message.velocity:
                notes.add((round(tick / file.ticks_per_beat * STEPS), message.note))
    ticks, micros = np.array(sorted({0: 500_000, **dict(tempi)}.items()), dtype=float).T
    starts = np.append(0, np.cumsum(np.diff(ticks) * micros[:-1] / 1e6 / file.ticks_per_beat))
    last = np.searchsorted(starts, seconds, "right") - 1
    elapsed = (seconds - starts[last]) * 1e6 / micros[last]
    return ticks[last] / file.ticks_per_beat + elapsed, notes


def _best_shift(table: np.ndarray, midi: set[tuple[int, int]]) -> tuple[float, float]:
    """The shift in quarter notes at which most notes are in the MIDI file, and their share."""
    earliest = min(time for time, _ in midi) / STEPS - float(table["quarter"].min())
    found = {}
    for shift in SHIFTS + earliest:
        times = np.round((table["quarter"] + shift) * STEPS).astype(int)
        hits = sum(one in midi for one in zip(times.tolist(), table["pitch"].tolist(), strict=True))
        found[float(shift)] = hits / len(table)
    best = max(found, key=lambda shift: (found[shift], -abs(shift - earliest)))
    return best, found[best]


def _positions(quarters: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """Positions in beats of times in quarter notes, given the beats' (N,) in quarter notes."""
    segment = np.clip(np.searchsorted(beats, quarters + 1e-6, "right") - 1, 0, len(beats) - 2)
    return segment + (quarters - beats[segment]) / (beats[segment + 1] - beats[segment])


def matched(notes: Notes, grid: MetricalGrid, truth: Truth) -> np.ndarray:
    """The note of the score of each performed note (N,), or -1; each at most once."""
    position = grid.position(notes.onset)
    match = np.full(len(notes), -1)
    for pitch in np.unique(notes.pitch):
        own, others = np.flatnonzero(notes.pitch == pitch), np.flatnonzero(truth.pitch == pitch)
        distance = np.abs(position[own][:, None] - truth.position[others])
        free = np.ones(len(others), dtype=bool)
        for note, other in np.argwhere(distance < TOLERANCE)[
            np.argsort(distance[distance < TOLERANCE])
        ]:
            if free[other] and match[own[note]] < 0:
                match[own[note]], free[other] = others[other], False
    return match
