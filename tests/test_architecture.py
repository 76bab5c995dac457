"""The house rules that can be read off the source: who imports whom, and what nobody does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "amt").rglob("*.py"))
SCRIPTS = [ROOT / "train.py", ROOT / "evaluate.py"]
MAX_LINES = 300

# From the ground up. A room may import rooms of lower floors and itself, and no others.
FLOORS = (
    {"errors", "files", "mp3", "muon", "smf", "options", "transforms"},
    {"hardware", "notes", "checkpoints", "threads"},
    {"audio", "midi", "bundled", "cloud"},
    {"card", "features", "responses", "rolls", "decoding", "losses", "metrics"},
    {"augment", "hmm", "models", "synth", "report"},
    {"build", "data", "engines", "formats"},
    {"classical", "module", "transcriber"},
    {"evaluation", "batch", "export"},
    {"portrait", "serving", "tracking"},
    {"training"},
    {"commands"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# Packages that only some may know; `None` in place of a module stands for the scripts.
KEPT_APART = {
    "lightning": {"amt.module", "amt.data.datamodule", "amt.tracking", "amt.training", None},
    "hydra": {None},
    "omegaconf": {None},
    "wandb": {"amt.tracking"},
    "mir_eval": {"amt.metrics"},
    "mido": {"amt.midi"},
    "matplotlib": {"amt.report"},
    "nnAudio": {"amt.features"},
    "google": {"amt.cloud.storage", "amt.cloud.vertex"},
    "fastapi": {"amt.serving.app"},
    "uvicorn": {"amt.serving.server"},
    "prometheus_client": {"amt.serving.app", "amt.serving.measures"},
    "onnx": {"amt.engines.onnx_program"},
    "onnxruntime": {"amt.engines.onnx_program"},
}
# What someone who only wants notes must not wait for.
TRAINING_ONLY = (
    "lightning",
    "hydra",
    "wandb",
    "matplotlib",
    "sklearn",
    "optuna",
    "onnx",
    "onnxruntime",
)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


TREES = {module_name(path): ast.parse(path.read_text("utf-8")) for path in SOURCES}
SCRIPT_TREES = {path.name: ast.parse(path.read_text("utf-8")) for path in SCRIPTS}
ALL_TREES = TREES | SCRIPT_TREES


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all imported modules, wherever in the file; of `amt` itself, to the module.

    `from amt import audio` gives amt.audio, `from amt.notes import Notes` amt.notes.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute: from amt.x import y"
            module = node.module or ""
            inside = [f"{module}.{alias.name}" for alias in node.names]
            yield from [name for name in inside if name in TREES] or [module]


def room(module: str) -> str:
    """`data` for amt.data.cache; nothing for the package itself, which has only its version."""
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_a_floor() -> None:
    rooms = {room(module) for module in TREES} - {""}
    assert rooms == set(FLOOR), (
        f"give {sorted(rooms ^ set(FLOOR))} a place in FLOORS (or take it out): as low as what it "
        "imports allows"
    )


@pytest.mark.parametrize("module", TREES)
def test_lower_floors_never_import_higher_ones(module: str) -> None:
    for imported in imports(TREES[module]):
        if imported.split(".")[0] != "amt" or imported == "amt":
            continue
        here, there = room(module), room(imported)
        assert here == there or FLOOR[there] < FLOOR[here], f"{module} imports {imported}"


def test_no_circle_of_imports() -> None:
    graph = {module: set(imports(tree)) & set(TREES) for module, tree in TREES.items()}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("package", KEPT_APART)
def test_packages_stay_where_they_belong(package: str) -> None:
    users = {
        name if name in TREES else None
        for name, tree in ALL_TREES.items()
        if any(imported.split(".")[0] == package for imported in imports(tree))
    }
    assert users, f"nobody imports {package}: take it out of KEPT_APART"
    assert users <= KEPT_APART[package], f"{package} is imported by {users - KEPT_APART[package]}"


@pytest.mark.parametrize("module", ALL_TREES)
def test_torchscript_stays_in_one_file(module: str) -> None:
    """It is deprecated upstream: what will have to go should be found in one place."""
    uses = any(
        isinstance(node, ast.Attribute) and ast.unparse(node).startswith("torch.jit.")
        for node in ast.walk(ALL_TREES[module])
    ) or any(imported.startswith("torch.jit") for imported in imports(ALL_TREES[module]))
    assert uses == (module == "amt.engines.torchscript")


def test_transcribing_does_not_load_what_training_needs() -> None:
    script = (
        "import sys, amt.transcriber, amt.cli, amt.batch\n"
        f"print(*[name for name in {TRAINING_ONLY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", SOURCES + SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < MAX_LINES
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")


@pytest.mark.parametrize("module", ALL_TREES)
def test_every_file_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(ALL_TREES[module])


@pytest.mark.parametrize("module", ALL_TREES)
def test_nothing_is_pickled(module: str) -> None:
    for offence in pickling(ALL_TREES[module]):
        pytest.fail(f"{module}:{offence}")


def pickling(tree: ast.AST) -> Iterator[str]:
    """Lines that read or write pickles: the module itself, or a loader that would accept them.

    The name of its error may be used, since torch.load raises it for what it refuses to unpickle.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and _imports_pickle(node):
            yield f"{node.lineno} imports a pickler"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
            if node.attr != "UnpicklingError":
                yield f"{node.lineno} uses pickle.{node.attr}"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called == "torch.load" and given.get("weights_only") != "True":
                yield f"{node.lineno} torch.load without weights_only=True"
            if called.startswith(("np.", "numpy.")) and "True" in given.get("allow_pickle", ""):
                yield f"{node.lineno} {called} with pickles"


def _imports_pickle(node: ast.Import | ast.ImportFrom) -> bool:
    picklers = {"cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    if isinstance(node, ast.Import):
        return any(alias.name in picklers for alias in node.names)
    if node.module == "pickle":
        return any(alias.name != "UnpicklingError" for alias in node.names)
    return node.module in picklers


@pytest.mark.parametrize(
    "source",
    [
        "import dill",
        "from pickle import loads",
        "import pickle\npickle.loads(b'')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_pickles_are_noticed(source: str) -> None:
    assert list(pickling(ast.parse(source)))


def test_what_is_safe_is_not_mistaken_for_a_pickle() -> None:
    source = (
        "import pickle\ntorch.load(path, weights_only=True)\nnp.load(path, allow_pickle=False)\n"
        "np.load(path)\nexcept_ = pickle.UnpicklingError"
    )
    assert not list(pickling(ast.parse(source)))
