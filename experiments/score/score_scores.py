"""Score the notation of performances against the scores of ASAP.

    python experiments/score/score_scores.py ASAP [--split test] [--beats asap|open] [--limit 10]

One performance of each composition. Without --beats on the annotated grid; with it on the estimated
one, and then only notes are scored whose beat is right: its two beats within 70 ms. Mean over
compositions of the share of performed notes that the score has:

onset    place in the bar right (grace notes of the score left out)
value    of those, the written value right
hand     staff right
voice    of pairs of notes in a row in a staff, rightly in one voice or two
spelling letter and accidental right
key      the first key signature right
change   of notes, the key signature right
metre    the first metre right
grace    grace notes of the score that are grace notes

Beside it: hands divided at middle C; partitura's spelling (ps13) and key; music21's quantiser.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import partitura
from asap import beat_weights, hands_beside
from asap_truth import Aligned, aligned_performances

from amt.analysis.symbolic.grid import MetricalGrid
from amt.score.make import make_score
from amt.score.score import RIGHT, Score
from amt.score.signatures import signature_of

# Places within so many beats, and values within this part, are the same.
SAME_BEATS, SAME_VALUE = 0.02, 0.02
# A beat is right within so many seconds of an annotated one.
SAME_SECONDS = 0.07


@dataclass(frozen=True, eq=False)
class Written:
    """What a score says of each performed note (N,).

    position: beats from the first beat of the grid given; value: beats.
    """

    position: np.ndarray
    value: np.ndarray
    right: np.ndarray
    voice: np.ndarray
    name: np.ndarray
    fifths: np.ndarray
    grace: np.ndarray


def main() -> None:
    """Print the scores of each composition and their means."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--beats", choices=("held_out", "open"), help="estimate the grid")
    parser.add_argument("--hands", choices=("asap", "open"), help="how hands are found")
    parser.add_argument("--limit", type=int, help="only so many compositions")
    arguments = parser.parse_args()
    hands = arguments.hands or hands_beside(arguments.beats)
    columns: dict[str, list[float]] = defaultdict(list)
    for number, one in enumerate(aligned_performances(arguments.asap, arguments.split)):
        if number == arguments.limit:
            break
        grid = one.grid if arguments.beats is None else estimated(one, arguments.beats)
        if grid is None:
            print(one.performance.composition, "no beats found", sep="\t")
            continue
        begin = time.process_time()
        score = make_score(one.notes, grid, weights=hands)
        seconds = (time.process_time() - begin) / one.notes.end * 300
        found = dict(scores(one, grid, score)) | dict(others(one)) | {"cpu_s": seconds}
        for name, value in found.items():
            columns[name].append(value)
        shown = " ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(one.performance.composition, shown, sep="\t", flush=True)
    print("composition".ljust(12), len(columns["onset"]))
    for name, values in columns.items():
        known = [value for value in values if not np.isnan(value)]
        print(name.ljust(12), f"{np.mean(known):.3f}" if known else "-", len(known), sep="\t")


def estimated(one: Aligned, weights: str) -> MetricalGrid | None:
    """The grid that is estimated from the notes."""
    from amt.analysis.symbolic.metrical import estimate_grid

    return estimate_grid(one.notes, beat_weights(weights))


def scores(one: Aligned, grid: MetricalGrid, score: Score) -> Iterator[tuple[str, float]]:
    """The scores of a composition; a mean over no note is NaN."""
    written, truth = read(score, grid, len(one.notes)), one.truth
    known, right_beat, position = _compared(one, grid, written)
    match = one.match[known]
    main = ~truth.grace[match] & right_beat
    onset = (np.abs(position - truth.position[match]) < SAME_BEATS) & ~written.grace[known]
    # In beats, so that 4/8 for 4/4 is a wrong metre, but not also a wrong value of every note.
    lengths = one.grid.beat_lengths()
    beat = np.clip(truth.position[match].astype(int), 0, len(lengths) - 1)
    wanted = truth.value[match] / lengths[beat]
    value = np.abs(written.value[known] - wanted) < SAME_VALUE * np.maximum(wanted, 0.25)
    names = np.array(
        [f"{a}{b}" for a, b in zip(truth.step[match], truth.alter[match], strict=True)]
    )
    first = truth.fifths[np.argmin(np.where(truth.grace, np.inf, truth.position))]
    yield "matched", len(known) / max(len(one.notes), 1)
    yield "onset", _mean(onset[main])
    yield "value", _mean(value[main & onset])
    yield "hand", _mean(written.right[known] == (truth.staff[match] == 1))
    yield "voice", _voice_pairs(one, written, known)
    yield "spelling", _mean(written.name[known] == names)
    yield "key", float(score.bars[0].fifths == first)
    yield "change", _mean(written.fifths[known] == truth.fifths[match])
    whole = score.bars[1 if score.bars[0].pickup and len(score.bars) > 1 else 0]
    yield "metre", float(whole.signature == one.grid.metres[0].signature)
    yield "grace", _mean(written.grace[known][truth.grace[match]])


