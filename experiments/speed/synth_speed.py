"""Speed of the pianos: seconds of rendered audio per second of processor time.

    OMP_NUM_THREADS=1 python experiments/speed/synth_speed.py
    OMP_NUM_THREADS=1 python experiments/speed/synth_speed.py --midi FOLDER --files 8
        --piano FOLDER ... --rooms FOLDER

Without --midi four random performances of a minute are rendered. Each piece is rendered on another
built-in piano, whose strings have to be computed, and on each sampled piano under random recording
conditions. Processor time is the sum over all threads, so that other programs and the number of
cores have little influence.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from amt.data.rendering import room_files
from amt.io.audio import SAMPLE_RATE, load
from amt.io.midi import read_midi
from amt.notes import Notes
from amt.synth.performer import perform
from amt.synth.piano import random_instrument, render
from amt.synth.recording_conditions import play_and_record, random_recording_conditions
from amt.synth.sampler import SampledPiano

MIDI_SUFFIXES = (".mid", ".midi")


def timed(action: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """The result of `action`, and its processor time in seconds."""
    start = time.process_time()
    result = action()
    return result, time.process_time() - start


def report(name: str, notes: Notes, audio: np.ndarray, spent: float) -> float:
    """Print a line for one rendering; returns its speed as a multiple of real time."""
    seconds = len(audio) / SAMPLE_RATE
    density, peak = len(notes) / seconds, float(np.abs(audio).max())
    print(
        f"{name:24s} {seconds:7.0f} s {density:5.1f} notes/s {seconds / spent:7.0f}x "
        f"{1e6 * spent / max(len(notes), 1):6.0f} us/note  peak {peak:.2f}"
    )
    return seconds / spent


def pieces(folder: Path | None, count: int) -> list[Notes]:
    """`count` MIDI files evenly from `folder`, or random performances of a minute each."""
    if folder is None:
        return [perform(np.random.default_rng(seed), 60.0) for seed in range(count)]
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in MIDI_SUFFIXES)
    if not files:
        raise SystemExit(f"{folder}: it has no MIDI files; expected {' or '.join(MIDI_SUFFIXES)}")
    return [read_midi(file) for file in files[:: max(len(files) // count, 1)][:count]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--midi", type=Path, help="folder of performances")
    parser.add_argument("--files", type=int, default=4, help="number of performances")
    parser.add_argument("--piano", type=Path, nargs="*", default=[], help="sampled pianos")
    parser.add_argument("--rooms", help="folder of impulse responses")
    options = parser.parse_args()
    performances = pieces(options.midi, options.files)
    rates: dict[str, list[float]] = {}
    performance, spent = timed(lambda: perform(np.random.default_rng(0), 600.0).onset)
    print(f"performer: {600 / spent:.0f}x ({len(performance)} notes)")
    for i, notes in enumerate(performances):
        rng = np.random.default_rng(i)
        instrument = random_instrument(rng)
        audio, spent = timed(lambda n=notes, p=instrument, r=rng: render(n, p, r))
        rates.setdefault("built-in piano", []).append(report("built-in piano", notes, audio, spent))
    rooms = [load(file) for file in room_files(options.rooms)]
    for folder in options.piano:
        piano = SampledPiano.load(folder)
        for i, notes in enumerate(performances):
            rng = np.random.default_rng(i)
            conditions = random_recording_conditions(rng)
            audio, spent = timed(
                lambda n=notes, p=piano, c=conditions, r=rng: play_and_record(p, n, c, r, rooms)
            )
            rates.setdefault(piano.name, []).append(report(piano.name, notes, audio, spent))
    for name, values in rates.items():
        print(f"{name}: lowest {min(values):.0f}x, median {np.median(values):.0f}x")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
