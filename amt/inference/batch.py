"""Many recordings to transcriptions: what to read, where to write, and going on after a failure."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from amt.data.pieces import AUDIO_SUFFIXES
from amt.decoding.peaks import Ends
from amt.inference.transcriber import Options, Progress, Transcriber
from amt.inference.writers import Player, write
from amt.io.audio import AudioError

# Errors of the output, which the next file would meet as well.
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_BAR = "{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio [{remaining} left]"


@dataclass(frozen=True)
class Job:
    """A recording to read, and the path of its results without a suffix."""

    source: Path
    target: Path


# Writes the results of a source (a path) to targets, and reports in a few words; the label is for
# its progress bars.
Work = Callable[[Path, Sequence[Path], str], str]


def find_recordings(
    inputs: Sequence[Path], suffixes: Sequence[str] = AUDIO_SUFFIXES
) -> Iterator[tuple[Path, Path]]:
    """Each recording once, with its place below the folder that was given (or just its name).

    Files are taken as they are given; folders are searched for `suffixes`. A folder without any
    comes back itself, so that reading it fails and is reported.
    """
    seen: set[Path] = set()
    for given in inputs:
        found = _recordings_in(given, suffixes) if given.is_dir() else [given]
        for path in found or [given]:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, path.relative_to(given) if path != given else Path(path.name)


def plan(
    inputs: Sequence[Path], output: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES
) -> list[Job]:
    """A job for every recording; no two write the same files.

    Of recordings with the same name the second is written as NAME_2, and so on: `Job.target` tells.
    """
    taken: set[str] = set()
    jobs = []
    for source, place in find_recordings(inputs, suffixes):
        target = output / place.with_suffix("")
        stem, number = target.name, 1
        while str(target).casefold() in taken:
            number += 1
            target = target.with_name(f"{stem}_{number}")
        taken.add(str(target).casefold())
        jobs.append(Job(source, target))
    return jobs


def transcribe_jobs(
    transcriber: Transcriber,
    jobs: Sequence[Job],
    formats: Sequence[str],
    player: Player,
    ends: Ends = "sound",
) -> int:
    """Transcribe all jobs as `run_jobs` does them; returns how many failed.

    ends: notes end with their sound, without a pedal that would prolong them once more, or with
    their keys, and the pedal comes along.
    """

    def transcribe(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        with progress_bar(f"{label}: reading") as bar:
            result = transcriber.run(checked(source), Options(ends), bar_progress(bar, label))
        for target in targets:
            write(target, result.notes, result.seconds, player)
        return _report(len(result.notes), result.seconds, time.perf_counter() - begin)

    return run_jobs(jobs, formats, transcribe)


def run_jobs(jobs: Sequence[Job], formats: Sequence[str], work: Work) -> int:
    """Do all jobs with a line for each; returns how many failed. A full disk ends it at once."""
    sources = {job.source.resolve() for job in jobs}
    failed = 0
    for number, job in enumerate(jobs, start=1):
        try:
            targets = [job.target.with_name(f"{job.target.name}.{kind}") for kind in formats]
            _protect(sources, targets)
            report = work(job.source, targets, f"{number}/{len(jobs)} {job.source.name}")
            tqdm.write(f"{job.source}: {report} -> {_listing(targets)}")
        except Exception as error:  # One odd file must not cost the others their results.
            failed += 1
            tqdm.write(f"amt: {error_line(error, job.source)}", file=sys.stderr)
            if _is_fatal(error):
                left = len(jobs) - number
                if left:
                    tqdm.write(f"amt: stopped; not done: {left} more", file=sys.stderr)
                return failed + left
    return failed


def error_line(error: Exception, source: Path) -> str:
    """An error as one line that names the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"cannot write {error.filename or 'the result'}: {error.strerror}"
    elif not isinstance(error, ValueError):
        text = f"{type(error).__name__}: {text}"
    return text if str(source) in text else f"{source}: {text}"


def checked(source: Path) -> Path:
    """`source`, if it is no folder. Raises AudioError."""
    if source.is_dir():
        raise AudioError(f"{source}: no audio in this folder ({', '.join(AUDIO_SUFFIXES)})")
    return source


def _report(notes: int, seconds: float, took: float) -> str:
    count = "1 note" if notes == 1 else f"{notes} notes"
    return f"{count}, {seconds:.1f} s in {took:.1f} s ({seconds / took:.0f} x real time)"


def progress_bar(label: str) -> tqdm:
    """A progress bar that vanishes when done, and is only drawn on a terminal.

    Without a total it shows what is going on; `bar_progress` gives it the seconds of audio.
    """
    return tqdm(desc=label, bar_format="{desc}", leave=False, disable=None)


def bar_progress(bar: tqdm, label: str) -> Progress:
    """Reports the seconds of a transcription to `bar`, which is called `label` from then on."""

    def report(done: float, seconds: float) -> None:
        if not done:
            bar.bar_format = _BAR
            bar.set_description_str(label, refresh=False)
            bar.reset(total=seconds)
        bar.update(done - bar.n)

    return report


def _recordings_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _protect(sources: set[Path], targets: Sequence[Path]) -> None:
    """Refuse to write over a recording."""
    for target in targets:
        if target.resolve() in sources:
            raise ValueError(f"{target} is a recording itself; choose another folder by --output")


def _listing(targets: Sequence[Path]) -> str:
    return ", ".join([str(targets[0]), *(target.suffix for target in targets[1:])])


def _is_fatal(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FATAL:
            return True
        error = error.__cause__
    return False
