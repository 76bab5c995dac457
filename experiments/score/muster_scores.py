"""MUSTER error rates (percent) of scores of ASAP's performances: of amt, music21 and partitura.

python experiments/score/muster_scores.py ASAP --systems amt:true amt:asap music21:asap
python experiments/score/muster_scores.py ASAP --transcribed FOLDER --seconds 90

A system is a way of notation and the beats it gets, NOTATION:BEATS. Notations: amt; music21
(its MIDI reader: onsets and values to the nearest quarter or third of a quarter note); partitura
(its MIDI reader, rounding to sixteenths). Beats: those of the networks held_out or open, true
(annotated), or none: 120 a minute. music21 and partitura get the MIDI file with these beats as its
tempo map. One performance of each composition, or, from the folder that transcribe_asap.py wrote,
its transcription. Definition and alignment: muster.py. The error of the staff is not in the mean;
music21 and partitura write one staff, which is divided here at middle C. A composition is left out
if its score and its performance do not agree. Needs pip install partitura music21.
"""

from __future__ import annotations

import argparse
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import mido
import music21
import numpy as np
import partitura
from asap import SPLITS, beat_weights, first_performances, hands_beside, notes_file
from asap_truth import Aligned, Truth, align
from muster import Muster, WrittenNotes, muster

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.grid_tempo import tempo_map_of
from amt.analysis.symbolic.metrical import estimate_grid
from amt.io.midi import midi_bytes, read_midi
from amt.io.tempo_map import TempoMap
from amt.notes import Notes
from amt.score.make import make_score
from amt.score.score import RIGHT, Score

SYSTEMS = ["amt:true", "amt:held_out", "music21:true", "music21:held_out", "music21:none"]
SYSTEMS += ["partitura:true", "partitura:held_out", "partitura:none"]
COLUMNS = ["pitch", "missing", "extra", "onset", "offset", "mean", "staff"]
# Onset and value in quarter notes, and pitch.
Row = tuple[float, float, int]


