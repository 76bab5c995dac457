"""What `amt feedback check` decides on good corrections and on bad ones.

python experiments/feedback/check_rates.py FOLDER [FOLDER ...]

Each FOLDER has recordings with their true notes (audio and MIDI of the same stem, such as `new/` of
gain.py). Each recording is transcribed; the "user" then saves the true notes, or notes that are
wrong in one of several ways. Prints how many of each are accepted, rejected or left for review.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from amt.feedback.check import verdict
from amt.feedback.findings import Transcribe, bundled_models, find_faults
from amt.io.audio import AUDIO_SUFFIXES, SAMPLE_RATE, load
from amt.io.note_tables import read_notes
from amt.notes import COLUMNS, MAX_PITCH, MIN_PITCH, Notes

SECONDS = 30.0
# True notes, notes as transcribed and a generator to what the user saves.
Edit = Callable[[Notes, Notes, np.random.Generator], Notes]


def moved(seconds: float = 0.0, factor: float = 1.0) -> Edit:
    """All notes later by `seconds`, and slower by `factor`."""

    def edit(truth: Notes, before: Notes, rng: np.random.Generator) -> Notes:
        onset = np.maximum(truth.onset * factor + seconds, 0.0)
        return replace(truth, onset=onset, offset=onset + truth.offset - truth.onset)

    return edit


def wrong_pitches(fraction: float) -> Edit:
    """So many notes a fourth or fifth off."""

    def edit(truth: Notes, before: Notes, rng: np.random.Generator) -> Notes:
        wrong = rng.random(len(truth)) < fraction
        return _at(truth, truth.pitch + wrong * rng.choice([-7, -5, 5, 7], len(truth)))

    return edit


def deleted(fraction: float) -> Edit:
    """So many notes are missing."""
    return lambda truth, before, rng: truth.select(rng.random(len(truth)) >= fraction)


def half_corrected(truth: Notes, before: Notes, rng: np.random.Generator) -> Notes:
    """The first half is corrected, the second one as transcribed."""
    first, second = truth.crop(0, SECONDS / 2), before.crop(SECONDS / 2, np.inf)
    onset, offset, pitch, velocity = (
        np.append(getattr(first, name), getattr(second, name)) for name in COLUMNS
    )
    return Notes(onset, offset, pitch, velocity)


def transposed(truth: Notes, before: Notes, rng: np.random.Generator) -> Notes:
    """All notes a semitone higher."""
    return _at(truth, truth.pitch + 1)


def _at(notes: Notes, pitch: np.ndarray) -> Notes:
    return replace(notes, pitch=pitch.clip(MIN_PITCH, MAX_PITCH))


EDITS: dict[str, Edit] = {
    "true notes": lambda truth, before, rng: truth,
    "half corrected": half_corrected,
    "20 ms late": moved(0.02),
    "50 ms late": moved(0.05),
    "50 ms early": moved(-0.05),
    "200 ms late": moved(0.2),
    "0.3 % slower": moved(factor=1.003),
    "1 % slower": moved(factor=1.01),
    **{f"{share} % wrong pitches": wrong_pitches(share / 100) for share in (5, 10, 20, 40)},
    "30 % deleted": deleted(0.3),
    "a semitone higher": transposed,
}


def main(folders: Sequence[str]) -> None:
    if not folders:
        sys.exit(__doc__)
    counts: dict[str, Counter[str]] = {name: Counter() for name in EDITS}
    files = sorted(path for folder in folders for path in Path(folder).iterdir())
    recordings = [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES]
    for number, path in enumerate(tqdm(recordings, unit="recording")):
        for name, decision in decisions(path, number).items():
            counts[name][decision] += 1
    print("| saved | accepted | review | rejected |\n|---|---:|---:|---:|")
    for name, found in counts.items():
        print(f"| {name} | {found['accepted']} | {found['review']} | {found['rejected']} |")


def decisions(path: Path, seed: int) -> dict[str, str]:
    """The decision on each edit of a recording."""
    audio = load(path)[: round(SECONDS * SAMPLE_RATE)]
    truth = read_notes(path.with_suffix(".mid")).crop(0, SECONDS)
    models = {name: _once(model) for name, model in MODELS.items()}
    before = next(iter(models.values()))(audio)
    saved = {name: edit(truth, before, np.random.default_rng(seed)) for name, edit in EDITS.items()}
    return {
        name: verdict(find_faults(audio, notes, before, models)) for name, notes in saved.items()
    }


def _once(model: Transcribe) -> Transcribe:
    """A model that hears one recording only once."""
    heard = lru_cache(1)(lambda data: model(np.frombuffer(data, dtype=np.float32)))
    return lambda audio: heard(audio.tobytes())


MODELS = bundled_models()

if __name__ == "__main__":
    main(sys.argv[1:])
