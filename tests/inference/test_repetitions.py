"""Trills, tremolos and repeated notes of the built-in piano are transcribed as well as measured."""

from __future__ import annotations

import numpy as np
import pytest

from amt.evaluation.metrics import note_f1
from amt.inference.transcriber import Transcriber
from amt.notes import Notes
from amt.synth import piano

RATES = (6, 10, 12)
SECONDS = 2.0
MARGIN = 0.03
# The lowest keys of the figures, and the semitones above them that are struck in turn.
LOWEST = (45, 57, 69)
TRILL, TREMOLO, REPETITION = (0, 2), (0, 7), (0,)


def struck_in_turn(intervals: tuple[int, ...], rate: float) -> Notes:
    """Figures of `SECONDS`, one after another, `rate` strikes a second."""
    rng = np.random.default_rng(0)
    count = round(rate * SECONDS)
    turn = np.arange(count) % len(intervals)
    pitch = np.concatenate([low + np.array(intervals)[turn] for low in LOWEST])
    start = np.repeat(0.5 + np.arange(len(LOWEST)) * (SECONDS + 0.5), count)
    onset = start + np.tile(np.arange(count) / rate, len(LOWEST))
    onset += rng.normal(0, 0.004, len(onset))
    held = rng.uniform(0.6, 0.9, len(onset)) * len(intervals) / rate
    velocity = rng.normal(72, 5, len(onset)).round()
    return Notes(onset, onset + held, pitch, velocity)


@pytest.mark.parametrize(
    ("name", "intervals", "measured"),
    [
        ("base", TRILL, (1.0, 1.0, 1.0)),
        ("base", TREMOLO, (1.0, 1.0, 1.0)),
        ("base", REPETITION, (0.986, 0.795, 0.808)),
        ("fast", TRILL, (1.0, 1.0, 1.0)),
        ("fast", TREMOLO, (1.0, 0.992, 0.993)),
        ("fast", REPETITION, (0.828, 0.822, 0.754)),
    ],
)
def test_quickly_struck_keys_are_found_as_often_as_measured(
    name: str, intervals: tuple[int, ...], measured: tuple[float, ...]
) -> None:
    transcriber = Transcriber.from_pretrained(name)
    for rate, score in zip(RATES, measured, strict=True):
        played = struck_in_turn(intervals, rate)
        sound = piano.render(played, piano.Instrument(), np.random.default_rng(0))
        f1 = note_f1(played, transcriber.transcribe(sound))
        assert f1 >= score - MARGIN, f"{rate} a second: {f1:.3f}"
