"""Analysis of the notes of a piece: key, tempo, metre, chords, motifs, sections and statistics.

The notes may be transcribed or from a MIDI file. Results without enough evidence are None or empty.
"""

from __future__ import annotations

from dataclasses import dataclass

from amt.analysis.spelling import pitch_class_names
from amt.analysis.symbolic.beats import Tempo, track_beats
from amt.analysis.symbolic.chords import Chord, estimate_chords
from amt.analysis.symbolic.key import Key, KeySpan, estimate_key, key_changes
from amt.analysis.symbolic.metre import Metre, estimate_metre
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
from amt.notes import Notes


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


def analyse_notes(notes: Notes) -> NoteAnalysis:
    """Results of all modules of `amt.analysis.symbolic` for a note table."""
    tempo, beats = track_beats(notes)
    key, keys = estimate_key(notes), key_changes(notes)
    main_key = key.name if key else None
    return NoteAnalysis(
        notes=len(notes),
        seconds=notes.end - float(notes.onset[0]) if len(notes) else 0.0,
        key=key,
        key_changes=keys,
        spelling=pitch_class_names(main_key),
        tempo=tempo,
        beats=beats.tolist(),
        metre=estimate_metre(notes, beats),
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
