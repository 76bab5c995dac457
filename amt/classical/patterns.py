"""What the notes of a piece say: key, tempo, metre, chords, motifs, sections and statistics.

The notes may be transcribed or from MIDI. What they do not tell is None or empty, never a guess in
disguise.
"""

from __future__ import annotations

from dataclasses import dataclass

from amt.classical.beats import Tempo, beats_of
from amt.classical.harmony import Chord, chords_of
from amt.classical.metre import Metre, metre_of
from amt.classical.motifs import Motif, melodic_motifs, rhythmic_motifs
from amt.classical.sections import Section, sections_of
from amt.classical.statistics import (
    Density,
    Dynamics,
    Pedalling,
    Range,
    density_of,
    dynamics_of,
    interval_counts,
    pedalling_of,
    pitch_class_shares,
    range_of,
)
from amt.classical.tonality import Key, KeySpan, key_changes, key_of
from amt.notes import Notes


@dataclass(frozen=True)
class Patterns:
    """All that is found, in plain types: `dataclasses.asdict` of it can be written as JSON.

    notes: how many. seconds: from the first onset to the last offset. beats: their times in
    seconds. Each of the other fields is described where its type is.
    """

    notes: int
    seconds: float
    key: Key | None
    key_changes: list[KeySpan]
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


def describe_notes(notes: Notes) -> Patterns:
    """Everything that the modules of this room find in a note table."""
    tempo, beats = beats_of(notes)
    return Patterns(
        notes=len(notes),
        seconds=notes.end - float(notes.onset[0]) if len(notes) else 0.0,
        key=key_of(notes),
        key_changes=key_changes(notes),
        tempo=tempo,
        beats=beats.tolist(),
        metre=metre_of(notes, beats),
        chords=chords_of(notes, beats),
        melodic_motifs=melodic_motifs(notes),
        rhythmic_motifs=rhythmic_motifs(notes),
        sections=sections_of(notes),
        pitch_classes=pitch_class_shares(notes),
        intervals=interval_counts(notes),
        range=range_of(notes),
        density=density_of(notes),
        dynamics=dynamics_of(notes),
        pedalling=pedalling_of(notes),
    )
