"""Accuracy of beats, downbeats, metre and key signature, on compositions of ASAP.

python experiments/score/beat_scores.py ASAP --systems tracked held_out open
python experiments/score/beat_scores.py ASAP --split validation --systems RUN/averaged.safetensors
python experiments/score/beat_scores.py ASAP --transcribed FOLDER --seconds 90

Systems: "tracked" (tracked_beats.py: no network), "held_out" (as the bundled "asap", but these
splits are not in its training), the names of bundled networks, or files of weights. Of each
performance the MIDI is read, or, from the folder that transcribe_asap.py wrote, the transcription
of its beginning. Scores are of mir_eval (F1 within 70 ms; CMLt, AMLt), means over the performances
of a composition, then over compositions. All beats count; in brackets without the first five
seconds, as mir_eval recommends. tempo: within 8 %; or a half, double, third or triple of it. metre:
the first time signature; bar: only its beats in a bar and their division (2/4 = 2/2). key: the key
signature (C major = A minor) at the start, and its share of right seconds over the piece.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mir_eval
import numpy as np
from asap import (
    SPLITS,
    Annotations,
    Performance,
    beat_weights,
    first_performances,
    notes_file,
    performances,
    read_annotations,
)
from tqdm import tqdm
from tracked_beats import estimate_metre, track_beats

from amt.analysis.symbolic.grid import MetreSpan
from amt.analysis.symbolic.key import estimate_key
from amt.analysis.symbolic.metrical import estimate_grid
from amt.analysis.symbolic.tempo import TEMPO_BEATS
from amt.io.midi import read_midi
from amt.notes import Notes

TRACKED = "tracked"
# A tempo within 8 %, and its half, double, third and triple, as powers of two.
NEAR_TEMPO = float(np.log2(1.08))
MULTIPLES = np.log2([1, 2, 1 / 2, 3, 1 / 3])


@dataclass(frozen=True)
class Estimate:
    """Beats and downbeats in seconds, the first metre ("6/8"), and key signatures over time.

    key: the pitch class of the major key at a time in seconds.
    """

    beats: np.ndarray
    downbeats: np.ndarray
    metre: str
    key: Callable[[float], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("--split", choices=SPLITS, default="test")
    add("--systems", nargs="+", default=[TRACKED, "held_out", "open"])
    add("--transcribed", type=Path, help="folder of transcriptions, of transcribe_asap.py")
    add("--original", action="store_true", help="the MIDI of those in that folder, to compare")
    add("--seconds", type=float, help="only the beginning of each performance")
    add("--one", action="store_true", help="one performance of each composition")
    add("--pieces", action="store_true", help="print a row for each composition")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Of mir_eval, for pieces without beats.
    choose = first_performances if options.one else performances
    chosen = choose(options.asap, options.split)
    if options.transcribed:
        chosen = [one for one in chosen if (options.transcribed / one.file_name).is_file()]
    for system in options.systems:
        print_scores(system, chosen, options)


def print_scores(system: str, chosen: list[Performance], options: argparse.Namespace) -> None:
    """One row for each composition, if asked for, and the mean row."""
    rows: dict[str, list[dict[str, float]]] = {}
    for one in tqdm(chosen, desc=system, leave=False):
        path = notes_file(one, options.transcribed, options.original)
        seconds = options.seconds or np.inf
        notes = read_midi(path).crop(0.0, seconds)
        found, truth = estimate(system, notes), read_annotations(one.annotations)
        rows.setdefault(one.composition, []).append(scores(found, truth, seconds))
    means = {name: mean(found) for name, found in rows.items()}
    for name, row in means.items():
        if options.pieces:
            print(text(name, row))
    print(text(f"{system} ({len(chosen)} performances)", mean(list(means.values()))))


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def text(name: str, row: dict[str, float]) -> str:
    return f"{name:46s} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items())


def estimate(system: str, notes: Notes) -> Estimate:
    """What a system says of the notes."""
    if system == TRACKED:
        beats = track_beats(notes)
        metre, downbeats = estimate_metre(notes, beats)
        return Estimate(beats, downbeats, metre, _one_key(notes))
    grid = estimate_grid(notes, beat_weights(system))
    if grid is None:
        return Estimate(np.zeros(0), np.zeros(0), "", _one_key(notes))
    downbeats = grid.beats[grid.downbeats]
    return Estimate(grid.beats, downbeats, grid.metres[0].signature, _one_key(notes))


def _one_key(notes: Notes) -> Callable[[float], int]:
    """The signature of the key of the whole piece."""
    key = estimate_key(notes)
    major = -1 if key is None else (key.tonic + (3 if key.mode == "minor" else 0)) % 12
    return lambda seconds: major


def scores(found: Estimate, truth: Annotations, seconds: float) -> dict[str, float]:
    """Scores of one performance; beats after `seconds` are left out."""
    beats = truth.beats[truth.beats < seconds]
    downbeats = truth.beats[truth.downbeats & (truth.beats < seconds)]
    correct = mir_eval.beat.continuity(beats, found.beats)
    metre = truth.metres[0][1]
    times = np.arange(beats[0], beats[-1])
    return {
        "beat": mir_eval.beat.f_measure(beats, found.beats),
        "(5 s)": trimmed(beats, found.beats),
        "downbeat": mir_eval.beat.f_measure(downbeats, found.downbeats),
        "(5 s) ": trimmed(downbeats, found.downbeats),
        "CMLt": correct[1],
        "AMLt": correct[3],
        "tempo": float(abs(octaves(beats, found.beats)) <= NEAR_TEMPO),
        "or multiple": float(np.abs(octaves(beats, found.beats) - MULTIPLES).min() <= NEAR_TEMPO),
        "metre": float(found.metre == metre),
        "bar": float(bar_kind(found.metre) == bar_kind(metre)),
        "key": float(found.key(beats[0]) == 7 * truth.key_at(beats[0]) % 12),
        "over time": float(np.mean([found.key(t) == 7 * truth.key_at(t) % 12 for t in times])),
    }


def octaves(reference: np.ndarray, found: np.ndarray) -> float:
    """How much faster the found beats are, as a power of two: medians of TEMPO_BEATS beats."""
    if min(len(reference), len(found)) <= TEMPO_BEATS:
        return np.inf
    periods = [
        np.median(times[TEMPO_BEATS:] - times[:-TEMPO_BEATS]) for times in (reference, found)
    ]
    return float(np.log2(periods[0] / periods[1]))


def trimmed(reference: np.ndarray, found: np.ndarray) -> float:
    """F1 without the first five seconds."""
    reference, found = (mir_eval.beat.trim_beats(times) for times in (reference, found))
    return float(mir_eval.beat.f_measure(reference, found))


def bar_kind(signature: str) -> tuple[int, bool] | None:
    """Beats in a bar, and whether they divide in three."""
    if not signature:
        return None
    numerator, denominator = map(int, signature.split("/"))
    metre = MetreSpan(0, numerator, denominator)
    return metre.beats, metre.compound


if __name__ == "__main__":
    main()
