"""Score the notation of transcriptions against the scores of ASAP, note by note.

python experiments/score/audio_scores.py ASAP FOLDER --seconds 90

FOLDER is what transcribe_asap.py wrote. A transcribed note stands for the performed note of its
pitch within 50 ms (mir_eval), and so for that note of the score. Columns as in score_scores.py, of
the notes that stand for one; beside them the same of the performance's own MIDI. `matched` is the
share of notes that stand for a note of the score. Needs pip install partitura.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
from asap import SPLITS, beat_weights, first_performances, hands_beside
from asap_truth import Aligned, align
from score_scores import scores

from amt.analysis.symbolic.metrical import estimate_grid
from amt.io.midi import read_midi
from amt.notes import Notes
from amt.score.make import make_score

WITHIN = 0.05


def main() -> None:
    """Print the means over compositions: of each source of notes with each source of beats."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("transcribed", type=Path, help="folder of transcriptions, of transcribe_asap.py")
    add("--split", choices=SPLITS, default="test")
    add("--seconds", type=float, default=np.inf, help="only the beginning of each performance")
    add("--beats", nargs="+", default=["true", "held_out"], help="true, held_out, open")
    add("--limit", type=int, help="only so many compositions")
    options = parser.parse_args()
    columns: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    chosen = first_performances(options.asap, options.split, options.transcribed)
    for performance in chosen[: options.limit]:
        one = align(performance)
        if one is None:
            print(performance.composition, "its score does not agree with it", sep="\t")
            continue
        performed = beginning(one, options.seconds)
        heard = read_midi(options.transcribed / performance.file_name).crop(0.0, options.seconds)
        for source, notes in (("MIDI", performed), ("audio", transcribed(performed, heard))):
            for beats in options.beats:
                grid = (
                    one.grid if beats == "true" else estimate_grid(notes.notes, beat_weights(beats))
                )
                if grid is None:
                    print(performance.composition, source, beats, "no beats found", sep="\t")
                    continue
                score = make_score(notes.notes, grid, weights=hands_beside(beats))
                for name, value in scores(notes, grid, score):
                    columns[f"{source} {beats}"][name].append(value)
    for system, found in columns.items():
        means = [f"{name} {np.nanmean(values):.3f}" for name, values in found.items()]
        print(system.ljust(12), len(found["onset"]), *means, sep="  ")


def beginning(one: Aligned, seconds: float) -> Aligned:
    """A performance with the notes of its first `seconds`."""
    inside = one.notes.onset < seconds
    return replace(one, notes=one.notes.crop(0.0, seconds), match=one.match[inside])


def transcribed(one: Aligned, heard: Notes) -> Aligned:
    """A performance with the notes of its transcription in place of its own."""
    intervals = [np.stack([notes.onset, notes.offset], axis=1) for notes in (one.notes, heard)]
    hertz = [mir_eval.util.midi_to_hz(notes.pitch) for notes in (one.notes, heard)]
    pairs = mir_eval.transcription.match_notes(
        intervals[0],
        hertz[0],
        intervals[1],
        hertz[1],
        onset_tolerance=WITHIN,
        offset_ratio=None,
    )
    match = np.full(len(heard), -1)
    for mine, theirs in pairs:
        match[theirs] = one.match[mine]
    return replace(one, notes=heard, match=match)


if __name__ == "__main__":
    main()
