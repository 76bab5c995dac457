"""What a transcriber is given, and what it gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from amt.decoding.peaks import Ends
from amt.features.tuning import Tuning
from amt.inference.certainty import Certainty
from amt.inference.retuning import Retuning, check_retuning, tuning_document
from amt.notes import Notes

# Samples (S,) at the transcriber's sample rate, the path of an audio file, or its contents.
Recording = np.ndarray | Path | str | bytes
# Called with the seconds transcribed so far and the duration, first with 0 once the audio is read.
Progress = Callable[[float, float], object]
# Called with the samples (S,) and their tuning.
OnAudio = Callable[[np.ndarray, Tuning | None], object]


@dataclass(frozen=True)
class Options:
    """How one recording is transcribed.

    ends: notes end where they stop sounding; or where their keys are released ("key"), and the
    notes contain the sustain pedal. onset_threshold: replaces the decoder's. threads: on a CPU,
    replaces that of `Windowing`. max_seconds: longer audio files raise TooLongError.
    embedding, certainty, keyed: also compute these of `Transcription`. tuning: replaces the
    transcriber's. Raises ValueError for other `ends` or `tuning`.
    """

    ends: Ends = "sound"
    onset_threshold: float | None = None
    threads: int | None = None
    max_seconds: float = math.inf
    embedding: bool = False
    certainty: bool = False
    keyed: bool = False
    tuning: Retuning | None = None

    def __post_init__(self) -> None:
        if self.ends not in get_args(Ends):
            raise ValueError(f"ends={self.ends!r}: expected one of {', '.join(get_args(Ends))}")
        if self.tuning is not None:
            object.__setattr__(self, "tuning", check_retuning(self.tuning))


@dataclass(frozen=True, eq=False)
class Transcription:
    """The notes of a recording, and its duration in seconds.

    embedding: if asked for, (2 D,) in float32: mean and standard deviation over time of the
    network's D features (`amt.inference.embedding`). None if the model cannot give features: a
    folder that an older version of `amt export` wrote. certainty: if asked for. keyed: if asked
    for, the notes with ends="key": they end where keys are released, and have the sustain pedal.
    tuning: of the recording; None if it is silent or shorter than half a second. retuned: whether
    it was resampled to take that out, or `a4`, the frequency of A4 in Hz that was given.
    """

    notes: Notes
    seconds: float
    embedding: np.ndarray | None = None
    certainty: Certainty | None = None
    keyed: Notes | None = None
    tuning: Tuning | None = None
    retuned: bool = False
    a4: float | None = None

    def tuning_document(self) -> dict[str, Any] | None:
        """The tuning for JSON; see `amt.inference.retuning`."""
        return tuning_document(self.tuning, self.retuned, self.a4)
