"""Write a synthetic piece that is in no training set, as audio and MIDI.

python experiments/demo/demo_recording.py OUT.wav OUT.mid
"""

from __future__ import annotations

import sys

from amt.data.sources.synthetic import Synthetic
from amt.io.audio import save
from amt.io.midi import write_midi

SECONDS = 30.0


def main(audio_path: str, midi_path: str) -> None:
    """Write the first test piece of a seed that training does not use: audio and notes."""
    piece = next(p for p in Synthetic(seconds=SECONDS, seed=1).pieces() if p.split == "test")
    recording = piece.load()
    save(audio_path, recording.audio)
    write_midi(midi_path, recording.notes)


if __name__ == "__main__":
    main(*sys.argv[1:])
