"""Performances of MAESTRO on a piano that training left out, as a folder to compare systems on.

python experiments/accuracy/left_out.py MAESTRO PIANO FOLDER --limit 10 --seconds 30

Writes NAME.flac and NAME.mid of the beginning of each piece of MAESTRO's validation split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from amt.data.sources.maestro import Maestro
from amt.io.audio import SAMPLE_RATE, save
from amt.io.midi import write_midi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("maestro", type=Path, help="the CSV and the MIDI")
    add("piano", type=Path, help="a sampled piano")
    add("output", type=Path)
    add("--limit", type=int, default=10, help="pieces (default: %(default)s)")
    add("--seconds", type=float, default=30.0, help="of each (default: %(default)s)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    source = Maestro(
        str(options.maestro), splits=["validation"], limit=options.limit, render=str(options.piano)
    )
    for piece in tqdm(source.pieces(), desc="render", unit="piece"):
        recording = piece.load()
        audio = recording.audio[: round(options.seconds * SAMPLE_RATE)]
        save(options.output / f"{piece.name}.flac", audio)
        write_midi(options.output / f"{piece.name}.mid", recording.notes.crop(0, options.seconds))


if __name__ == "__main__":
    main()
