"""Transcription systems to compare: where they come from, and running them on a list of files.

Every system runs in a process of its own (`system_runner.py`), the others than amt also in a Python
environment of their own, which is made when it is first needed: they ask for other versions.
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
    """A system that cannot be installed or run; the message is one line that says why."""


@dataclass(frozen=True)
class Peer:
    """Another transcriber: its package, and what its inference needs of what it asks for.

    package is installed without its dependencies, `needs` with theirs. With `shares_torch` its
    environment also sees the packages of this one, behind its own: torch is large.
    """

    package: str
    version: str
    needs: tuple[str, ...]
    shares_torch: bool = False
    note: str = ""


PEERS = {
    "basic-pitch": Peer(
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
        note="Its ONNX model, without the TensorFlow < 2.15.1 that it asks for. MAESTRO is among "
        "its training data.",
    ),
    "transkun": Peer(
        "transkun",
        "2.0.1",
        ("moduleconf", "pretty_midi", "pydub", "mir_eval", "setuptools<81"),
        shares_torch=True,
        note="Its transformer, trained on MAESTRO, with the torch of this environment. What only "
        "its training needs (ncls, seaborn, tensorboard, torch-optimizer, sox) is left out.",
    ),
}


@dataclass(frozen=True)
class System:
    """A system that can be run: one of PEERS, or amt with a checkpoint."""

    name: str
    kind: str
    version: str
    checkpoint: Path | None = None

    @property
    def is_peer(self) -> bool:
        """Whether it stays the same, so that what it transcribed can be kept."""
        return self.kind in PEERS


@dataclass(frozen=True)
class Result:
    """What a system made of one file.

    midi: where its notes are. took: seconds from audio to MIDI, loading apart. processor: seconds
    of all its threads meanwhile. others: cores that other processes kept busy meanwhile.
    load_seconds, peak_bytes, parameters: of its process. machine: where that was.
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
        """Everything but the file."""
        return {name: value for name, value in asdict(self).items() if name != "midi"}


def chosen(names: Sequence[str], checkpoints: Sequence[str]) -> list[System]:
    """The systems called `names`, and amt with each of `checkpoints` (NAME=PATH).

    Raises RunError where a name is not known or a checkpoint not given as NAME=PATH.
    """
    systems = [_named(name) for name in names]
    for text in checkpoints:
        name, _, path = text.partition("=")
        if not (name and Path(path).is_file()):
            raise RunError(f"--ckpt {text}: expected NAME=PATH of a checkpoint that exists")
        systems.append(System(name, "amt", _digest(Path(path).read_bytes()), Path(path)))
    if len({system.name for system in systems}) < len(systems) or not systems:
        raise RunError("name at least one system, each once: --systems amt --ckpt new=PATH")
    return systems


def _named(name: str) -> System:
    if name == "amt":
        path = pretrained_checkpoint()
        return System(
            name, "amt", f"{__version__} {path.stem} {_digest(path.read_bytes())[:8]}", path
        )
    if name not in PEERS:
        raise RunError(f"--systems {name} is not known; use amt, {', '.join(PEERS)}")
    return System(name, name, PEERS[name].version)


def run(
    system: System, audio: Sequence[Path], cache: Path, again: bool = False
) -> dict[Path, Result | str]:
    """Transcribe each file (16-bit wav): its result, or one line that says what went wrong.

    The name of a file stands for what it holds (see recordings.py): what a peer transcribed is kept
    in `cache` by version and name, and taken from there the next time unless `again`. Raises
    RunError where the system cannot be installed or does not start.
    """
    folder = cache / "transcriptions" / f"{system.name}-{_digest(system.version.encode())}"
    midis = {path: folder / f"{path.stem}.mid" for path in audio}
    kept = system.is_peer and not again
    missing = [path for path in audio if not (kept and _record(midis[path]).is_file())]
    errors = _transcribe(system, {path: midis[path] for path in missing}, cache)
    return {path: errors[path] if path in errors else _result(midi) for path, midi in midis.items()}


def machine() -> str:
    """Processor, cores that may be used, and threads if their number is set."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    name = models[0] if models else platform.processor() or platform.machine()
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"{name}, {os.cpu_count()} cores" + (f", {threads} thread(s)" if threads else "")


def environment(name: str, cache: Path) -> Path:
    """The Python of the peer `name`, in an environment below `cache`, made if it is not there.

    Raises RunError where pip cannot install it.
    """
    peer, folder = PEERS[name], cache / name
    alone, done = f"{peer.package}=={peer.version}", folder / ".installed"
    python, recipe = folder / "bin" / "python", " ".join((alone, *peer.needs))
    if done.is_file() and done.read_text("utf-8") == recipe:
        return python
    print(f"{name}: making its environment in {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _call(name, [sys.executable, "-m", "venv", folder])
    if peer.shares_torch:
        inside = sysconfig.get_path("purelib", vars={"base": str(folder)})
        (Path(inside) / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    _call(name, [*pip, "--no-deps", alone])
    _call(name, [*pip, *peer.needs])
    done.write_text(recipe, "utf-8")
    return python


def _call(name: str, command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = _last_line(done.stderr + done.stdout)
        raise RunError(f"{name} cannot be installed: {reason}; leave it out with --systems")


def _transcribe(system: System, midis: dict[Path, Path], cache: Path) -> dict[Path, str]:
    """Run the system on the keys, so that its MIDI lies at the values; the errors of those that
    it could not transcribe."""
    if not midis:
        return {}
    python = environment(system.name, cache) if system.is_peer else Path(sys.executable)
    errors = {}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as messages:
        jobs = [(str(path), f"{folder}/{midi.name}") for path, midi in midis.items()]
        process = _start(system, python, jobs, messages)
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline() or "{}")
        for path, midi in tqdm(midis.items(), desc=system.name, unit="piece"):
            answer = json.loads(process.stdout.readline() or "{}") if ready else {}
            if "took" in answer:
                _keep(Path(folder) / midi.name, midi, {**ready, **answer, "machine": machine()})
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
        # Two runs must differ in the system only: no network, no progress bars of its own.
        env=os.environ | {"TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(jobs))
    process.stdin.close()
    return process


def _keep(made: Path, midi: Path, answer: dict[str, Any]) -> None:
    with atomic_write(midi) as part:
        shutil.copyfile(made, part)
    with atomic_write(_record(midi)) as part:
        part.write_text(json.dumps(answer), "utf-8")


def _result(midi: Path) -> Result:
    return Result(midi, **json.loads(_record(midi).read_text("utf-8")))


def _record(midi: Path) -> Path:
    return midi.with_suffix(".json")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
