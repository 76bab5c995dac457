"""Render performances of MAESTRO with a sampled piano that was not used in training.

python experiments/accuracy/left_out.py MAESTRO PIANO FOLDER --limit 10 --seconds 30

Writes NAME.flac and NAME.mid of the beginning of pieces of MAESTRO's validation split to FOLDER,
for leaderboard.py.
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
    add("maestro", type=Path, help="folder with MAESTRO's CSV and MIDI files")
    add("piano", type=Path, help="folder of a sampled piano")
    add("output", type=Path)
    add("--limit", type=int, default=10, help="pieces (default: %(default)s)")
    add("--seconds", type=float, default=30.0, help="of each piece (default: %(default)s)")
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
