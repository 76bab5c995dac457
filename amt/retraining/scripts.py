"""train.py and evaluate.py of a checkout, each in a process of its own."""

from __future__ import annotations

import csv
import hashlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import amt
from amt.io.atomic import atomic_write
from amt.retraining.runs import RunError
from amt.retraining.settings import FixedSet

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked.
    fcntl = None  # type: ignore[assignment]

TRAIN, EVALUATE = "train.py", "evaluate.py"
_LOG = "log.txt"
_DIGEST = "settings.sha256"

Rows = list[dict[str, float | str]]


@dataclass(frozen=True)
class TrainJob:
    """A fine-tuning. init: the weights it starts from. pairs: the folder of the corrections.

    folder: for the run, which is resumed if it is there. cache: for decoded recordings. report: is
    told, in one line, where a training begins again.
    """

    checkout: Path
    init: Path
    pairs: Path
    folder: Path
    cache: Path
    overrides: tuple[str, ...]
    seed: int
    report: Callable[[str], object] = print

    @property
    def checkpoint(self) -> Path:
        """What the training writes."""
        return self.folder / "checkpoints" / "last.ckpt"

    def words(self) -> list[str]:
        """The arguments of train.py."""
        return [
            "experiment=finetune",
            f"init={self.init}",
            f"paths.corrections={self.pairs}",
            f"paths.cache={self.cache}",
            f"hydra.run.dir={self.folder}",
            f"seed={self.seed}",
            "logger=csv",
            *self.overrides,
        ]


@dataclass(frozen=True)
class EvaluateJob:
    """Scoring a checkpoint on a set; `overrides` of evaluate.py choose its data."""

    checkout: Path
    checkpoint: Path
    folder: Path
    cache: Path
    split: str
    overrides: tuple[str, ...]

    def words(self) -> list[str]:
        """The arguments of evaluate.py."""
        return [
            f"ckpt={self.checkpoint}",
            f"split={self.split}",
            f"output={self.folder}",
            f"paths.cache={self.cache}",
            *self.overrides,
        ]


def find_checkout(given: Path | None) -> Path:
    """The folder of train.py: the given one, else that beside this package. Raises RunError."""
    folder = (given or Path(amt.__file__).parents[1]).resolve()
    if not all((folder / script).is_file() for script in (TRAIN, EVALUATE)):
        advice = "clone the repository of amt and give its folder: --checkout DIR"
        raise RunError(f"{folder}: has no {TRAIN} and {EVALUATE}; {advice}")
    return folder


def corrections_overrides(pairs: Path) -> tuple[str, ...]:
    """Overrides of evaluate.py for the folder of the corrections, which has a folder per split."""
    return ("data=folder", "data.sources.folder.split=folder", f"paths.recordings={pairs}")


def set_overrides(fixed: FixedSet, manifest: str) -> tuple[str, ...]:
    """Overrides of evaluate.py for a fixed set. manifest: the name of a prepared set's list."""
    if not fixed.place:
        return fixed.overrides
    if "://" in fixed.place or Path(fixed.place, manifest).is_file():
        return ("data=prepared", f"paths.prepared={fixed.place}")
    share = "data.sources.folder.test=1.0"
    return ("data=folder", share, f"paths.recordings={fixed.place}")


def train(job: TrainJob) -> Path:
    """Train, or go on with a training that was interrupted; returns the checkpoint.

    One that began with other settings begins again: train.py would refuse to resume it. Raises
    RunError with the last line that train.py printed.
    """
    words = job.words()
    with _alone(job.folder):
        if _began_otherwise(job):
            shutil.rmtree(job.folder)
            job.report("train: command or conf changed since it began; it begins again")
        job.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(job.folder / _DIGEST) as part:
            part.write_text(_digest(job), "ascii")
    if job.checkpoint.is_file():
        words.append(f"resume={job.checkpoint}")
    _run(job.checkout, TRAIN, words, job.folder)
    if not job.checkpoint.is_file():
        raise RunError(f"{TRAIN} wrote no {job.checkpoint}; see {job.folder / _LOG}")
    return job.checkpoint


def _began_otherwise(job: TrainJob) -> bool:
    """Whether the folder holds a training with another command or other files of conf."""
    if not job.checkpoint.is_file():
        return False
    file = job.folder / _DIGEST
    return not file.is_file() or file.read_text("ascii") != _digest(job)


def _digest(job: TrainJob) -> str:
    """The SHA-256 of the settings of a training: its command and all files of conf."""
    digest = hashlib.sha256(command_line(TRAIN, job.words()).encode())
    for path in sorted((job.checkout / "conf").rglob("*.yaml")):
        digest.update(path.relative_to(job.checkout).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def evaluate(job: EvaluateJob) -> Rows:
    """The scores of each piece. Raises RunError with the last line that evaluate.py printed."""
    _run(job.checkout, EVALUATE, job.words(), job.folder)
    with (job.folder / f"{job.split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: _value(key, text) for key, text in row.items() if text} for row in rows]


def _value(column: str, text: str) -> float | str:
    """A cell of a table of scores; besides names some columns hold text, such as `set`."""
    try:
        return text if column == "name" else float(text)
    except ValueError:
        return text


def command_line(script: str, words: Sequence[str]) -> str:
    """A script's command as it would be typed in the checkout."""
    return shlex.join(["python", script, *words])


def _run(checkout: Path, script: str, words: Sequence[str], folder: Path) -> None:
    """Run a script of the checkout; what it prints goes to a log in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / _LOG
    with log.open("a", encoding="utf-8") as output, _alone(folder) as inherited:
        output.write(f"\n{command_line(script, words)}\n")
        output.flush()
        done = subprocess.run(
            [sys.executable, script, *words],
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            check=False,
        )
    if done.returncode:
        last = log.read_text("utf-8", errors="replace").strip().splitlines()[-1]
        raise RunError(f"{script} failed: {last[-300:]} (all it printed: {log})")


@contextmanager
def _alone(folder: Path) -> Iterator[tuple[int, ...]]:
    """File descriptors that a script must inherit: they lock its folder until it ends.

    A script goes on if the process that started it is killed; a second one in the same folder would
    disturb it. Raises RunError if one is running.
    """
    if fcntl is None:
        yield ()
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            text = f"{folder}: a script that was started before is still running"
            raise RunError(f"{text}; wait for its end, then type this again") from error
        yield (file.fileno(),)
