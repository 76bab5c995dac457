"""The Dockerfile: linted, compared with the package, and its steps run without Docker."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from served import clip, encoded, free_port

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "amt" / "serving" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SERVING = PROJECT["dependency-groups"]["serving"]
ENVIRONMENT = "/opt/amt"
MAX_MEGABYTES = 300  # without torch and its dependencies
APP = [one for one in PROJECT["dependency-groups"]["app"] if isinstance(one, str)] + SERVING
NOT_FOR_SERVING = ("lightning", "hydra", "wandb", "matplotlib", "sklearn", "scipy", "librosa")


def steps(stage: int) -> list[tuple[str, str]]:
    """Pairs of instruction and arguments of one stage of the Dockerfile."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    parts = [line.split(maxsplit=1) for line in lines if line.strip()]
    begins = [number for number, (word, _) in enumerate(parts) if word == "FROM"]
    chosen = parts[begins[stage] + 1 : [*begins, len(parts)][stage + 1]]
    return [(word, rest.strip()) for word, rest in chosen]


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name("hadolint")
    return subprocess.run([beside, "-"], input=text, capture_output=True, text=True, check=False)


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def closure(requirements: Iterable[str]) -> set[str]:
    """Names of the distributions that requirements install, as far as they are installed here."""
    found: set[str] = set()
    left = [(Requirement(text), "") for text in requirements]
    while left:
        requirement, extra = left.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found.add(name)
        try:
            needed = [Requirement(text) for text in requires(requirement.name) or []]
        except PackageNotFoundError:
            continue
        new = [one for one in needed if canonicalize_name(one.name) not in found or one.extras]
        left += [(one, extra) for one in new for extra in ["", *requirement.extras]]
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint has no package for Windows")
def test_the_linter_accepts_the_dockerfile() -> None:
    done = hadolint(DOCKERFILE.read_text("utf-8"))
    assert not done.returncode, done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint has no package for Windows")
def test_the_linter_finds_errors() -> None:
    done = hadolint("FROM python\nADD amt /amt\nRUN apt-get install x\nENTRYPOINT amt serve\n")
    assert {"DL3006", "DL3020", "DL3008", "DL3025"} <= set(re.findall(r"DL\d+", done.stdout))


def test_the_dockerfile_names_no_host() -> None:
    assert "://" not in DOCKERFILE.read_text("utf-8")


def test_the_server_is_the_entrypoint_and_not_root() -> None:
    final = dict(steps(1))
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final["USER"])
    assert json.loads(final["ENTRYPOINT"]) == ["amt", "serve"]
    assert final["EXPOSE"] == "8080"
    assert "AMT_HOST=0.0.0.0" in final["ENV"].split()


def test_dockerignore_admits_exactly_what_is_copied() -> None:
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text("utf-8").split()
    assert ignored[0] == "*"
    admitted = {line[1:] for line in ignored if line.startswith("!")}
    copied = {name for word, rest in steps(0) if word == "COPY" for name in rest.split()[:-1]}
    assert copied == admitted
    assert all((ROOT / name).exists() for name in copied)


def test_container_requirements_are_a_subset_of_the_package() -> None:
    package = [*PROJECT["project"]["dependencies"], *names_of_extra("serve")]
    assert set(SERVING) - {"onnxruntime>=1.20"} <= set(package)
    assert set(APP) - set(SERVING) <= {*package, *names_of_extra("app"), *names_of_extra("score")}
    assert not names(SERVING) & set(NOT_FOR_SERVING)


def names_of_extra(extra: str) -> list[str]:
    return PROJECT["project"]["optional-dependencies"][extra]


