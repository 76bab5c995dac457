"""Commands, configuration keys, files and links in the documents exist. Nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_configs import ROOT, composed

from amt import cli

README = ROOT / "README.md"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "experiments/**/*.md", "amt/**/*.md")
    for path in ROOT.glob(pattern)
)
# Blocks inside a list are indented.
SHELL_BLOCK = re.compile(
    r"^( *)```(?:sh|bash|shell|console)\n(.*?)^\1```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
# Files and folders of the project in code spans. Words in capitals are placeholders; conf/local/
# is each user's own.
NAMED_PATH = re.compile(r"`((?:amt|conf(?!/local)|experiments|tests)/[\w./-]*)`")
CONFIGS = {"train.py": "config", "evaluate.py": "evaluate"}
HYDRA_FLAGS = {"-m", "--multirun", "--help", "--info"}


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in the shell blocks of a document, in order."""
    for _, block in SHELL_BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if set(word) <= set(";&|<>"):
                    yield words
                    words = []
                else:
                    words.append(word)


def program(words: list[str]) -> tuple[str, list[str]]:
    """The program of a command, without its folder and `python`, and its arguments."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if not words:
        return "", []
    name, *rest = Path(words[0]).name, *words[1:]
    if re.fullmatch(r"python[\d.]*", name) and rest and rest[0].endswith(".py"):
        return rest[0], rest[1:]
    return name, rest


def check(words: list[str]) -> None:
    """Raises an error or SystemExit if a command names something that does not exist."""
    name, arguments = program(words)
    if name.endswith(".py"):
        assert (ROOT / name).is_file(), f"there is no {name}"
    if name in CONFIGS:
        for overrides in runs(arguments):
            composed(overrides, CONFIGS[name])
    elif name == "amt":
        cli._parser(arguments).parse_args(arguments)
    elif name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        unknown = {word for word in arguments if "=" not in word} - set(targets)
        assert not unknown, f"the Makefile has no {unknown}"


def runs(arguments: list[str]) -> Iterator[list[str]]:
    """The overrides of each run: one list, or one for each combination of a multirun."""
    overrides = [word for word in arguments if word not in HYDRA_FLAGS]
    if not {"-m", "--multirun"} & set(arguments):
        yield overrides
        return
    parsed = OverridesParser.create().parse_overrides(overrides)
    values = [
        [f"{p.get_key_element()}={value}" for value in p.sweep_string_iterator()]
        if p.is_sweep_override()
        else [p.input_line or ""]
        for p in parsed
    ]
    yield from map(list, product(*values))


FOUND = [(path, words) for path in DOCUMENTS for words in commands(path.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("path", "words"), FOUND, ids=[f"{path.name}: {' '.join(words)}" for path, words in FOUND]
)
def test_commands_in_the_documents_are_valid(path: Path, words: list[str]) -> None:
    try:
        check(words)
    except SystemExit as end:
        assert not end.code, f"{path.name}: {' '.join(words)}"


def test_the_readme_shows_how_to_train_score_and_transcribe() -> None:
    shown = {program(words)[0] for path, words in FOUND if path == README}
    assert {"train.py", "evaluate.py", "amt", "make"} <= shown


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def document_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=document_id)
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text("utf-8")):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=document_id
)
def test_paths_named_in_the_documents_exist(path: Path) -> None:
    for named in NAMED_PATH.findall(path.read_text("utf-8")):
        if not re.search("[A-Z]{3}", named.removesuffix(".md")):
            assert (ROOT / named).exists(), named


def test_anchors_are_those_of_github() -> None:
    assert anchors("# One\n\n## 2026-11-26: `base` grown, by two\n") == {
        "one",
        "2026-11-26-base-grown-by-two",
    }


def test_commands_are_found_in_all_their_forms() -> None:
    text = (
        "```sh\n$ make demo  # a comment\nA=1 python train.py -m \\\n  model=lstm,cnn\n"
        "cd x && .venv/bin/amt --help | head\n```\n\n```python\nimport amt\n```\n"
        "1. A list.\n\n   ```sh\n   make test\n   ```\n"
    )
    assert [program(words) for words in commands(text) if words] == [
        ("make", ["demo"]),
        ("train.py", ["-m", "model=lstm,cnn"]),
        ("cd", ["x"]),
        ("amt", ["--help"]),
        ("head", []),
        ("make", ["test"]),
    ]
    assert list(runs(["-m", "model=lstm,cnn", "seed=1,2"]))[1] == ["model=lstm", "seed=2"]


@pytest.mark.parametrize(
    "line",
    [
        "python train.py model=lstmm",
        "python train.py --multirun model=lstm,cnn module.lr=1",
        "python evaluate.py checkpoint=best.ckpt",
        "python score.py",
        "amt transcribe a.wav --to b.mid",
        "make everything",
    ],
)
def test_invalid_commands_are_noticed(line: str) -> None:
    with pytest.raises((Exception, SystemExit)):
        check(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "python train.py -m model=lstm,cnn seed=1,2",
        "python train.py sweep=optuna",
        "python evaluate.py ckpt=runs/x/checkpoints/best.ckpt data=maps data.root=MAPS",
        ".venv/bin/amt transcribe a.mp3 b.flac --output DIR --format mid,json",
        "make demo PYTHON=python3.12",
        "ls",
    ],
)
def test_valid_commands_pass(line: str) -> None:
    check(line.split())
