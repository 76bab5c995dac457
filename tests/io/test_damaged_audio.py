"""Sound files that are damaged: decoded as far as possible, with a warning, or refused in one line.

AMT_FUZZ=10000 python -m pytest tests/io/test_damaged_audio.py -k mutated -s
"""

import os
import resource
import shutil
import time
import warnings
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest
from mutations import count, mutated
from sound_files import chirps, needs_ffmpeg, write_all

from amt.errors import FileWarning
from amt.io.audio import AudioError, load


def seeds(folder: Path) -> list[bytes]:
    """Half a second of stereo in each format."""
    sound = chirps(0.5)[:, None].repeat(2, axis=1)
    return [path.read_bytes() for path in write_all(folder, sound)]


def test_mutated_files_without_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    try_mutations(tmp_path, seeds(tmp_path), count(300), capfd)


@needs_ffmpeg
def test_mutated_files_with_ffmpeg(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    try_mutations(tmp_path, seeds(tmp_path), count(20), capfd)


def try_mutations(
    folder: Path, originals: list[bytes], number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each is decoded or refused in one line, in less than 30 s and 1 GiB, also of ffmpeg."""
    rng, outcomes, longest, path = Random(0), Counter[str](), 0.0, folder / "a.bin"
    memory, of_others = most_memory(resource.RUSAGE_SELF), most_memory(resource.RUSAGE_CHILDREN)
    for _ in range(number):
        path.write_bytes(mutated(originals, rng))
        start = time.perf_counter()
        outcomes[outcome(path)] += 1
        longest = max(longest, time.perf_counter() - start)
    grown = most_memory(resource.RUSAGE_SELF) - memory
    ffmpeg = most_memory(resource.RUSAGE_CHILDREN)
    # What libsndfile calls back can raise no errors, and prints them.
    assert "Traceback" not in capfd.readouterr().err
    with capfd.disabled() if "AMT_FUZZ" in os.environ else nullcontext():
        print(f"\n{dict(outcomes)}, longest {longest:.1f} s,", end=" ")
        print(f"{grown:.0f} MiB more, ffmpeg at most {ffmpeg:.0f} MiB")
    assert {"decoded", "decoded with a warning", "refused"} == set(outcomes)
    assert longest < 30 and grown < 1024 and ffmpeg <= max(1024, of_others)


def most_memory(of: int) -> float:
    """MiB, of this process or of the largest of those that it started."""
    return resource.getrusage(of).ru_maxrss / 1024


def outcome(path: Path) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = "decoded" if len(load(path, max_seconds=600)) else "empty"
        except AudioError as error:
            assert "\n" not in str(error)
            return "refused"
    for warning in caught:
        assert warning.category is FileWarning and "\n" not in str(warning.message), warning
    return found + " with a warning" * bool(caught)