def runs_with_only(requirements: Iterable[str], script: str) -> str:
    """What a script prints where only these packages can be imported."""
    kept = closure(requirements)
    hidden = {
        package
        for package, distributions in packages_distributions().items()
        if not {canonicalize_name(name) for name in distributions} & kept
    }
    assert {"lightning", "nnAudio", "wandb"} <= hidden
    before = f"""
import sys
hidden = {hidden - {"amt"} - set(sys.builtin_module_names)!r}
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hide())
"""
    done = subprocess.run(
        [sys.executable, "-c", before + script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert not done.returncode, done.stderr[-2000:]
    return done.stdout


def test_serving_runs_with_only_the_packages_of_the_container() -> None:
    script = """
import amt.cli
import amt.serving.server
import amt.cloud.storage
from google.cloud.storage import Client
from amt.serving.settings import Settings
from amt.serving.model import load_model
from amt.io.midi import midi_bytes
print(load_model(Settings()).name)
"""
    assert runs_with_only(SERVING, script) == "base\n"


def test_the_app_runs_with_only_the_packages_of_its_container(tmp_path: Path) -> None:
    script = f"""
import io, time
import google.genai
import numpy as np
import soundfile
from amt.app.application import create_app
from amt.app.settings import AppSettings
from amt.serving.settings import Settings
from amt.serving.model import load_model
import amt.app.server
from amt.answers.gemini import answer
from amt.answers.piece import Piece
from amt.evaluation.plots import piano_roll_figure
from amt.inference.transcriber import Options
from amt.inference.writers import load_player
from amt.notes import Notes
from amt.page.describe import describe
create_app(AppSettings(lake={str(tmp_path)!r}))
done = load_model(Settings()).transcriber.run(np.zeros(32000, np.float32), Options("key"))
onset = np.arange(80) * 0.5
notes = Notes(onset, onset + 0.4, 60 + np.arange(80) % 7, np.full(80, 64))
describe(notes, np.zeros(32000, np.float32), load_player(None))
piano_roll_figure(notes, 40.0, title="")
print(answer("Summary, sections and key?", Piece(notes, 40.0), None).source)
"""
    assert runs_with_only(APP, script) == "offline\n"


@pytest.mark.slow
def test_the_steps_build_a_small_environment_that_serves() -> None:
    # Not tmp_path, which pytest keeps: PyTorch with CUDA has gigabytes.
    with tempfile.TemporaryDirectory(prefix="amt-container-") as scratch:
        environment, work = Path(scratch) / "environment", Path(scratch) / "build"
        work.mkdir()
        torch_size = build(environment, work)
        size = megabytes(environment) - torch_size
        print(f"\n{size:.0f} MB beside torch, which takes {torch_size:.0f} MB")
        assert size <= MAX_MEGABYTES
        script = f"import importlib.util as u; print(*map(u.find_spec, {NOT_FOR_SERVING}))"
        python = environment / "bin" / "python"
        found = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
        assert set(found.stdout.split()) == {"None"}
        check_server(environment)


def build(environment: Path, work: Path) -> float:
    """Run the steps of both stages; returns the megabytes that installing torch added."""
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    variables.pop("PYTHONPATH", None)
    added = 0.0
    for word, rest in [*steps(0), *steps(1)]:
        if word == "ARG":
            name, _, value = rest.partition("=")
            variables[name] = value.strip('"')
        elif word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                copy(ROOT / name, work / name)
        elif word == "RUN":
            before = megabytes(environment)
            is_torch = '"torch>=' in rest
            # Without bytecode of torch, which takes minutes to compile and is not counted.
            given = {**variables, "PIP_NO_COMPILE": "1"} if is_torch else variables
            command = rest.replace(ENVIRONMENT, str(environment))
            subprocess.run(command, shell=True, cwd=work, env=given, check=True)
            added += megabytes(environment) - before if is_torch else 0.0
    return added


def megabytes(folder: Path) -> float:
    """Size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def check_server(environment: Path) -> None:
    """The entry point starts, answers requests, and ends on SIGTERM."""
    address = free_port()
    variables = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "AIP_HTTP_PORT": str(address)}
    command = json.loads(dict(steps(1))["ENTRYPOINT"])
    process = subprocess.Popen(
        [environment / "bin" / command[0], *command[1:]], env=variables, cwd="/"
    )
    try:
        for answer in responses(f"http://127.0.0.1:{address}/health", process):
            assert answer["status"] == "ready"
        body = json.dumps({"instances": [encoded(clip(2))]}).encode()
        for answer in responses(f"http://127.0.0.1:{address}/predict", process, body):
            assert answer["predictions"][0]["model"]["name"] == "base"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def responses(address: str, process: subprocess.Popen, body: bytes | None = None) -> Iterator[dict]:
    """Yield one response, as soon as the server answers."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body), timeout=60) as found:
                yield json.load(found)
                return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, "the server ended"
            time.sleep(0.2)
    pytest.fail(f"{address} did not answer within two minutes")