def read(score: Score, grid: MetricalGrid, count: int) -> Written:
    """What a score on an extended `grid` says of `count` performed notes."""
    added = int(np.searchsorted(score.grid.beats, grid.beats[0] - 1e-9))
    starts = score.grid.bar_starts()
    out = Written(
        *(np.zeros(count) for _ in range(2)),
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=int),
        np.zeros(count, dtype="U3"),
        np.zeros(count, dtype=int),
        np.zeros(count, dtype=bool),
    )
    for note in score.notes:
        index, bar = list(note.performed), score.bars[note.bar]
        out.position[index] = starts[note.bar] - added + float(note.position / bar.beat)
        out.value[index] = float(note.value / bar.beat)
        out.right[index] = note.hand == RIGHT
        out.voice[index] = note.voice
        out.name[index] = f"{note.spelling.step}{note.spelling.alter}"
        out.fifths[index] = bar.fifths
        out.grace[index] = note.grace
    return out


def _compared(
    one: Aligned, grid: MetricalGrid, written: Written
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matched notes, whether the beat of each is right, and its position on the true beats."""
    known = np.flatnonzero(one.match >= 0)
    if grid is one.grid:
        return known, np.ones(len(known), dtype=bool), written.position[known]
    beat = np.clip(np.floor(written.position[known]).astype(int), 0, len(grid.beats) - 2)
    nearest = np.array([np.abs(one.grid.beats - time).argmin() for time in grid.beats])
    near = np.abs(one.grid.beats[nearest] - grid.beats) <= SAME_SECONDS
    follows = nearest[beat + 1] == nearest[beat] + 1
    right = near[beat] & near[beat + 1] & follows
    return known, right, nearest[beat] + written.position[known] - beat


def _voice_pairs(one: Aligned, written: Written, known: np.ndarray) -> float:
    """Share of pairs of successive notes of a staff that are rightly in one voice or in two."""
    agreed = []
    for staff in (1, 2):
        own = known[one.truth.staff[one.match[known]] == staff]
        mine = written.voice[own] + 10 * written.right[own]
        agreed += list((np.diff(mine) == 0) == (np.diff(one.truth.voice[one.match[own]]) == 0))
    return _mean(np.array(agreed))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def others(one: Aligned) -> Iterator[tuple[str, float]]:
    """Scores of simple or of other packages' ways, on the same notes and the true grid."""
    known = np.flatnonzero(one.match >= 0)
    match, truth = one.match[known], one.truth
    yield "middle C", _mean((one.notes.pitch[known] >= 60) == (truth.staff[match] == 1))
    table = np.zeros(
        len(one.notes), dtype=[("onset_sec", float), ("duration_sec", float), ("pitch", int)]
    )
    table["onset_sec"], table["pitch"] = one.notes.onset, one.notes.pitch
    table["duration_sec"] = np.maximum(one.notes.offset - one.notes.onset, 0.01)
    spelled = partitura.musicanalysis.estimate_spelling(table)
    right = (spelled["step"][known] == truth.step[match]) & (
        spelled["alter"][known] == truth.alter[match]
    )
    yield "ps13", _mean(right)
    tonic = partitura.musicanalysis.estimate_key(table)
    key = f"{tonic.rstrip('m')} {'minor' if tonic.endswith('m') else 'major'}"
    first = truth.fifths[np.argmin(np.where(truth.grace, np.inf, truth.position))]
    yield "pt key", float(signature_of(key) == first)
    yield from music21_quantiser(one, known)


def music21_quantiser(one: Aligned, known: np.ndarray) -> Iterator[tuple[str, float]]:
    """Stream.quantize of music21 (quarters in 4 and in 3) on times on the true grid.

    Its rule, without the stream: each time goes to the nearest multiple of a quarter of a quarter
    note or of a third, values likewise (its default quarterLengthDivisors, 4 and 3).
    """
    match, truth = one.match[known], one.truth
    main = ~truth.grace[match]
    start = one.grid.quarters(one.grid.position(one.notes.onset[known]))
    stop = one.grid.quarters(one.grid.position(one.notes.offset[known]))
    placed, value = nearest_quarter(start), nearest_quarter(stop - start)
    true = one.grid.quarters(truth.position[match])
    onset = np.abs(placed - true) < SAME_BEATS
    same = np.abs(value - truth.value[match]) < SAME_VALUE * np.maximum(truth.value[match], 0.25)
    yield "m21 onset", _mean(onset[main])
    yield "m21 value", _mean(same[main & onset])


def nearest_quarter(times: np.ndarray) -> np.ndarray:
    """The nearest multiples of 1/4 or 1/3, whichever is nearer."""
    choices = np.stack([np.round(times * parts) / parts for parts in (4, 3)])
    return np.take_along_axis(choices, np.abs(choices - times).argmin(0)[None], 0)[0]


if __name__ == "__main__":
    main()
