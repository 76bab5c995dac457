"""Count in ASAP's training scores what amt.score knows of rhythm and keys; print it.

    python experiments/score/score_counts.py ASAP [--limit 10]

Divisions (`amt.score.divisions`): for simple and compound beats, the share of each smallest
division that all onsets of a hand in a beat fit, and how often its places are used after one that
is used and after one that is not. Pitch classes (`amt.score.signatures`): their shares, from the
tonic of the major key of the signature.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from asap_truth import Aligned, aligned_performances

from amt.score.divisions import DIVISIONS

# Places within so small a part of a division are the same.
SAME = 0.07


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--limit", type=int, help="only so many compositions")
    arguments = parser.parse_args()
    beats: Counter[tuple[bool, int]] = Counter()
    used: dict[tuple[bool, int], np.ndarray] = {}
    shares = np.zeros(12)
    for number, one in enumerate(aligned_performances(arguments.asap, "train")):
        if number == arguments.limit:
            break
        for compound, division, places in divided_beats(one):
            beats[compound, division] += 1
            table = used.setdefault((compound, division), np.zeros((division, 2, 2)))
            table += uses(places, division)
        relative = (one.truth.pitch - 7 * one.truth.fifths) % 12
        shares += np.bincount(relative, minlength=12) / len(relative)
    for (compound, division), count in sorted(beats.items()):
        total = sum(other for (kind, _), other in beats.items() if kind == compound)
        table = used[compound, division] + 0.5
        none, note = np.round(table[:, :, 1] / table.sum(2), 2).T.tolist()
        kind = "compound" if compound else "simple"
        print(kind, division, f"{count / total:.4f}", "note", note, "none", none, sep="\t")
    print("pitch classes", np.round(100 * shares / shares.sum(), 1).tolist(), sep="\t")


def divided_beats(one: Aligned) -> Iterator[tuple[bool, int, set[int]]]:
    """Of each beat of each hand: whether it is compound, its division, and the places used."""
    lengths = one.grid.beat_lengths()
    for staff in (1, 2):
        own = one.truth.position[(one.truth.staff == staff) & ~one.truth.grace]
        inside: dict[int, list[float]] = defaultdict(list)
        for position in own[(own > -0.001) & (own < len(lengths) - 0.01)].tolist():
            beat = int(position + 0.001)
            inside[beat].append(position - beat)
        for beat, offsets in inside.items():
            compound = float(lengths[beat]) in (0.75, 1.5, 3.0)
            division = smallest_division(np.array(offsets))
            if division:
                places = np.round(np.array(offsets) * division).astype(int) % division
                yield compound, division, set(places.tolist())


def uses(places: set[int], division: int) -> np.ndarray:
    """Of each place: whether the one before it is used (none is before the first), and itself."""
    table = np.zeros((division, 2, 2))
    before = 0
    for place in range(division):
        now = int(place in places)
        table[place, before, now] = 1
        before = now
    return table


def smallest_division(offsets: np.ndarray) -> int | None:
    """The smallest division of a beat that all offsets fit; None if none does."""
    for division in DIVISIONS:
        exact = offsets * division
        if (np.abs(exact - np.round(exact)) < SAME).all():
            return division
    return None


if __name__ == "__main__":
    main()
