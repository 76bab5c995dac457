"""Render the beginnings of ASAP's performances on a sampled piano, and transcribe them.

python experiments/score/transcribe_asap.py ASAP PIANO FOLDER --limit 20 --seconds 90

One performance of each composition of the test split. Writes the transcription, FOLDER/NAME.mid,
for beat_scores.py, which finds the performance by this name; what is there already is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from asap import SPLITS, performances
from tqdm import tqdm

from amt.inference.pretrained import DEFAULT
from amt.inference.transcriber import Transcriber
from amt.io.midi import read_midi, write_midi
from amt.synth.sampler import SampledPiano


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("asap", type=Path, help="folder of ASAP")
    add("piano", type=Path, help="folder of a sampled piano")
    add("output", type=Path)
    add("--split", choices=SPLITS, default="test")
    add("--model", default=DEFAULT, help="transcriber (default: %(default)s)")
    add("--limit", type=int, default=20, help="compositions, evenly chosen (default: %(default)s)")
    add("--seconds", type=float, default=90.0, help="of each (default: %(default)s)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    transcriber = Transcriber.from_pretrained(options.model)
    piano = SampledPiano.load(options.piano)
    found = performances(options.asap, options.split)
    first = list({one.composition: one for one in reversed(found)}.values())[::-1]
    count = min(options.limit, len(first))
    for index in tqdm(np.linspace(0, len(first) - 1, count).round().astype(int)):
        target = options.output / first[index].file_name
        if not target.exists():
            notes = read_midi(first[index].midi).crop(0.0, options.seconds)
            audio = piano.render(notes, rng=np.random.default_rng(0))
            write_midi(target, transcriber.transcribe(audio))


if __name__ == "__main__":
    main()
