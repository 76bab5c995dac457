"""The transcription systems to compare: how they are installed, and run on a list of files.

Every system runs in its own process (`system_runner.py`). External systems run in their own Python
environment, which is created when it is first needed, since they require other package versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

from amt import __version__
from amt.inference.pretrained import pretrained_checkpoint
from amt.io.atomic import atomic_write

RUNNER = Path(__file__).with_name("system_runner.py")


class RunError(RuntimeError):
    """A system that cannot be installed or run; the message is one line."""


@dataclass(frozen=True)
class ExternalSystem:
    """A transcription system other than amt, installed from PyPI.

    package: installed without its dependencies. needs: the packages that its inference needs,
    installed with their dependencies. shares_torch: its environment also contains the packages of
    this one, with lower priority, so that torch is not installed twice.
    """

    package: str
    version: str
    needs: tuple[str, ...]
    shares_torch: bool = False
    note: str = ""


EXTERNAL_SYSTEMS = {
    "basic-pitch": ExternalSystem(
        "basic-pitch",
        "0.4.0",
        (
            "librosa",
            "resampy<0.4.3",
            "pretty_midi",
            "mir_eval",
            "scikit-learn",
            "onnxruntime",
            "onnx",
        ),
        note="Its ONNX model, without TensorFlow < 2.15.1, which it requires. Its training data "
        "contain MAESTRO.",
    ),
    "transkun": ExternalSystem(
        "transkun",
        "2.0.1",
        ("moduleconf", "pretty_midi", "pydub", "mir_eval", "setuptools<81"),
        shares_torch=True,
        note="Its transformer, trained on MAESTRO, with the torch of this environment, without "
        "packages for training only (ncls, seaborn, tensorboard, torch-optimizer, sox).",
    ),
}


@dataclass(frozen=True)
class System:
    """A system that can be run: one of `EXTERNAL_SYSTEMS` (`kind`), or amt with a checkpoint."""

    name: str
    kind: str
    version: str
    checkpoint: Path | None = None

    @property
    def is_external(self) -> bool:
        """Whether it is not amt. It does not change then, and its results are cached."""
        return self.kind in EXTERNAL_SYSTEMS


@dataclass(frozen=True)
class Result:
    """The transcription of one file by one system, and what it took.

    midi: the file with the notes. took: seconds from audio to MIDI, without loading the model.
    processor: CPU seconds of all threads. others: number of cores that other processes used at the
    same time. load_seconds, peak_bytes, parameters: of the process. machine: description of the
    computer.
    """

    midi: Path
    took: float
    processor: float
    others: float
    peak_bytes: int
    load_seconds: float
    parameters: int
    machine: str

    def figures(self) -> dict[str, float | str]:
        """All fields except the file."""
        return {name: value for name, value in asdict(self).items() if name != "midi"}


def select_systems(names: Sequence[str], checkpoints: Sequence[str]) -> list[System]:
    """The systems `names`, and amt with each of `checkpoints` (NAME=PATH).

    Raises RunError if a name is unknown or a checkpoint is not given as NAME=PATH.
    """
    systems = [_system_called(name) for name in names]
    for text in checkpoints:
        name, _, path = text.partition("=")
        if not (name and Path(path).is_file()):
            raise RunError(f"--ckpt {text}: expected NAME=PATH of a checkpoint that exists")
        systems.append(System(name, "amt", _digest(Path(path).read_bytes()), Path(path)))
    if len({system.name for system in systems}) < len(systems) or not systems:
        raise RunError("give at least one system, each once: --systems amt --ckpt new=PATH")
    return systems


def _system_called(name: str) -> System:
    if name == "amt":
        path = pretrained_checkpoint()
        return System(
            name, "amt", f"{__version__} {path.stem} {_digest(path.read_bytes())[:8]}", path
        )
    if name not in EXTERNAL_SYSTEMS:
        raise RunError(f"--systems {name} is unknown; use amt, {', '.join(EXTERNAL_SYSTEMS)}")
    return System(name, name, EXTERNAL_SYSTEMS[name].version)


def run_system(
    system: System, audio: Sequence[Path], cache: Path, again: bool = False
) -> dict[Path, Result | str]:
    """Transcribe each file (16-bit wav): its result, or an error message of one line.

    Results of external systems are cached in `cache` by version and file name, which is a hash of
    the audio (see recordings.py), and used again unless `again`. Raises RunError if the system
    cannot be installed or does not start.
    """
    folder = cache / "transcriptions" / f"{system.name}-{_digest(system.version.encode())}"
    midis = {path: folder / f"{path.stem}.mid" for path in audio}
    use_cache = system.is_external and not again
    missing = [path for path in audio if not (use_cache and _record(midis[path]).is_file())]
    errors = _transcribe(system, {path: midis[path] for path in missing}, cache)
    return {path: errors[path] if path in errors else _result(midi) for path, midi in midis.items()}


def machine() -> str:
    """The processor, its number of cores, and OMP_NUM_THREADS if it is set."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"{name}, {os.cpu_count()} cores" + (f", {threads} thread(s)" if threads else "")


