"""Transcribe a recording and measure its numbers on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from amt.features.tuning import Tuning
from amt.inference.transcriber import Options, Recording, Transcriber, Transcription
from amt.io.audio import OnWarning, warn_of_file
from amt.monitoring.audio_numbers import AudioNumbers, measure_audio
from amt.monitoring.numbers import RecordingNumbers, combine
from amt.notes import Notes


def run_only(
    transcriber: Transcriber, recording: Recording, options: Options, **listeners: Any
) -> tuple[Transcription, None]:
    """`Transcriber.run`, without numbers: in place of `run_and_measure`."""
    return transcriber.run(recording, options, **listeners), None


def run_and_measure(
    transcriber: Transcriber,
    recording: Recording,
    options: Options,
    on_warning: OnWarning = warn_of_file,
    **listeners: Any,
) -> tuple[Transcription, RecordingNumbers]:
    """`Transcriber.run`, whose result is the same, and the numbers. listeners: its other ones."""
    audio: list[AudioNumbers] = []
    warnings: list[str] = []

    def count(text: str) -> None:
        warnings.append(text)
        on_warning(text)

    def measure_samples(samples: np.ndarray, tuning: Tuning | None) -> None:
        audio.append(measure_audio(samples, transcriber.sample_rate, tuning))

    options = replace(options, certainty=True)
    found = transcriber.run(
        recording, options, on_warning=count, on_audio=measure_samples, **listeners
    )
    assert found.certainty is not None
    return found, combine(audio[0], found.notes, found.certainty, len(warnings))


def measure_recording(
    transcriber: Transcriber,
    recording: Recording,
    on_warning: OnWarning = warn_of_file,
) -> tuple[RecordingNumbers, Notes]:
    """The numbers and notes of a recording; the notes end where keys are released."""
    found, numbers = run_and_measure(transcriber, recording, Options("key"), on_warning)
    return numbers, found.notes
