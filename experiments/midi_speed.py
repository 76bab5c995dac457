"""How long it takes to read every MIDI file of a folder.

    python experiments/midi_speed.py FOLDER

The 560 MAESTRO performances (94 hours, 3,334,325 notes) take SECONDS s on one core of the
development machine; mido alone, which only builds its messages, takes MIDO s.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import mido

from amt.midi import read_midi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mido", action="store_true", help="time mido.MidiFile instead")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.rglob("*.mid*"))
    start = time.perf_counter()
    if arguments.mido:
        count = sum(len(track) for file in files for track in mido.MidiFile(file, clip=True).tracks)
    else:
        count = sum(len(read_midi(file)) for file in files)
    seconds = time.perf_counter() - start
    what = "messages" if arguments.mido else "notes"
    print(f"{len(files)} files, {count} {what}, {seconds:.1f} s")


if __name__ == "__main__":
    main()
