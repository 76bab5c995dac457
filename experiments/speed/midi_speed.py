"""Time to read all MIDI files of a folder.

    python experiments/speed/midi_speed.py FOLDER [--mido]

560 MAESTRO performances (94 hours, 3,334,325 notes) take 7.2 s on one core of a two-core server.
With --mido, which only creates mido's 12,088,014 messages, they take 65.1 s. This is why
amt/io/smf.py does not use mido.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import mido

from amt.io.midi import read_midi


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mido", action="store_true", help="measure mido.MidiFile instead")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.rglob("*.mid*"))
    start, start_cpu = time.perf_counter(), time.process_time()
    if arguments.mido:
        count = sum(len(track) for file in files for track in mido.MidiFile(file, clip=True).tracks)
    else:
        count = sum(len(read_midi(file)) for file in files)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    unit = "messages" if arguments.mido else "notes"
    print(f"{len(files)} files, {count} {unit}, {seconds:.1f} s ({cpu:.1f} s of processor time)")


if __name__ == "__main__":
    main()