def python_environment(name: str, cache: Path) -> Path:
    """The Python executable for the external system `name`; its environment is created if needed.

    The environment is a folder in `cache`. Raises RunError if pip cannot install the system.
    """
    external, folder = EXTERNAL_SYSTEMS[name], cache / name
    alone, done = f"{external.package}=={external.version}", folder / ".installed"
    python, recipe = folder / "bin" / "python", " ".join((alone, *external.needs))
    if done.is_file() and done.read_text("utf-8") == recipe:
        return python
    print(f"{name}: creating its environment in {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(name, [sys.executable, "-m", "venv", folder])
    if external.shares_torch:
        inside = sysconfig.get_path("purelib", vars={"base": str(folder)})
        (Path(inside) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    _call(name, [*pip, "--no-deps", alone])
    _call(name, [*pip, *external.needs])
    done.write_text(recipe, "utf-8")
    return python


def _call(name: str, command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = _last_line(done.stderr + done.stdout)
        raise RunError(f"{name} cannot be installed: {reason}; leave it out with --systems")


def _transcribe(system: System, midis: dict[Path, Path], cache: Path) -> dict[Path, str]:
    """Transcribe the keys of `midis` and write MIDI to the values; returns error messages."""
    if not midis:
        return {}
    python = python_environment(system.name, cache) if system.is_external else Path(sys.executable)
    errors = {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as messages:
        jobs = [(str(path), f"{folder}/{midi.name}") for path, midi in midis.items()]
        process = _start(system, python, jobs, messages)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline() or "{}")
        for path, midi in tqdm(midis.items(), desc=system.name, unit="piece"):
            answer = json.loads(process.stdout.readline() or "{}") if ready else {}
            if "took" in answer:
                figures = {**ready, **answer, "machine": machine()}
                _store(Path(folder) / midi.name, midi, figures)
            else:
                errors[path] = answer.get("error", "its process ended")
        if process.wait():
            messages.seek(0)
            reason = _last_line(messages.read())
            if not ready:
                raise RunError(f"{system.name} does not start: {reason}")
            errors = {path: f"{error} ({reason})" for path, error in errors.items()}
    return errors


def _start(
    system: System, python: Path, jobs: Sequence[tuple[str, str]], messages: IO[str]
) -> subprocess.Popen[str]:
    command = [python, RUNNER, system.kind, *([system.checkpoint] if system.checkpoint else [])]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=messages,
        text=True,
        # No network access and no progress bars, so that timings are comparable.
        env=os.environ | {"TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(jobs))
    process.stdin.close()
    return process


def _store(made: Path, midi: Path, figures: dict[str, Any]) -> None:
    with atomic_write(midi) as part:
        shutil.copyfile(made, part)
    with atomic_write(_record(midi)) as part:
        part.write_text(json.dumps(figures), "utf-8")


def _result(midi: Path) -> Result:
    return Result(midi, **json.loads(_record(midi).read_text("utf-8")))


def _record(midi: Path) -> Path:
    return midi.with_suffix(".json")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no error message"
