"""Take the deviation of a recording from A4 = 440 Hz out, by resampling it before transcription.

Models learn pianos that are about in tune. A recording that is flat, since it runs slow or the
piano is, is made to run faster; note times are corrected afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, cast

import numpy as np
import soxr

from amt.features.tuning import A4_HZ, Tuning

# How `retune` is told what to take out; a number is the frequency of A4 in Hz.
Retuning = Literal["auto", "off"] | float
# By a fifth up or down: 415 Hz and 392 Hz are pitches of historical instruments.
MIN_HZ, MAX_HZ = 294.0, 660.0

# With less the models lose nothing, and a passage in the bass only may seem as flat.
LEAST_CENTS = 15.0
LEAST_GIVEN = 1.0
# The speed of a tape that drifts is constant for so long.
STEP_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Clock:
    """Times in a resampled recording and in the recording itself: (N,) each, in seconds, rising."""

    resampled: np.ndarray
    recorded: np.ndarray

    def __call__(self, times: np.ndarray) -> np.ndarray:
        """Times (N,) in the recording, of times in what was resampled; after its end they go on."""
        beyond = np.maximum(times - self.resampled[-1], 0)
        return np.interp(times, self.resampled, self.recorded) + beyond

    def time(self, seconds: float) -> float:
        """One time, as when called."""
        return float(self(np.array(seconds)))


# The clock of a recording that was not resampled.
UNCHANGED = Clock(np.zeros(1), np.zeros(1))


def tuning_document(
    tuning: Tuning | None, retuned: bool, a4: float | None = None
) -> dict[str, Any] | None:
    """The tuning of a recording for JSON; None if it has no clear pitch, and none was given.

    cents: deviation from A4 = 440 Hz, or from another semitone if that is nearer. corrected:
    whether it was taken out. course: if it changes, pairs of a time in seconds and its cents. a4:
    the frequency of A4 that was given; it was taken for that, whatever `cents` are.
    """
    clear = tuning if tuning and tuning.is_clear else None
    if a4 is not None:
        return {"cents": round(clear.cents, 1) if clear else None, "corrected": retuned, "a4": a4}
    if clear is None:
        return None
    document: dict[str, Any] = {"cents": round(clear.cents, 1), "corrected": retuned}
    course = np.stack([clear.times, clear.curve], axis=1).round(1).tolist()
    return document | ({"course": course} if course else {})


def tuning_remark(document: Mapping[str, Any] | None) -> str:
    """What is to be said of a recording that was corrected, given its `tuning_document`."""
    if document is None or not document["corrected"]:
        return ""
    if "a4" in document:
        return f"taken as A4 = {document['a4']:g} Hz"
    cents = [cents for _, cents in document.get("course") or ()]
    if cents:
        return f"pitch drifts from {min(cents):+.0f} to {max(cents):+.0f} cents, corrected"
    found = document["cents"]
    return f"{abs(found):.0f} cents {'sharp' if found > 0 else 'flat'}, corrected"


def parse_retuning(text: str) -> Retuning:
    """What a command is told, "auto", "off" or Hz as a number. Raises ValueError."""
    retuning: Any = text
    with suppress(ValueError):
        retuning = float(text)
    return check_retuning(retuning)


def check_retuning(retuning: Any) -> Retuning:
    """`retuning` if it is a word or a frequency that `retune` knows. Raises ValueError."""
    if isinstance(retuning, str):
        if retuning in ("auto", "off"):
            return cast(Retuning, retuning)
    elif isinstance(retuning, Real) and MIN_HZ <= float(retuning) <= MAX_HZ:
        return float(retuning)
    expected = f"auto, off, or the frequency of A4, {MIN_HZ:g} to {MAX_HZ:g} Hz"
    raise ValueError(f"tuning={retuning!r}: expected {expected}")


def retune(
    audio: np.ndarray, sample_rate: int, tuning: Tuning | None, retuning: Retuning = "auto"
) -> tuple[np.ndarray, Clock]:
    """Audio (S,) at A4 = 440 Hz, and its clock; as it is, and UNCHANGED, if that is near enough.

    auto: take out a `tuning` that is clear and matters. A frequency of A4: take that out and
    nothing else, by more than half a semitone too.
    """
    times, cents = _deviation(tuning, retuning)
    if not len(audio) or not len(cents):
        return audio, UNCHANGED
    if len(cents) > 1:
        return follow_curve(audio, sample_rate, times, cents)
    ratio = 2 ** (cents[0] / 1200)
    resampled = soxr.resample(
        audio.astype(np.float32, copy=False), sample_rate, sample_rate * ratio
    )
    ends = np.array([len(resampled), len(audio)]) / sample_rate
    return resampled, Clock(*np.outer(ends, [0, 1]))


def _deviation(tuning: Tuning | None, retuning: Retuning) -> tuple[np.ndarray, np.ndarray]:
    """Times (N,) in seconds and cents (N,) to take out: one value for all, several, or none."""
    if not isinstance(retuning, str):
        cents = 1200 * np.log2(retuning / A4_HZ)
        return np.zeros(1), np.array([cents] if abs(cents) >= LEAST_GIVEN else [])
    if retuning == "auto" and tuning and tuning.is_clear:
        if tuning.drifts:
            return tuning.times, tuning.curve
        if abs(tuning.cents) >= LEAST_CENTS:
            return np.zeros(1), np.array([tuning.cents])
    return np.zeros(0), np.zeros(0)


def follow_curve(
    audio: np.ndarray, sample_rate: int, times: np.ndarray, cents: np.ndarray
) -> tuple[np.ndarray, Clock]:
    """Audio (S,) lowered by `cents` (N,), linear between `times` (N,) in seconds, and its clock."""
    edges = np.append(np.arange(0, len(audio), round(STEP_SECONDS * sample_rate)), len(audio))
    ratios = 2 ** (np.interp((edges[1:] + edges[:-1]) / 2 / sample_rate, times, cents) / 1200)
    # Constructed with the largest ratio of input to output that will be used.
    stream = soxr.ResampleStream(sample_rate / ratios.min(), sample_rate, 1, "float32", vr=True)
    parts = []
    for start, end, ratio in zip(edges[:-1], edges[1:], ratios, strict=True):
        stream.set_io_ratio(sample_rate, sample_rate * ratio)
        block = audio[start:end].astype(np.float32, copy=False)
        parts.append(stream.resample_chunk(block, last=bool(end == len(audio))))
    changed = np.concatenate(parts)
    resampled = np.append(0, np.cumsum(np.diff(edges) * ratios))
    resampled *= len(changed) / resampled[-1]  # Which differ by the rounding errors of soxr.
    return changed, Clock(resampled / sample_rate, edges / sample_rate)
