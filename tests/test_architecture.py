"""Rules about the source: directions of imports, sizes of files, no pickles, one way to notes."""

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

# The folders of amt/ and the files at its top level, in the order in which audio becomes notes and
# notes become answers. Each may import those above it and itself, and no others.
ORDER = (
    "errors",
    "device",
    "notes",
    "io",
    "client",
    "features",
    "models",
    "decoding",
    "cloud",
    "synth",
    "augment",
    "data",
    "evaluation",
    "inference",
    "analysis",
    "score",
    "baselines",
    "training",
    "monitoring",
    "feedback",
    "distributed",
    "page",
    "answers",
    "serving",
    "app",
    "retraining",
    "commands",
    "cli",
)
PLACE = {name: number for number, name in enumerate(ORDER)}
MAX_TOP_LEVEL_FILES = 8

# Packages that only some modules, or those below "amt.folder.", may import; `None` stands for the
# scripts at the top level.
KEPT_APART = {
    "lightning": {
        "amt.training.freezing",
        "amt.data.datamodule",
        "amt.training.averaging",
        "amt.training.copies",
        "amt.training.lineage",
        "amt.training.log_scores",
        "amt.training.media",
        "amt.training.module",
        "amt.training.pictures",
        "amt.training.report",
        "amt.training.step_metrics",
        "amt.training.tracking",
        None,
    },
    "hydra": {"amt.training.overrides", None},
    "omegaconf": {"amt.training.overrides", None},
    "wandb": {
        "amt.training.lineage",
        "amt.training.log_scores",
        "amt.training.media",
        "amt.training.tracking",
    },
    "mir_eval": {"amt.evaluation.metrics"},
    "mido": {"amt.io.midi"},
    "skops": {"amt.baselines.estimators"},
    "matplotlib": {"amt.evaluation.excerpts", "amt.evaluation.plots"},
    "nnAudio": {"amt.features.frontends"},
    "google": {"amt.client", "amt.cloud."},
    "requests": {"amt.client", "amt.cloud.", "amt.monitoring.webhook"},
    "fastapi": {"amt.app.", "amt.serving."},
    "starlette": {"amt.app.", "amt.serving."},
    "ray": {"amt.distributed."},
    "functions_framework": {"amt.app.function"},
    "uvicorn": {"amt.app.server", "amt.serving.server"},
    "prometheus_client": {"amt.app.", "amt.monitoring.prometheus", "amt.serving."},
    "onnx": {"amt.inference.backends.onnx"},
    "onnxruntime": {"amt.inference.backends.onnx"},
    "kfp": {"amt.retraining.pipeline"},
    "typst": {"amt.score.render"},
    "verovio": {"amt.score.render"},
    "yaml": {"amt.cloud.vertex_pipelines", "amt.retraining.settings"},
}
# Packages that transcribing must not import.
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

    `from amt import audio` gives amt.io.audio, `from amt.notes import Notes` amt.notes.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute: from amt.x import y"
            module = node.module or ""
            inside = [f"{module}.{alias.name}" for alias in node.names]
            yield from [name for name in inside if name in TREES] or [module]


def stage(module: str) -> str:
    """`data` for amt.data.cache; nothing for the package itself."""
    return module.split(".")[1] if "." in module else ""


def test_every_stage_has_a_place() -> None:
    stages = {stage(module) for module in TREES} - {""}
    assert stages == set(ORDER), (
        f"give {sorted(stages ^ set(ORDER))} a place in ORDER (or take it out): as early as what "
        "it imports allows"
    )


def test_few_files_at_the_top_level() -> None:
    assert len(list((ROOT / "amt").glob("*.py"))) <= MAX_TOP_LEVEL_FILES


@pytest.mark.parametrize("module", TREES)
def test_imports_go_one_way(module: str) -> None:
    for imported in imports(TREES[module]):
        if imported.split(".")[0] != "amt" or imported == "amt" or module == "amt":
            continue
        here, there = stage(module), stage(imported)
        assert here == there or PLACE[there] < PLACE[here], f"{module} imports {imported}"


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
    assert users, f"no module imports {package}: remove it from KEPT_APART"
    allowed = KEPT_APART[package]
    folders = tuple(name for name in allowed if name and name.endswith("."))
    others = {user for user in users - allowed if not (user and user.startswith(folders))}
    assert not others, f"{package} is imported by {others}"


@pytest.mark.parametrize("module", ALL_TREES)
def test_torchscript_stays_in_one_file(module: str) -> None:
    """It is deprecated upstream: what will have to go should be found in one place."""
    uses = any(
        isinstance(node, ast.Attribute) and ast.unparse(node).startswith("torch.jit.")
        for node in ast.walk(ALL_TREES[module])
    ) or any(imported.startswith("torch.jit") for imported in imports(ALL_TREES[module]))
    assert uses == (module == "amt.inference.backends.torchscript")


# Modules outside amt/decoding that may call a decoder: everything else uses Transcriber.run.
MAY_DECODE = (
    "amt.inference.transcriber",
    "amt.inference.note_reporter",
    "amt.evaluation.",
    "amt.training.module",
)


@pytest.mark.parametrize("module", ALL_TREES)
def test_only_the_transcriber_decodes(module: str) -> None:
    """There is one way from a recording to notes; scores need decoders with other thresholds."""
    if not module.startswith(("amt.decoding.", *MAY_DECODE)):
        lines = list(decoder_calls(ALL_TREES[module]))
        assert not lines, f"{module}:{lines}: use Transcriber.run"


def test_the_transcriber_decodes() -> None:
    assert list(decoder_calls(TREES["amt.inference.transcriber"]))


def decoder_calls(tree: ast.AST) -> Iterator[int]:
    """Lines that call or take the method `decode` of a decoder.

    Not those of bytes: their encoding is given as a string, or nothing is.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_decode(node.func):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if not all(_is_text(argument) for argument in given):
                yield node.lineno
        elif isinstance(node, ast.Call):
            yield from (argument.lineno for argument in node.args if _is_decode(argument))


def _is_decode(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "decode"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize(
    ("source", "calls"),
    [
        ("self.decoder.decode(posteriors, rate)", 1),
        ("decoder.decode(posteriors=p, frame_rate=31.25)", 1),
        ("partial(decoder.decode, frame_rate=rate)", 1),
        ("data.decode()", 0),
        ("data.decode('utf-8', errors='replace')", 0),
    ],
)
def test_calls_of_decoders_are_noticed(source: str, calls: int) -> None:
    assert len(list(decoder_calls(ast.parse(source)))) == calls


def test_transcribing_does_not_load_what_training_needs() -> None:
    script = (
        "import sys, amt.inference.transcriber, amt.cli, amt.inference.batch\n"
        f"print(*[name for name in {TRAINING_ONLY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []


def test_help_of_amt_does_not_load_torch() -> None:
    script = (
        "import sys; from amt.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split()[-1] == "False"


@pytest.mark.parametrize("path", SOURCES + SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < MAX_LINES
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")


@pytest.mark.parametrize("module", ALL_TREES)
def test_every_file_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(ALL_TREES[module])


@pytest.mark.parametrize("module", ALL_TREES)
def test_nothing_is_pickled(module: str) -> None:
    assert not list(pickling(ALL_TREES[module]))


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