def main() -> None:
    """Print the rates of every system, and of every composition if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("--split", choices=SPLITS, default="test")
    add("--systems", nargs="+", default=SYSTEMS, help="default: %(default)s")
    add("--transcribed", type=Path, help="folder of transcriptions, of transcribe_asap.py")
    add("--original", action="store_true", help="the MIDI of those in that folder, to compare")
    add("--seconds", type=float, default=np.inf, help="only the beginning of each performance")
    add("--limit", type=int, help="only so many compositions")
    add("--pieces", action="store_true", help="print a row for each composition")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Of music21 and partitura, for voices and key signatures.
    rates: dict[str, list[Muster]] = {name: [] for name in options.systems}
    chosen = first_performances(options.asap, options.split, options.transcribed)[: options.limit]
    for performance in chosen:
        one = align(performance)
        if one is None:
            continue
        path = notes_file(performance, options.transcribed, options.original)
        notes = read_midi(path).crop(0.0, options.seconds)
        for name, found in piece_rates(one, notes, options.systems, options.seconds).items():
            rates[name].append(found)
            if options.pieces:
                print(performance.composition, text(name, [found]), sep="\t", flush=True)
    for name, found in rates.items():
        print(text(f"{name} ({len(found)})", found))


def text(name: str, rates: list[Muster]) -> str:
    """The means of the rates in a line."""
    means = [np.mean([getattr(one, column) for one in rates]) for column in COLUMNS]
    pairs = zip(COLUMNS, means, strict=True)
    return f"{name:28s} " + "  ".join(f"{column} {value:5.2f}" for column, value in pairs)


def piece_rates(
    one: Aligned, notes: Notes, systems: list[str], seconds: float
) -> dict[str, Muster]:
    """The rates of each system that finds beats, for notes of the first `seconds`."""
    end = one.grid.position(np.array([min(seconds, one.notes.end + 60)]))[0]
    wanted = reference(one.truth, float(end))
    grids: dict[str, MetricalGrid | None] = {"true": one.grid}
    found = {}
    for name in systems:
        notation, beats = name.split(":")
        if beats not in grids and beats != "none":
            grids[beats] = estimate_grid(notes, beat_weights(beats))
        grid = grids.get(beats)
        if grid is None and beats != "none":
            continue
        written = write(notation, notes, grid, one.grid, hands_beside(beats))
        found[name] = muster(wanted, written)
    return found


def reference(truth: Truth, end: float) -> WrittenNotes:
    """The notes of the true score up to `end` beats."""
    value = np.where(truth.grace, 0.0, truth.value)
    whole = WrittenNotes(truth.position, truth.quarter, value, truth.pitch, truth.staff)
    return whole[truth.position < end]


def write(
    notation: str, notes: Notes, grid: MetricalGrid | None, true_grid: MetricalGrid, hands: str
) -> WrittenNotes:
    """The notes of the score that a notation makes of notes and beats (None: 120 a minute)."""
    if notation == "amt":
        assert grid is not None
        return from_score(make_score(notes, grid, weights=hands), true_grid)
    tempo_map = TempoMap.steady(120)
    if grid is not None:
        tempo_map = tempo_map_of(grid, float(notes.onset.min()), notes.end)
    rows = READERS[notation](midi_bytes(notes, tempo_map=tempo_map))
    onset, value, pitch = np.array(sorted(rows)).T
    place = true_grid.position(seconds_at(onset, tempo_map.quarters, tempo_map.seconds))
    return WrittenNotes(place, onset, value, pitch.astype(int), np.where(pitch >= 60, 1, 2))


def from_score(score: Score, true_grid: MetricalGrid) -> WrittenNotes:
    """The notes of a score of ours."""
    played = [min(score.performed.onset[list(note.performed)]) for note in score.notes]
    return WrittenNotes(
        true_grid.position(np.array(played)),
        np.array([float(score.bars[note.bar].start + note.position) for note in score.notes]),
        np.array([float(note.value) for note in score.notes]),
        np.array([note.pitch for note in score.notes]),
        np.array([1 if note.hand == RIGHT else 2 for note in score.notes]),
    )


def by_music21(data: bytes) -> list[Row]:
    """The notes of the score that music21 reads from a MIDI file.

    Some of its bars hold more than their time signature says, and later ones are late by that. The
    beginnings of bars are here those of the time signatures.
    """
    file = music21.midi.MidiFile()
    file.readstr(data)
    part = music21.midi.translate.midiFileToStream(file).parts[0].stripTies()
    rows, start = [], 0.0
    for measure in part.getElementsByClass("Measure"):
        for one in measure.recurse().notes:
            onset = start + float(one.getOffsetInHierarchy(measure))
            rows += [(onset, float(one.quarterLength), pitch.midi) for pitch in one.pitches]
        start += float(measure.barDuration.quarterLength)
    return rows


def by_partitura(data: bytes) -> list[Row]:
    """The notes of the score that partitura reads from a MIDI file, rounded to sixteenths."""
    file = mido.MidiFile(file=io.BytesIO(data))
    score = partitura.load_score_midi(
        file, part_voice_assign_mode=4, quantization_unit=file.ticks_per_beat // 4, quiet=True
    )
    part = score.parts[0]
    times = [(note.start.t, note.start.t + note.duration_tied) for note in part.notes_tied]
    quarters = part.quarter_map(np.array(times))
    pitches = [note.midi_pitch for note in part.notes_tied]
    return [
        (float(start), float(stop - start), pitch)
        for (start, stop), pitch in zip(quarters, pitches, strict=True)
    ]


READERS: dict[str, Callable[[bytes], list[Row]]] = {
    "music21": by_music21,
    "partitura": by_partitura,
}


def seconds_at(quarters: np.ndarray, beats: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Seconds (N,) at quarter notes (N,), given those of beats; after them the last tempo goes on.

    beats: in quarter notes (M,), rising; seconds: (M,).
    """
    tempo = (seconds[-1] - seconds[-2]) / (beats[-1] - beats[-2])
    return np.interp(quarters, beats, seconds) + np.maximum(quarters - beats[-1], 0) * tempo


if __name__ == "__main__":
    main()
