"""Plot spectrogram, reference and transcription of a recording from START to STOP seconds.

python experiments/demo/picture.py CHECKPOINT RECORDING REFERENCE START STOP OUT.png
REFERENCE is a MIDI file or a note table (.tsv). Draws the picture in README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from amt.evaluation.plots import comparison_figure, save_figure
from amt.inference.transcriber import Transcriber
from amt.io.audio import load
from amt.io.note_tables import read_notes
from amt.notes import extend_sustain


def main(checkpoint: str, recording: str, reference: str, start: str, stop: str, out: str) -> None:
    transcriber = Transcriber.load(checkpoint)
    audio, span = load(recording), (float(start), float(stop))
    estimate = transcriber.transcribe(audio).crop(*span)
    truth = extend_sustain(read_notes(Path(reference))).crop(*span)
    first, last = (round(second * transcriber.sample_rate) for second in span)
    spec = transcriber.model.front_end(torch.from_numpy(audio[first:last])[None])[0, 0].T
    save_figure(comparison_figure(spec.numpy(), truth, estimate, *span), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
