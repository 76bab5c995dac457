"""What is wrong with one pair: nothing to learn, notes beside the audio, notes no model hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

import numpy as np

from amt.data.cache import check_recording
from amt.data.pieces import PieceError, Recording
from amt.evaluation.metrics import note_f1
from amt.feedback.alignment import align
from amt.feedback.changes import compare_notes
from amt.feedback.decision import Finding
from amt.inference.pretrained import DEFAULT, pretrained_names
from amt.inference.transcriber import Transcriber
from amt.notes import Notes

# Audio (S,) at 16 kHz to notes.
Transcribe = Callable[[np.ndarray], Notes]

# Notes that begin this much before or after what is heard, in seconds: to be looked at; certainly
# wrong.
MAX_SHIFT, WRONG_SHIFT = 0.03, 0.1
# What is certain needs this fraction of the notes, where a few could agree by chance.
_CLEAR_SUPPORT = 0.5
# Fewer notes than this fraction that a model hears, too: these may be notes of something else.
MIN_SUPPORT = 0.3
# Below so many notes positions say nothing.
_MIN_NOTES = 10
# All models agree this much less (note F1) with the correction than with the transcription.
MAX_LOSS = 0.1


def bundled_models() -> dict[str, Transcribe]:
    """The pretrained models by name, the default one first; each is loaded when it is used."""
    load = cache(Transcriber.from_pretrained)
    names = sorted(pretrained_names(), key=lambda name: name != DEFAULT)
    return {name: partial(_transcribe, load, name) for name in names}


def _transcribe(load: Callable[[str], Transcriber], name: str, audio: np.ndarray) -> Notes:
    return load(name).transcribe(audio)


def find_faults(
    audio: np.ndarray, notes: Notes, before: Notes | None, models: Mapping[str, Transcribe]
) -> tuple[Finding, ...]:
    """What is wrong with corrected `notes` of `audio` (S,), or may be; the models hear it once.

    before: the notes as transcribed; None: those of the first model. The first model should be the
    best one: positions are compared with its notes.
    """
    try:
        check_recording(Recording(audio, notes))
    except PieceError as error:
        return (Finding("empty", str(error), clear=True),)
    if before is not None and not any(compare_notes(before, notes).counts.values()):
        return (Finding("unchanged", "its notes are those of the transcription", clear=True),)
    heard = {name: transcribe(audio) for name, transcribe in models.items()}
    first = next(iter(heard.values()))
    found = (
        _misaligned(notes, first),
        _suspicious(notes, first if before is None else before, heard),
    )
    return tuple(one for one in found if one is not None)


def _misaligned(notes: Notes, heard: Notes) -> Finding | None:
    """Notes that begin earlier or later than they are heard, or where nothing is heard."""
    if len(notes) < _MIN_NOTES or len(heard) < _MIN_NOTES:
        return None
    found = align(notes, heard)
    if found.support < MIN_SUPPORT:
        text = f"only {found.support:.0%} of its notes begin where a model hears that pitch"
        return Finding("misaligned", f"{text}, expected {MIN_SUPPORT:.0%} or more")
    worst = max(abs(found.shift), abs(found.drift))
    if worst <= MAX_SHIFT:
        return None
    clear = worst > WRONG_SHIFT and found.support >= _CLEAR_SUPPORT
    where = "late" if found.shift > 0 else "early"
    text = f"its notes begin {abs(1000 * found.shift):.0f} ms too {where}"
    drift = f", and drift by {1000 * found.drift:.0f} ms" if abs(found.drift) > MAX_SHIFT else ""
    limit = f"({found.support:.0%} of them, expected at most {1000 * MAX_SHIFT:.0f} ms)"
    return Finding("misaligned", f"{text}{drift} {limit}", clear)


def _suspicious(notes: Notes, before: Notes, heard: Mapping[str, Notes]) -> Finding | None:
    """A correction with which all models agree much less than with the transcription."""
    scores = {
        name: (note_f1(before, estimate), note_f1(notes, estimate))
        for name, estimate in heard.items()
    }
    if any(old - new <= MAX_LOSS for old, new in scores.values()):
        return None
    figures = ", ".join(f"{name} {old:.2f} to {new:.2f}" for name, (old, new) in scores.items())
    return Finding("suspicious", f"all models agree less with it (note F1: {figures})")
