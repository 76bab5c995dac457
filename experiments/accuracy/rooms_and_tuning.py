"""Note F1 of models in measured rooms, near and far, and out of tune: a Markdown table.

python experiments/accuracy/left_out.py MAESTRO PIANO FOLDER --limit 10 --seconds 30
python experiments/accuracy/rooms_and_tuning.py FOLDER --models base open --rooms A.flac --cents 40

Each recording of FOLDER (audio with MIDI or note tables of the same stem) is put into each room,
with its reverberation so many dB above the direct sound (--levels); is played back at a speed that
makes it so many cents sharp, measured from A4 = 440 Hz (--cents); and at one that drifts, from as
many cents flat to as many sharp (--drift). Scores as those of evaluate.py: note F1, in brackets
with offsets; means by piece.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import score_tables as tables
from conditions import Scene, detuned, scaled

from amt.data.pieces import SourceError
from amt.data.sources.folder import Folder
from amt.evaluation.evaluate import evaluate
from amt.features.tuning import estimate_tuning
from amt.inference.pretrained import find_checkpoint
from amt.inference.retuning import follow_curve
from amt.inference.transcriber import Transcriber
from amt.io.audio import SAMPLE_RATE, AudioError, load
from amt.io.impulse_responses import DIRECT_SECONDS, direct_sound
from amt.models.checkpoint import CheckpointError
from amt.notes import Notes
from amt.synth.room import convolve, keep_headroom

# Name, audio (S,) at 16 kHz and notes.
Recording = tuple[str, np.ndarray, Notes]


def main(words: Sequence[str]) -> None:
    options = _parser().parse_args(words)
    try:
        loaded = {name: Transcriber.load(find_checkpoint(name)) for name in options.models}
        models = {name: replace(model, tuning=options.tuning) for name, model in loaded.items()}
        recordings = list(read_recordings(options.folder, options.seconds))
        changes = {"as it is": lambda one: one} | room_changes(options) | tuning_changes(options)
    except (SourceError, CheckpointError, AudioError) as error:
        sys.exit(f"rooms_and_tuning.py: {error}")
    lines = [
        [name, *(score(model, map(change, recordings), name) for model in models.values())]
        for name, change in changes.items()
    ]
    print(tables.markdown_table(["", *models], lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("folder", type=Path, help="recordings with notes")
    add("--models", nargs="+", default=["base"], help="names or checkpoints")
    add("--rooms", type=Path, nargs="*", default=[], help="impulse responses")
    add("--levels", type=float, nargs="*", default=[-6.0, 8.0], help="dB (default: -6, 8)")
    add("--cents", type=float, nargs="*", default=[])
    add("--drift", type=float, nargs="*", default=[], help="cents, at the end")
    add("--tuning", choices=("auto", "off"), default="auto", help="as for amt transcribe")
    add("--seconds", type=float, default=30.0, help="of each recording (default: %(default)g)")
    return parser


def read_recordings(folder: Path, seconds: float) -> Iterator[Recording]:
    """The beginning of each recording of a folder."""
    for piece in Folder(str(folder), validation=0.0, test=1.0).pieces():
        recording = piece.load()
        audio = recording.audio[: round(seconds * SAMPLE_RATE)]
        yield piece.name, audio, recording.notes.crop(0, seconds)


def room_changes(options: argparse.Namespace) -> dict[str, Callable[[Recording], Recording]]:
    """Each room at each level."""
    return {
        f"{path.stem}, {level:+g} dB": partial(in_room, room_response(load(path), level))
        for path in options.rooms
        for level in options.levels
    }


def tuning_changes(options: argparse.Namespace) -> dict[str, Callable[[Recording], Recording]]:
    constant = {f"{cents:+g} cents": partial(out_of_tune, cents) for cents in options.cents}
    drifts = {f"{-c:+g} to {c:+g} cents": partial(drifting, c) for c in options.drift}
    return constant | drifts


def room_response(measured: np.ndarray, level_db: float) -> np.ndarray:
    """A whole impulse response with its direct sound, 1, at sample 0: float32 (S,).

    level_db: energy of all after the first millisecond, relative to the direct sound. Raises
    AudioError if there is none.
    """
    tail = measured[direct_sound(measured) :].astype(np.float64)
    tail[: round(DIRECT_SECONDS * SAMPLE_RATE)] = 0
    if not tail.any():
        raise AudioError("an impulse response has no reverberation after its direct sound")
    tail *= 10 ** (level_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    return tail.astype(np.float32)


def in_room(response: np.ndarray, recording: Recording) -> Recording:
    """The recording in a room, as long as before."""
    name, audio, notes = recording
    return name, keep_headroom(convolve(audio, response)[: len(audio)]), notes


def out_of_tune(cents: float, recording: Recording) -> Recording:
    """The recording played back at a speed that makes it so many cents sharp, with its notes."""
    name, audio, notes = recording
    own = estimate_tuning(audio, SAMPLE_RATE)
    condition = detuned(cents - (own.cents if own else 0.0))
    changed = condition.change(audio[:, None], SAMPLE_RATE, Scene())[:, 0]
    return name, changed.astype(np.float32), scaled(notes, 1 / condition.speed)


def drifting(cents: float, recording: Recording) -> Recording:
    """The recording played back faster and faster, with its notes."""
    name, audio, notes = recording
    ends = np.array([0, len(audio) / SAMPLE_RATE])
    changed, clock = follow_curve(audio, SAMPLE_RATE, ends, np.array([cents, -cents]))
    return name, changed, notes.retime(lambda t: np.interp(t, clock.recorded, clock.resampled))


def score(model: Transcriber, recordings: Iterator[Recording], label: str) -> str:
    means = evaluate(model, recordings, label=label).means
    return f"{means['note_f1']:.3f} ({means['note_offset_f1']:.3f})"


if __name__ == "__main__":
    main(sys.argv[1:])
