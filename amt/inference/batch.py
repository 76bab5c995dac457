"""Transcribe many recordings: find the files, choose the output paths, continue after a failure."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from amt.decoding.peaks import Ends
from amt.inference.transcriber import Options, Progress, Transcriber
from amt.inference.writers import Player, write
from amt.io.audio import AUDIO_SUFFIXES, AudioError

# Errors of the output folder (disk full, quota, read-only), which every further file would meet.
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_BAR = "{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio [{remaining} left]"


@dataclass(frozen=True)
class Job:
    """A file to read, and the path of its results without a suffix."""

    source: Path
    target: Path


# Reads a source and writes the targets; returns a short report. The string is a label for progress
# bars.
JobFunction = Callable[[Path, Sequence[Path], str], str]


def find_files(
    inputs: Sequence[Path], suffixes: Sequence[str] = AUDIO_SUFFIXES
) -> Iterator[tuple[Path, Path]]:
    """Each file of `inputs` once, and its path relative to the folder that was given (or its name).

    Files are taken whatever their suffix; folders are searched for `suffixes`. A folder without
    such files is returned itself, so that reading it fails and is reported.
    """
    seen: set[Path] = set()
    for given in inputs:
        found = _files_in(given, suffixes) if given.is_dir() else [given]
        for path in found or [given]:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path, path.relative_to(given) if path != given else Path(path.name)


def plan_jobs(
    inputs: Sequence[Path], output: Path, suffixes: Sequence[str] = AUDIO_SUFFIXES
) -> list[Job]:
    """A job for each file of `inputs`; no two write to the same path below `output`.

    The results of a second file of the same name are called NAME_2, of a third NAME_3.
    """
    taken: set[str] = set()
    jobs = []
    for source, relative in find_files(inputs, suffixes):
        target = output / relative.with_suffix("")
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
    """Transcribe the recordings of all jobs with `run_jobs`; returns how many failed.

    ends: notes end where they stop sounding; or where their keys are released ("key"), and the
    results contain the sustain pedal.
    """

    def transcribe(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        with progress_bar(f"{label}: reading") as bar:
            report = bar_progress(bar, label)
            result = transcriber.run(require_file(source), Options(ends), report)
        for target in targets:
            write(target, result.notes, result.seconds, player)
        return _report(len(result.notes), result.seconds, time.perf_counter() - begin)

    return run_jobs(jobs, formats, transcribe)


def run_jobs(jobs: Sequence[Job], formats: Sequence[str], function: JobFunction) -> int:
    """Run `function` on all jobs and print a line for each; returns how many failed.

    A job that fails does not stop the others, unless the output folder cannot be written to.
    """
    sources = {job.source.resolve() for job in jobs}
    failed = 0
    for number, job in enumerate(jobs, start=1):
        try:
            targets = [job.target.with_name(f"{job.target.name}.{suffix}") for suffix in formats]
            _refuse_to_overwrite(sources, targets)
            report = function(job.source, targets, f"{number}/{len(jobs)} {job.source.name}")
            tqdm.write(f"{job.source}: {report} -> {_target_names(targets)}")
        except Exception as error:  # One unusual file must not stop the others.
            failed += 1
            tqdm.write(f"amt: {error_line(error, job.source)}", file=sys.stderr)
            if _is_output_error(error):
                remaining = len(jobs) - number
                if remaining:
                    tqdm.write(f"amt: stopped; not done: {remaining} more", file=sys.stderr)
                return failed + remaining
    return failed


def error_line(error: Exception, source: Path) -> str:
    """An error as one line that names the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        text = f"cannot write {error.filename or 'the result'}: {error.strerror}"
    elif not isinstance(error, ValueError):
        text = f"{type(error).__name__}: {text}"
    return text if str(source) in text else f"{source}: {text}"


def require_file(source: Path) -> Path:
    """`source`, if it is not a folder. Raises AudioError."""
    if source.is_dir():
        raise AudioError(f"{source}: no audio in this folder ({', '.join(AUDIO_SUFFIXES)})")
    return source


def _report(notes: int, seconds: float, took: float) -> str:
    count = "1 note" if notes == 1 else f"{notes} notes"
    return f"{count}, {seconds:.1f} s in {took:.1f} s ({seconds / took:.0f} x real time)"


def progress_bar(label: str) -> tqdm:
    """A progress bar that disappears when it is closed, and is only drawn on a terminal.

    At first it shows `label` alone; `bar_progress` gives it the duration of the audio.
    """
    return tqdm(desc=label, bar_format="{desc}", leave=False, disable=None)


def bar_progress(bar: tqdm, label: str) -> Progress:
    """A `Progress` function that shows the seconds of audio transcribed in `bar`, named `label`."""

    def report(done: float, seconds: float) -> None:
        if not done:
            bar.bar_format = _BAR
            bar.set_description_str(label, refresh=False)
            bar.reset(total=seconds)
        bar.update(done - bar.n)

    return report


def _files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files with one of `suffixes` anywhere below `folder`, sorted; none of hidden folders."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _refuse_to_overwrite(sources: set[Path], targets: Sequence[Path]) -> None:
    """Raises ValueError if one of `targets` is a recording that is to be read."""
    for target in targets:
        if target.resolve() in sources:
            raise ValueError(
                f"{target} is one of the recordings; choose another folder with --output"
            )


def _target_names(targets: Sequence[Path]) -> str:
    return ", ".join([str(targets[0]), *(target.suffix for target in targets[1:])])


def _is_output_error(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, is among `_OUTPUT_ERRORS`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS:
            return True
        error = error.__cause__
    return False
