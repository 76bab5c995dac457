"""Write the score of one performance of each composition of ASAP and check its MusicXML.

    python experiments/score/every_score.py ASAP [--every 10]

Valid against the schema of MusicXML 4.0; every voice of every bar adds up to the bar; Verovio reads
it and its log is empty. Grids are those of the annotations. Prints what fails, and the time taken.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import verovio
from asap import Performance, grid_from_annotations, performances, read_annotations
from musicxml_schema import schema_errors

from amt.io.midi import read_midi
from amt.score.make import make_score
from amt.score.musicxml import musicxml_bytes
from amt.score.score import Score


def main() -> None:
    """Print failures and figures."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("asap", type=Path, help="folder of ASAP")
    parser.add_argument("--every", type=int, default=1, help="only every so many compositions")
    arguments = parser.parse_args()
    seen: dict[str, Performance] = {}
    for one in performances(arguments.asap):
        seen.setdefault(one.composition, one)
    chosen = list(seen.values())[:: arguments.every]
    failed, rates = 0, []
    for one in chosen:
        notes = read_midi(one.midi)
        grid = grid_from_annotations(read_annotations(one.annotations))
        begin = time.process_time()
        score = make_score(notes, grid, one.composition)
        document = musicxml_bytes(score)
        rates.append((time.process_time() - begin) / notes.end * 300)
        problems = list(problems_of(score, document))
        failed += bool(problems)
        print(one.composition, f"{rates[-1]:.2f}", *problems[:3], sep="\t", flush=True)
    rates.sort()
    print(f"{len(chosen) - failed} of {len(chosen)} valid, opened, and with right sums")
    print(
        f"CPU seconds for five minutes: median {rates[len(rates) // 2]:.2f}, most {rates[-1]:.2f}"
    )


def problems_of(score: Score, document: bytes) -> Iterator[str]:
    """What is wrong with a document."""
    yield from schema_errors(document)
    yield from wrong_sums(score, document)
    read, log = read_by_verovio(document)
    if not read:
        yield "Verovio does not read it"
    if log:
        yield log


def read_by_verovio(document: bytes) -> tuple[bool, str]:
    """Whether Verovio reads a document, and what it says of it, which goes to standard error."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            read = verovio.toolkit().loadData(document.decode())
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return bool(read), file.read().decode().strip()


def wrong_sums(score: Score, document: bytes) -> Iterator[str]:
    """Bars in which a voice does not add up to the length of the bar."""
    root = ElementTree.fromstring(document)
    divisions = int(root.findtext(".//divisions") or 0)
    for measure, bar in zip(root.iter("measure"), score.bars, strict=True):
        lengths: dict[str, Fraction] = {}
        for note in measure.iter("note"):
            if note.find("chord") is None and note.find("grace") is None:
                own = Fraction(int(note.findtext("duration") or 0), divisions)
                voice = note.findtext("voice") or ""
                lengths[voice] = lengths.get(voice, Fraction(0)) + own
        if set(lengths.values()) != {bar.length}:
            yield f"bar {measure.get('number')}: {sorted(map(str, lengths.values()))}"


if __name__ == "__main__":
    main()
