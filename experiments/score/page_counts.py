"""Count what makes a page hard to read: in the scores that amt writes, and in those of ASAP.

    python experiments/score/page_counts.py ASAP [--split validation] [--beats asap|open]

Signs in a bar, of both staves: brackets of tuplets, ties (of chords), rests that are shown, of
these those shorter than an eighth, accidentals, grace notes, second voices, dynamic marks, pedals
pressed, notes four ledger lines or more above the treble or below the bass staff, and clefs. One
performance of each composition, on the annotated grid or with --beats on the estimated one. Mean
over compositions.
"""

from __future__ import annotations

import argparse
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from asap import (
    Performance,
    beat_weights,
    grid_from_annotations,
    hands_beside,
    performances,
    read_annotations,
)

from amt.analysis.symbolic.grid import MetricalGrid
from amt.analysis.symbolic.metrical import estimate_grid
from amt.io.midi import read_midi
from amt.notes import Notes
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes

SHORT_TYPES = {"16th", "32nd", "64th", "128th", "256th"}
LETTERS = "CDEFGAB"
# Diatonic steps of the notes with the fourth ledger line above the treble and below the bass staff.
HIGH, LOW = 6 * 7 + LETTERS.index("G"), 1 * 7 + LETTERS.index("A")
NAMES = ("tuplets", "ties", "rests", "short rests", "accidentals", "graces", "second voices")
NAMES += ("dynamics", "pedals", "ledgers", "clefs")


def main() -> None:
    """Print the counts of each composition and their means."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--beats", choices=("held_out", "open"), help="estimate the grid")
    parser.add_argument("--limit", type=int, help="only so many compositions")
    arguments = parser.parse_args()
    chosen: dict[str, Performance] = {}
    for one in performances(arguments.asap, arguments.split):
        if one.musicxml.exists():
            chosen.setdefault(one.work, one)
    rows = []
    for one in list(chosen.values())[: arguments.limit]:
        notes = read_midi(one.midi)
        grid = grid_of(one, notes, arguments.beats)
        if grid is None:
            continue
        score = make_score(notes, grid, weights=hands_beside(arguments.beats))
        ours = counts(ElementTree.fromstring(musicxml_bytes(score)))
        rows.append((ours, counts(read_score(one.musicxml))))
        shown = (f"{name} {a:.2f}/{b:.2f}" for name, a, b in zip(NAMES, *rows[-1], strict=True))
        print(one.composition, *shown, sep="\t", flush=True)
    for name, (ours, true) in zip(NAMES, np.mean(rows, axis=0).T, strict=True):
        print(name.ljust(14), f"{ours:.2f}", f"{true:.2f}", sep="\t")


def grid_of(one: Performance, notes: Notes, weights: str | None) -> MetricalGrid | None:
    """The annotated grid of a performance, or the one that is estimated."""
    if weights is None:
        return grid_from_annotations(read_annotations(one.annotations))
    return estimate_grid(notes, beat_weights(weights))


def read_score(path: Path) -> Element:
    """The root of a MusicXML file, compressed or not."""
    if not zipfile.is_zipfile(path):
        return ElementTree.parse(path).getroot()
    with zipfile.ZipFile(path) as archive:
        name = next(
            name
            for name in archive.namelist()
            if name.endswith(("xml", "musicxml")) and not name.startswith("META-INF")
        )
        return ElementTree.fromstring(archive.read(name))


def counts(root: Element) -> np.ndarray:
    """Signs in a bar, in the order of NAMES."""
    found: Counter[str] = Counter()
    bars = 0
    for part in root.iter("part"):
        measures = list(part.iter("measure"))
        bars = max(bars, len(measures))
        for measure in measures:
            found += bar_counts(measure)
    return np.array([found[name] for name in NAMES]) / max(bars, 1)


def bar_counts(measure: Element) -> Counter[str]:
    """Signs in one bar of one part."""
    found: Counter[str] = Counter()
    voices: dict[str, set[str]] = {}
    for note in measure.iter("note"):
        shown = note.get("print-object") != "no"
        single = shown and note.find("chord") is None
        rest = shown and note.find("rest") is not None
        found["tuplets"] += sum(one.get("type") == "start" for one in note.iter("tuplet"))
        found["ties"] += single and any(one.get("type") == "start" for one in note.iter("tied"))
        found["rests"] += rest
        found["short rests"] += rest and note.findtext("type") in SHORT_TYPES
        found["accidentals"] += note.find("accidental") is not None
        found["graces"] += note.find("grace") is not None
        found["ledgers"] += _far(note)
        if note.find("rest") is None:
            own = voices.setdefault(note.findtext("staff") or "1", set())
            own.add(note.findtext("voice") or "1")
    found["second voices"] += sum(len(own) > 1 for own in voices.values())
    found["clefs"] += len(list(measure.iter("clef")))
    found["dynamics"] += len(list(measure.iter("dynamics")))
    found["pedals"] += sum(one.get("type") == "start" for one in measure.iter("pedal"))
    return found


def _far(note: Element) -> bool:
    """Whether a note has four ledger lines or more, were there no octave signs."""
    octave, step = note.findtext("pitch/octave"), note.findtext("pitch/step")
    if octave is None or step is None:
        return False
    place = int(octave) * 7 + LETTERS.index(step)
    return place >= HIGH or place <= LOW


if __name__ == "__main__":
    main()
