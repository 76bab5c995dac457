"""Analysis of the notes of a piece: key, tempo, metre, chords, motifs, sections and statistics.

The notes may be transcribed or from a MIDI file. Results without enough evidence are None or empty.
Beats, tempo, metre and bars are those of a grid, of which the score is made as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amt.analysis.spelling import pitch_class_names
from amt.analysis.symbolic.bars import Metre, metre_of
from amt.analysis.symbolic.chords import Chord, estimate_chords
from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.key import Key, KeySpan, estimate_key, key_changes
from amt.analysis.symbolic.motifs import Motif, melodic_motifs, rhythmic_motifs
from amt.analysis.symbolic.sections import Section, find_sections
from amt.analysis.symbolic.statistics import (
    Density,
    Dynamics,
    Pedalling,
    Range,
    dynamics,
    interval_counts,
    note_density,
    pedal_usage,
    pitch_class_shares,
    pitch_range,
)
from amt.analysis.symbolic.tempo import Tempo, tempo_between
from amt.notes import Notes

# The first beat may be a little before the first onset, the last one after the last offset.
EDGE_SECONDS = 0.1


@dataclass(frozen=True)
class NoteAnalysis:
    """Results in plain types: `dataclasses.asdict` of it can be written as JSON.

    notes: their number. seconds: from the first onset to the last offset. spelling: names of the 12
    pitch classes in the key of the piece, from C on. beats: times in seconds. pitch_classes,
    intervals: of `pitch_class_shares`, `interval_counts`. The types of the other fields describe
    them.
    """

    notes: int
    seconds: float
    key: Key | None
    key_changes: list[KeySpan]
    spelling: list[str]
    tempo: Tempo | None
    beats: list[float]
    metre: Metre | None
    chords: list[Chord]
    melodic_motifs: list[Motif]
    rhythmic_motifs: list[Motif]
    sections: list[Section]
    pitch_classes: dict[str, float]
    intervals: dict[str, int]
    range: Range | None
    density: Density | None
    dynamics: Dynamics | None
    pedalling: Pedalling | None


def analyse_notes(notes: Notes, grid: MetricalGrid | None) -> NoteAnalysis:
    """Results of the modules of `amt.analysis.symbolic` for a note table and its grid.

    grid: of `estimate_grid` for these notes, or for the piece that they are a part of; None: no
    tempo, beats, metre or chords.
    """
    start, end = (float(notes.onset[0]), notes.end) if len(notes) else (0.0, 0.0)
    edges = (start - EDGE_SECONDS, end + EDGE_SECONDS)
    beats = _beats(grid, *edges)
    key, keys = estimate_key(notes), key_changes(notes)
    main_key = key.name if key else None
    return NoteAnalysis(
        notes=len(notes),
        seconds=end - start,
        key=key,
        key_changes=keys,
        spelling=pitch_class_names(main_key),
        tempo=tempo_between(grid, *edges) if grid else None,
        beats=beats.tolist(),
        metre=metre_of(notes, grid) if grid else None,
        chords=estimate_chords(notes, beats, keys),
        melodic_motifs=melodic_motifs(notes),
        rhythmic_motifs=rhythmic_motifs(notes),
        sections=find_sections(notes),
        pitch_classes=pitch_class_shares(notes),
        intervals=interval_counts(notes),
        range=pitch_range(notes, main_key, keys),
        density=note_density(notes),
        dynamics=dynamics(notes),
        pedalling=pedal_usage(notes),
    )


def _beats(grid: MetricalGrid | None, start: float, end: float) -> np.ndarray:
    """Beats (N,) from `start` to `end` in seconds."""
    if grid is None:
        return np.zeros(0)
    return grid.beats[(grid.beats >= start) & (grid.beats <= end)]
