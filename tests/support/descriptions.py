"""Small descriptions for the tests."""

from __future__ import annotations

import numpy as np

from amt.io.audio import SAMPLE_RATE
from amt.notes import SUSTAIN, Notes, Pedal
from amt.page.describe import Description, describe

TITLE = "</script><script>alert('&amp;')</script> <img src=x onerror=alert(1)>.mp3"


def tune(bars: int = 6) -> Notes:
    """A motif in eighth notes that repeats in every bar, over a bass, with pedal."""
    steps = np.tile([0, 4, 7, 12, 7, 4, 2, 5], bars)
    onset = np.arange(len(steps)) * 0.25
    bass = np.arange(bars) * 2.0
    pitch = np.concatenate([60 + steps, 36 + 5 * (np.arange(bars) % 2)])
    times = np.concatenate([onset, bass])
    velocity = 40 + np.arange(len(times)) % 60
    pedal = Pedal(np.sort([*bass, *bass + 1.5]), [SUSTAIN] * 2 * bars, [127, 0] * bars)
    return Notes(times, times + 0.2, pitch, velocity, pedal)


def sine_player(notes: Notes) -> np.ndarray:
    """A player: one sine for the duration of the notes and one second more."""
    time = np.arange(int((notes.end + 1) * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def with_recording(notes: Notes) -> Description:
    """A description with a recording."""
    return describe(notes, sine_player(notes), sine_player, "synthesized by a sine")
