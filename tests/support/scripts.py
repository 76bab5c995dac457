"""Runs the scripts of the project as a user would: in a process of their own."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from full_disk import fill_disk

ROOT = Path(__file__).parents[2]
# Imported once, in the process from which those of the scripts are forked: importing them takes
# longer than most scripts.
PRELOADED = ["train", "evaluate", "sklearn.svm", "wandb", "matplotlib.pyplot"]


def run(
    *words: str, fails: bool = False, full_disk: bool = False
) -> subprocess.CompletedProcess[str]:
    """A script in the project's folder, on one thread; `-c` and `-m` as of Python.

    full_disk: see `full_disk.py`; of a script only.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    if words[0].startswith("-"):
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    else:
        done = _forked(words, environment, full_disk)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done


def run_together(
    words: Sequence[str], environments: Sequence[dict[str, str]], fails: bool = False
) -> list[subprocess.CompletedProcess[str]]:
    """A script in several processes at the same time, each with its own environment variables."""
    common = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    with ExitStack() as folders:
        started = [_start(words, {**common, **one}, folders) for one in environments]
        done = [_ended(words, *one) for one in started]
    for one in done:
        assert (one.returncode != 0) == fails, one.stdout + one.stderr
    return done


def _forked(
    words: Sequence[str], environment: dict[str, str], full_disk: bool
) -> subprocess.CompletedProcess[str]:
    """The same as a subprocess, but for the time that importing the packages takes."""
    with ExitStack() as folders:
        return _ended(words, *_start(words, environment, folders, full_disk))


def _start(
    words: Sequence[str],
    environment: dict[str, str],
    folders: ExitStack,
    full_disk: bool = False,
) -> tuple[ForkServerProcess, list[Path]]:
    """A process of a script, and the files of what it prints, in a temporary folder."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    folder = folders.enter_context(tempfile.TemporaryDirectory())
    outputs = [Path(folder, name) for name in ("stdout", "stderr")]
    before = dict(os.environ)
    os.environ.update(environment, PYTHONPATH=str(ROOT))  # For the server, when it starts.
    try:
        arguments = (list(words), environment, outputs, full_disk)
        process = context.Process(target=_run, args=arguments)
        process.start()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return process, outputs


def _ended(
    words: Sequence[str], process: ForkServerProcess, outputs: Sequence[Path]
) -> subprocess.CompletedProcess[str]:
    process.join()
    stdout, stderr = (path.read_text(encoding="utf-8") for path in outputs)
    return subprocess.CompletedProcess(words, process.exitcode or 0, stdout, stderr)


def _run(
    words: list[str], environment: dict[str, str], outputs: Sequence[Path], full_disk: bool
) -> None:
    """What a new Python would do: `words` is a script and its arguments."""
    for descriptor, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = words
    sys.path[0] = str(Path(words[0]).resolve().parent)
    # As in a new process: what the scripts themselves contain is imported anew.
    for name in ("train", "evaluate"):
        sys.modules.pop(name, None)
    if full_disk:
        fill_disk()
    multiprocessing.process.current_process()._config.pop("daemon", None)
    runpy.run_path(words[0], run_name="__main__")
