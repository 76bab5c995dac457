"""MV2H of our scores of ASAP's performances, on the time of the performance.

python experiments/score/mv2h_scores.py ASAP --beats true asap
python experiments/score/mv2h_scores.py ASAP --transcribed FOLDER --seconds 90

Notes and scores as in muster_scores.py; the definition: mv2h.py. Keys are signatures, taken as
major. A sub-beat is half a beat, of compound metres a third. Needs pip install partitura music21.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
from asap import (
    SPLITS,
    beat_weights,
    first_performances,
    hands_beside,
    notes_file,
    read_annotations,
)
from asap_truth import Aligned, align
from muster_scores import seconds_at
from mv2h import Key, Mv2h, TimedScore, mv2h

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import estimate_grid
from amt.io.midi import read_midi
from amt.score.make import make_score
from amt.score.score import RIGHT, Score


def main() -> None:
    """Print the means over compositions for each source of beats."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("--split", choices=SPLITS, default="test")
    add("--beats", nargs="+", default=["true", "held_out"], help="true, held_out, open")
    add("--transcribed", type=Path, help="folder of transcriptions, of transcribe_asap.py")
    add("--original", action="store_true", help="the MIDI of those in that folder, to compare")
    add("--seconds", type=float, default=np.inf, help="only the beginning of each performance")
    add("--limit", type=int, help="only so many compositions")
    add("--hands", action="store_true", help="a hand is one voice, as in MIDI files of two tracks")
    add("--pieces", action="store_true", help="print a row for each composition")
    options = parser.parse_args()
    found: dict[str, list[Mv2h]] = {beats: [] for beats in options.beats}
    chosen = first_performances(options.asap, options.split, options.transcribed)
    for performance in chosen[: options.limit]:
        one = align(performance)
        if one is None:
            continue
        path = notes_file(performance, options.transcribed, options.original)
        notes = read_midi(path).crop(0.0, options.seconds)
        wanted = true_score(one, options.seconds, options.hands)
        for beats in options.beats:
            grid = one.grid if beats == "true" else estimate_grid(notes, beat_weights(beats))
            if grid is not None:
                ours = our_score(
                    make_score(notes, grid, weights=hands_beside(beats)), grid, options.hands
                )
                found[beats].append(mv2h(wanted, ours))
                if options.pieces:
                    print(performance.composition, text(beats, found[beats][-1:]), sep="\t")
    for beats, scores in found.items():
        print(text(f"{beats} ({len(scores)})", scores))


def text(name: str, scores: list[Mv2h]) -> str:
    """The means of scores in a line."""
    rows = [asdict(one) | {"MV2H": one.mean} for one in scores]
    means = [f"{column} {np.mean([row[column] for row in rows]):.3f}" for column in rows[0]]
    return "  ".join([name.ljust(12), *means])


def true_score(one: Aligned, end: float, hands: bool = False) -> TimedScore:
    """The notes of a true score that are played before `end` seconds; performed where matched.

    hands: the voices are the staves.
    """
    truth, grid = one.truth, one.grid
    played = grid.seconds(truth.position)
    known = one.match >= 0
    played[one.match[known]] = one.notes.onset[known]
    start = grid.quarters(truth.position)
    stop = start + np.where(truth.grace, 0, truth.value)
    annotations = read_annotations(one.performance.annotations)
    keys = [(annotations.beats[beat], sharps) for beat, sharps in annotations.keys]
    inside = grid.seconds(truth.position) < end
    return TimedScore(
        onset=milliseconds(played[inside]),
        start=milliseconds(seconds_at(start[inside], grid.beat_quarters(), grid.beats)),
        stop=milliseconds(seconds_at(stop[inside], grid.beat_quarters(), grid.beats)),
        pitch=truth.pitch[inside],
        voice=(100 * truth.staff + (0 if hands else truth.voice))[inside],
        groups=groups(grid, end),
        keys=keys_of([key for key in keys if key[0] < end]),
    )


def our_score(score: Score, grid: MetricalGrid, hands: bool = False) -> TimedScore:
    """A score of ours, made with `grid`. hands: the voices are the hands."""
    quarters, beats = score.grid.beat_quarters(), score.grid.beats
    start = np.array([float(score.bars[note.bar].start + note.position) for note in score.notes])
    stop = start + np.array([float(note.value) for note in score.notes])
    played = [score.performed.onset[list(note.performed)].min() for note in score.notes]
    voices = [(note.hand == RIGHT, 0 if hands else note.voice) for note in score.notes]
    bars = [float(bar.start) for bar in score.bars]
    keys = zip(seconds_at(np.array(bars), quarters, beats).tolist(), score.bars, strict=True)
    return TimedScore(
        onset=milliseconds(np.array(played)),
        start=milliseconds(seconds_at(start, quarters, beats)),
        stop=milliseconds(seconds_at(stop, quarters, beats)),
        pitch=np.array([note.pitch for note in score.notes]),
        voice=np.array([10 * right + voice for right, voice in voices]),
        groups=groups(grid, float(score.performed.end)),
        keys=keys_of([(time, bar.fifths) for time, bar in keys]),
    )


def milliseconds(seconds: np.ndarray) -> np.ndarray:
    return np.rint(1000 * seconds).astype(np.int64)


def groups(grid: MetricalGrid, end: float) -> np.ndarray:
    """Start and stop (G, 2) of the sub-beats, beats and bars that stop before `end` seconds."""
    compound = np.isin(grid.beat_lengths(), [0.75, 1.5, 3.0])
    found = [grid.beats[np.flatnonzero(grid.downbeats)], grid.beats]
    spans = [np.stack([times[:-1], times[1:]], axis=1) for times in found]
    for parts in (2, 3):
        beats = np.flatnonzero(compound == (parts == 3))
        beats = beats[beats < len(grid.beats) - 1]
        edges = [grid.seconds(beats + part / parts) for part in range(parts + 1)]
        spans += [np.stack(pair, axis=1) for pair in pairwise(edges)]
    every = np.concatenate(spans)
    return milliseconds(every[every[:, 1] < end])


def keys_of(signatures: list[tuple[float, int]]) -> list[Key]:
    """Key signatures (seconds, sharps) as keys; the first from the beginning on."""
    changed = [
        (time, sharps)
        for number, (time, sharps) in enumerate(signatures)
        if not number or sharps != signatures[number - 1][1]
    ]
    times = [0, *(round(1000 * time) for time, _ in changed[1:])]
    tonics = [7 * sharps % 12 for _, sharps in changed]
    return [(time, tonic, True) for time, tonic in zip(times, tonics, strict=True)]


if __name__ == "__main__":
    main()
