"""Transcribe many recordings: a line for each, continuing after a failure."""

from __future__ import annotations

import errno
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from amt.errors import escaped
from amt.inference.embedding import NO_EMBEDDING
from amt.inference.jobs import Job
from amt.inference.remote import OutputError, local_files
from amt.inference.result_lines import result_line, target_names
from amt.inference.transcriber import Options, Progress, Transcriber
from amt.inference.writers import ARRAYS, Notation, Player, endings, readable_name, write_all
from amt.io.audio import AUDIO_SUFFIXES, AudioError

# Errors of the output folder (disk full, quota, read-only), which every further file would meet.
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_BAR = "{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio [{remaining} left]"


# Reads a source and writes the targets; returns a short report. The string is a label for progress
# bars.
JobFunction = Callable[[Path, Sequence[Path], str], str]


def transcribe_jobs(
    transcriber: Transcriber,
    jobs: Sequence[Job],
    formats: Sequence[str],
    player: Player,
    options: Options | None = None,
    notation: Notation | None = None,
) -> int:
    """Transcribe the recordings of all jobs with `run_jobs`; returns how many failed.

    notation: for MIDI whose bars line up, and for scores. Raises ValueError if `formats` contain an
    embedding and the model cannot give one.
    """
    options = options_for(transcriber, formats, options or Options(), notation)

    def transcribe(source: Path, targets: Sequence[Path], label: str) -> str:
        begin = time.perf_counter()
        with progress_bar(f"{label}: reading") as bar:
            report = bar_progress(bar, label)
            result = transcriber.run(require_file(source), options, report)
        title = readable_name(source).replace("_", " ")
        remark = write_all(targets, result, player, notation, title)
        took = time.perf_counter() - begin
        return result_line(len(result.notes), result.seconds, took, remark)

    return run_jobs(jobs, formats, transcribe)


def options_for(
    transcriber: Transcriber,
    formats: Sequence[str],
    options: Options,
    notation: Notation | None = None,
) -> Options:
    """`options`, with what the files need: the embedding, the notes of the keys for `notation`.

    Raises ValueError if the model cannot give an embedding.
    """
    options = replace(options, embedding=ARRAYS in formats, keyed=notation is not None)
    if options.embedding and not transcriber.model.feature_width:
        raise ValueError(f"--format {ARRAYS}: {NO_EMBEDDING}")
    return options


def run_jobs(jobs: Sequence[Job], formats: Sequence[str], function: JobFunction) -> int:
    """Run `function` on all jobs and print a line for each; returns how many failed.

    A job that fails does not stop the others, unless the output folder cannot be written to.
    """
    recordings = {found for job in jobs if (found := _file_id(job.source))}
    uris = {job.source for job in jobs if isinstance(job.source, str)}
    failed = 0
    for number, job in enumerate(jobs, start=1):
        try:
            refuse_to_replace(uris, job, formats)
            with local_files(job.source, job.target) as (source, target):
                targets = [target.with_name(target.name + ending) for ending in endings(formats)]
                refuse_to_overwrite(recordings, source, targets)
                report = function(source, targets, f"{number}/{len(jobs)} {source.name}")
        except Exception as error:  # One unusual file must not stop the others.
            failed += 1
            tqdm.write(escaped(f"amt: {error_line(error, job.source)}"), file=sys.stderr)
            if is_output_error(error):
                remaining = len(jobs) - number
                if remaining:
                    tqdm.write(f"amt: stopped; not done: {remaining} more", file=sys.stderr)
                return failed + remaining
        else:
            line = f"{job.source}: {report} -> {target_names(job.target, formats)}"
            tqdm.write(escaped(line))
    return failed


def error_line(error: Exception, source: Path | str) -> str:
    """An error as one line that names the file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.strerror and error.filename == str(source):
        text = error.strerror
    elif isinstance(error, OSError) and error.strerror:
        text = f"cannot write {error.filename or 'the result'}: {error.strerror}"
    elif not isinstance(error, ValueError):
        text = f"{type(error).__name__}: {text}"
    name = " ".join(str(source).split())
    return text if name in text else f"{name}: {text}"


def require_file(source: Path) -> Path:
    """`source`, if it is not a folder. Raises AudioError."""
    if source.is_dir():
        raise AudioError(f"{source}: {folder_fault(source, 'audio')}")
    return source


def folder_fault(folder: Path, expected: str) -> str:
    """Why a folder that was searched gave no files to read."""
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return f"the folder cannot be read: {error.strerror}"
    return f"no {expected} in this folder; amt goes by the suffixes of file names"


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


def refuse_to_overwrite(
    recordings: set[tuple[int, int]], source: Path, targets: Sequence[Path]
) -> None:
    """Raises ValueError if one of `targets` is a recording that is to be read, or may be another.

    A sound file beside the recording may be the recording in another format.
    """
    for target in targets:
        found = _file_id(target)
        if found is None:
            continue
        if found in recordings:
            reason = "is one of the recordings"
        elif target.suffix in AUDIO_SUFFIXES and target.parent.samefile(source.parent):
            reason = f"lies beside {source.name} and may be a recording too"
        else:
            continue
        raise ValueError(f"{target} {reason}; choose another folder with --output")


def refuse_to_replace(recordings: set[str], job: Job, formats: Sequence[str]) -> None:
    """Raises ValueError if a result in Cloud Storage is a recording, or may be another."""
    if not isinstance(job.target, str):
        return
    source = job.source if isinstance(job.source, str) else ""
    beside = source.rpartition("/")[0] == job.target.rpartition("/")[0]
    for ending in endings(formats):
        if f"{job.target}{ending}" in recordings or (beside and ending in AUDIO_SUFFIXES):
            reason = "is one of the recordings, or lies beside them and may be one"
            raise ValueError(f"{job.target}{ending} {reason}; choose another --output")


def _file_id(path: Path | str) -> tuple[int, int] | None:
    """What is equal for two names of one file; None if there is no such file."""
    if isinstance(path, str):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_output_error(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, is an OutputError or among `_OUTPUT_ERRORS`."""
    while error is not None:
        if isinstance(error, OutputError):
            return True
        if isinstance(error, OSError) and error.errno in _OUTPUT_ERRORS:
            return True
        error = error.__cause__
    return False
