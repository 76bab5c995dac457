"""Accuracy of the key estimation: against the keys that titles name, on the MIDI of MAESTRO.

python experiments/analysis/key_accuracy.py MAESTRO
python experiments/analysis/key_accuracy.py MAESTRO --compare    # all profiles, train split only

A title without a mode ("Sonata in F") means major. Titles are used as they are; some are wrong. The
title of a composition in several movements names the key of the whole, also if the recording is of
a later movement, so results are reported by the kind of recording, as far as titles name it.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from amt.analysis.symbolic.key import PROFILE, PROFILES, estimate_key
from amt.io.midi import read_midi
from amt.notes import Notes

KEY = re.compile(
    r"\b(?:in\s+)?(?P<letter>[A-G])(?:[ -]?(?P<word>flat|sharp)\b|(?P<sign>[#b]))?(?![\w'])"
    r"(?:\s+(?P<mode>maj|min)\w*)?",
    re.IGNORECASE,
)
NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERED = {"flat": -1, "b": -1, "sharp": 1, "#": 1}

CYCLE = re.compile(r"\bSon(?:ata)?\b|Suite|Partita|Concerto", re.IGNORECASE)
COMPLETE = re.compile(r"\(Complete\)", re.IGNORECASE)
OPENING = re.compile(r"1st mov|First Movement|[,\"”] I\. |Prelude|Toccata", re.IGNORECASE)
LATER = re.compile(r"2nd|\bII\b|Second Movement", re.IGNORECASE)
KINDS = ("one piece", "first movement", "complete work", "later movement", "movement unknown")

# Scores of the MIREX evaluation of audio key detection.
POINTS = {"right": 1.0, "fifth": 0.5, "relative": 0.3, "parallel": 0.2, "other": 0.0, "none": 0.0}


@dataclass(frozen=True)
class Performance:
    """A performance whose title names a key. kind: one of KINDS. tonic: pitch class, 0 is C."""

    title: str
    kind: str
    split: str
    tonic: int
    minor: bool
    notes: Notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("maestro", type=Path, help="folder with the CSV and the MIDI files")
    parser.add_argument("--compare", action="store_true", help="all profiles, on the train split")
    parser.add_argument(
        "--mistakes", action="store_true", help="list the performances with another key"
    )
    options = parser.parse_args()
    performances = read_performances(options.maestro)
    if options.compare:
        train = [performance for performance in performances if performance.split == "train"]
        for profile in PROFILES:
            print_row(profile, [outcome(performance, profile) for performance in train])
        return
    outcomes = [outcome(performance) for performance in performances]
    print_groups(performances, outcomes)
    if options.mistakes:
        for performance, result in zip(performances, outcomes, strict=True):
            if result != "right":
                key = estimate_key(performance.notes)
                print(f"{result:9s} {key.name if key else '':9s} {performance.title}")


def read_performances(root: Path) -> list[Performance]:
    """Performances in `root` whose titles name a key, in the order of the CSV."""
    tables = sorted(root.glob("maestro-v*.csv"))
    if not tables:
        raise SystemExit(f"no maestro-v*.csv in {root}; expected the folder of MAESTRO")
    performances = []
    with tables[-1].open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            title = row["canonical_title"]
            if named := title_key(title):
                notes = read_midi(root / row["midi_filename"])
                performances.append(Performance(title, kind(title), row["split"], *named, notes))
    return performances


def title_key(title: str) -> tuple[int, bool] | None:
    """Tonic (0 is C) and whether the mode is minor; None where a title names no key.

    >>> title_key("Scherzo in B-flat Minor"), title_key("Barcarolle in F#"), title_key("A Waltz")
    ((10, True), (6, False), None)
    """
    for found in KEY.finditer(title):
        letter, mode = found["letter"], found["mode"]
        if letter.isupper() and (mode or found[0].lower().startswith("in")):
            altered = ALTERED[(found["word"] or found["sign"]).lower()] if _altered(found) else 0
            return (NATURALS[letter] + altered) % 12, (mode or "").lower() == "min"
    return None


def _altered(found: re.Match[str]) -> bool:
    return bool(found["word"] or found["sign"])


def kind(title: str) -> str:
    """The kind of recording, one of KINDS, according to its title."""
    if not CYCLE.search(title):
        return KINDS[0]
    if COMPLETE.search(title):
        return KINDS[2]
    if OPENING.search(title):
        return KINDS[1]
    return KINDS[3] if LATER.search(title) else KINDS[4]


def outcome(performance: Performance, profile: str = PROFILE) -> str:
    """Relation of the estimated key to that of the title: a key of POINTS."""
    key = estimate_key(performance.notes, profile)
    if key is None:
        return "none"
    return relation(performance.tonic, performance.minor, key.tonic, key.mode == "minor")


def relation(tonic: int, minor: bool, estimate: int, estimate_minor: bool) -> str:
    """Relation of an estimated key to the reference: a key of POINTS, except "none"."""
    step = (estimate - tonic) % 12
    if minor == estimate_minor:
        return {0: "right", 5: "fifth", 7: "fifth"}.get(step, "other")
    return {0: "parallel", 3 if minor else 9: "relative"}.get(step, "other")


def print_groups(performances: Sequence[Performance], outcomes: Sequence[str]) -> None:
    """One row for all, for each split, and for each kind of recording."""
    print(f"{'':28s}{'count':>6s}" + "".join(f"{name:>10s}" for name in (*POINTS, "MIREX")))
    print_row("all", outcomes)
    pairs = list(zip(performances, outcomes, strict=True))
    for split in ("train", "validation", "test"):
        print_row(split, [result for performance, result in pairs if performance.split == split])
    for name in KINDS:
        print_row(name, [result for performance, result in pairs if performance.kind == name])


def print_row(name: str, outcomes: Sequence[str]) -> None:
    """Print the share of each outcome and the MIREX score; nothing without outcomes."""
    if outcomes:
        shares = [outcomes.count(result) / len(outcomes) for result in POINTS]
        score = sum(POINTS[result] for result in outcomes) / len(outcomes)
        print(f"{name:28s}{len(outcomes):6d}" + "".join(f"{x:10.3f}" for x in (*shares, score)))


if __name__ == "__main__":
    main()
