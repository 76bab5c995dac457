"""Note F1 of models on trills, tremolos and repeated notes: a Markdown table.

python experiments/accuracy/trills.py --models base open --pianos FOLDER --rates 6 10 14

Rates are strikes a second: in trills and tremolos each key is struck at half the rate, in
repetitions at the whole. Each piece is played on each piano (folders of sampled pianos; without
any, the built-in one). Scores as those of evaluate.py: note F1, in brackets recall; means by piece.
--write keeps audio and notes, as FOLDER/KIND_RATE/PIANO_NUMBER, for leaderboard.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import score_tables as tables

from amt.evaluation.evaluate import evaluate
from amt.inference.pretrained import find_checkpoint
from amt.inference.transcriber import Transcriber
from amt.inference.writers import Player, load_player
from amt.io.audio import AudioError, save
from amt.io.midi import write_midi
from amt.models.checkpoint import CheckpointError
from amt.notes import OFFSET, Notes, Pedal, pedal_from_presses
from amt.synth.regions import SampleMapError

# Name, audio (S,) at 16 kHz and notes.
Recording = tuple[str, np.ndarray, Notes]
# Semitones above the lowest key of a figure, of the keys that are struck together.
Group = tuple[int, ...]
# Groups that are struck in turn; no key is in two of them.
KINDS: dict[str, tuple[tuple[Group, ...], ...]] = {
    "trill": (((0,), (1,)), ((0,), (2,)), ((1,), (0,)), ((2,), (0,))),
    "tremolo": (
        ((0,), (3,)),
        ((4,), (0,)),
        ((0,), (7,)),
        ((0,), (12,)),
        ((12,), (0,)),
        ((0, 4), (7,)),
        ((0,), (7, 12)),
        ((0, 3), (7, 12)),
    ),
    "repetition": (((0,),),),
}
SECONDS = 24.0  # of a piece; its last figure may end later
FIGURE_SECONDS = (1.0, 3.0)
REST_SECONDS = (0.3, 0.8)
AFTER_SECONDS = 0.1  # after the end of a figure its last keys and its pedal are released
LOWEST, HIGHEST = 36, 96
# Of the time to the next strike of a key, how much of it the key is held.
HELD = (0.6, 0.9)
TIMING_SD, VELOCITY_SD = 0.004, 5.0
SOFTEST, LOUDEST = 45, 100
CHORD = np.array([0, 4, 7])
WITH_CHORD, WITH_PEDAL = 0.5, 0.3  # parts of the figures


def main(words: Sequence[str]) -> None:
    options = _parser().parse_args(words)
    try:
        models = {name: Transcriber.load(find_checkpoint(name)) for name in options.models}
        players = load_players(options.pianos)
    except (CheckpointError, AudioError, SampleMapError) as error:
        sys.exit(f"trills.py: {error}")
    lines = []
    for kind in options.kinds:
        for rate in options.rates:
            recordings = list(record(kind, rate, players, options))
            if options.write:
                write(options.write / f"{kind}_{rate:g}", recordings)
            scores = [score(model, recordings, name) for name, model in models.items()]
            lines.append([f"{kind}, {rate:g} a second", *scores])
    print(tables.markdown_table(["", *models], lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--models", nargs="+", default=["base"], help="names or checkpoints")
    add("--pianos", type=Path, nargs="*", default=[], help="folders of sampled pianos")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--rates", type=float, nargs="+", default=[6.0, 8.0, 10.0, 12.0, 14.0])
    add("--pieces", type=int, default=4, help="of each kind and rate (default: %(default)s)")
    add("--seconds", type=float, default=SECONDS, help="of each piece (default: %(default)g)")
    add("--seed", type=int, default=0)
    add("--write", type=Path, metavar="FOLDER", help="write audio and MIDI there")
    return parser


def load_players(pianos: Sequence[Path]) -> dict[str, Player]:
    """Pianos by name. Raises SampleMapError or AudioError if one cannot be read."""
    return {path.name: load_player(path) for path in pianos} or {"built-in": load_player(None)}


def record(
    kind: str, rate: float, players: Mapping[str, Player], options: argparse.Namespace
) -> Iterator[Recording]:
    """Pieces of one kind and rate, each on each piano."""
    for number in range(options.pieces):
        rng = np.random.default_rng([options.seed, list(KINDS).index(kind), number])
        notes = generate(kind, rate, rng, options.seconds)
        for name, player in players.items():
            yield f"{name}_{number + 1}", player(notes), notes


def generate(kind: str, rate: float, rng: np.random.Generator, seconds: float = SECONDS) -> Notes:
    """A piece of figures of one kind with rests between them, about so many seconds long.

    rate: strikes a second. At all rates the figures are the same.
    """
    parts, presses, start = [], [], 0.5
    while start < seconds:
        end = start + rng.uniform(*FIGURE_SECONDS)
        low = int(rng.integers(LOWEST, HIGHEST + 1))
        parts.append(figure(kind, rate, rng, low, start, end))
        if rng.random() < WITH_CHORD:
            parts.append(accompaniment(rng, low, start, end))
        if rng.random() < WITH_PEDAL:
            presses.append((start + 0.1, end + AFTER_SECONDS))
        start = end + rng.uniform(*REST_SECONDS)
    onset, offset, pitch, velocity = np.concatenate(parts).T
    pedal = pedal_from_presses(np.array(presses)) if presses else Pedal()
    return Notes(onset, offset, pitch, velocity, pedal)


def figure(
    kind: str, rate: float, rng: np.random.Generator, low: int, start: float, end: float
) -> np.ndarray:
    """The notes of a figure, (N, 4): groups of keys from `low` on, struck in turn."""
    groups = KINDS[kind][rng.integers(len(KINDS[kind]))]
    level = rng.uniform(SOFTEST + VELOCITY_SD, LOUDEST - VELOCITY_SD)
    times = np.arange(start, end, 1 / rate)
    parts = [
        strikes(rng.spawn(1)[0], low + key, times[turn :: len(groups)], len(groups) / rate, level)
        for turn, group in enumerate(groups[: len(times)])
        for key in group
    ]
    notes = np.concatenate(parts)
    notes[:, OFFSET] = notes[:, OFFSET].clip(max=end + AFTER_SECONDS)
    return notes


def strikes(
    rng: np.random.Generator, pitch: int, times: np.ndarray, interval: float, level: float
) -> np.ndarray:
    """The notes (N, 4) of one key, struck about at `times`, which are `interval` seconds apart."""
    exact = np.append(times, times[-1] + interval)
    jitter = rng.normal(0, TIMING_SD, len(exact)).clip(-interval / 5, interval / 5)
    onset = exact + jitter
    offset = onset[:-1] + rng.uniform(*HELD, len(times)) * np.diff(onset)
    velocity = rng.normal(level, VELOCITY_SD, len(times)).clip(SOFTEST, LOUDEST).round()
    return np.stack([onset[:-1], offset, np.full(len(times), pitch), velocity], axis=1)


def accompaniment(rng: np.random.Generator, low: int, start: float, end: float) -> np.ndarray:
    """A soft chord (3, 4) of the other hand, held during a figure whose lowest key is `low`."""
    apart = int(rng.integers(5))
    pitch = CHORD + (low - 20 - apart if low >= 60 else low + 16 + apart)
    onset = start + rng.normal(0, TIMING_SD, len(CHORD))
    velocity = rng.uniform(30, 50, len(CHORD)).round()
    return np.stack([onset, np.full(len(CHORD), end), pitch, velocity], axis=1)


def write(folder: Path, recordings: Sequence[Recording]) -> None:
    """Write audio and notes of each recording."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, audio, notes in recordings:
        save(folder / f"{name}.flac", audio)
        write_midi(folder / f"{name}.mid", notes)


def score(model: Transcriber, recordings: Sequence[Recording], label: str) -> str:
    means = evaluate(model, recordings, label=label).means
    return f"{means['note_f1']:.3f} ({means['note_recall']:.3f})"


if __name__ == "__main__":
    main(sys.argv[1:])
