"""Reference notes, their ideal posteriors, and a transcriber that always gives these."""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch

from amt.data.targets import make_pedal_targets, make_targets
from amt.decoding.peaks import Decoder, Ends
from amt.io.audio import SAMPLE_RATE
from amt.notes import Notes, Pedal, extend_sustain, sustain_presses

FRAME_RATE = 50.0


def random_notes(seed: int, count: int, seconds: float) -> Notes:
    """At most one note per key."""
    rng = np.random.default_rng(seed)
    onset = rng.uniform(0, seconds - 1, count)
    pitch = rng.permutation(88)[:count] + 21
    return Notes(onset, onset + rng.uniform(0.2, 0.9, count), pitch, rng.integers(20, 120, count))


def pedalled_notes() -> Notes:
    """Short notes, of which the pedal sustains every second pair."""
    onset = np.arange(8) * 0.5 + 0.25
    pedal = Pedal([0.2, 1.1, 2.2, 3.1], [64] * 4, [127, 0, 90, 10])
    return Notes(onset, onset + 0.15, np.arange(60, 68), np.full(8, 70), pedal)


def ideal_posteriors(notes: Notes, seconds: float) -> dict[str, torch.Tensor]:
    """The training targets of `notes`: (T, 88) each, the pedal's (T, 1)."""
    ends = extend_sustain(notes).offset
    table = np.stack([notes.onset, ends, notes.pitch, notes.velocity, notes.offset], axis=1)
    presses = torch.tensor(sustain_presses(notes))[None].float()
    size = int(seconds * FRAME_RATE), FRAME_RATE
    rolls = make_targets(torch.tensor(table)[None].float(), *size)
    rolls["pedal"] = make_pedal_targets(presses, *size)
    return {name: roll[0] for name, roll in rolls.items()}


class Oracle:
    """A transcriber that gives the same notes for any audio, and records the numbers of samples."""

    decoder = Decoder()
    frame_rate = FRAME_RATE

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.samples: list[int] = []

    def posteriors(self, audio: np.ndarray) -> dict[str, torch.Tensor]:
        self.samples.append(len(audio))
        return ideal_posteriors(self.notes, len(audio) / SAMPLE_RATE)

    def both_ends(self, audio: np.ndarray) -> tuple[Notes, Notes]:
        posteriors = self.posteriors(audio)
        sound, key = (self.decoder.decode(posteriors, FRAME_RATE, ends) for ends in get_args(Ends))
        return sound, key


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
