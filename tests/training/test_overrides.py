"""Paths on the command line of train.py and evaluate.py, as they are typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_configs import composed
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from amt.training.overrides import expand_home, override, readable, with_overrides_of_run

PATHS = [
    "/data/a=b",
    "/data/a (1)",
    "/data/it's",
    '/data/"quoted"',
    "/data/\u00fcber",
    "/data/e\u0301tude",
    "/data/\u65e5\u672c \U0001f600",
    "/data/a[1]",
    "/data/{a}",
    "/data/$HOME#%&;!*?",
    "~/MAPS",
    "-takes",
    "C:\\Users\\Me\\Music\\",
    "\\\\server\\share (1)\\it's\\",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_it_is_typed(path: str) -> None:
    words = readable(["data=folder", f"paths.recordings={path}"])
    assert composed(words).data.sources.folder.root == path


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=1, max_size=20).filter(lambda text: "$" not in text))
def test_any_text_can_be_quoted(text: str) -> None:
    assert OverridesParser.create().parse_override(override("key", text)).value() == text


@pytest.mark.parametrize(
    "word",
    ["model=lstm", "seed=2", "init=null", "tags=[a,b]", "paths.maps='/a b'", "~logger", "-m",
     "+trainer.max_steps=3", "data.cache=${paths.runs}/c", "paths.maps=/a\\,b", "--help"],
)  # fmt: skip
def test_what_hydra_reads_is_left_as_it_is(word: str) -> None:
    assert readable([word]) == [word]


def test_commas_stand_for_several_runs_only_in_a_multirun() -> None:
    assert readable(["-m", "seed=1,2"]) == ["-m", "seed=1,2"]
    with pytest.raises(ValueError, match="several runs, which need -m") as error:
        readable(["paths.maps=/a,b"])
    typed = re.search("type (.*)", str(error.value))
    assert typed and "\n" not in str(error.value)
    (word,) = shlex.split(typed[1])
    assert composed([word, "data=maps"]).data.sources.maps.root == "/a,b"


@pytest.mark.parametrize("word", ["tags=[a (1),b]", "-m paths.maps=/a=b,/c"])
def test_what_may_be_meant_otherwise_is_one_line_that_says_what_to_type(word: str) -> None:
    with pytest.raises(ValueError, match="type ") as error:
        readable(word.split(maxsplit=1) if word.startswith("-m") else [word])
    assert "\n" not in str(error.value)


def test_home_folders_are_expanded_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/clara")
    monkeypatch.setenv("USERPROFILE", "/home/clara")
    monkeypatch.setenv("AMT_MAPS", "~/MAPS")
    monkeypatch.setenv("AMT_RUNS", "~/runs")
    words = ["data=maps", "init=~/a.ckpt", "data.cache=~/cache", "+pianos=['~/p','~/q']"]
    config = composed(readable(words))
    expand_home(config)
    assert config.data.sources.maps.root == "/home/clara/MAPS"
    assert (config.init, config.data.cache) == ("/home/clara/a.ckpt", "/home/clara/cache")
    assert list(config.pianos) == ["/home/clara/p", "/home/clara/q"]
    # Hydra itself makes the folder of a run.
    text = Path(__file__).parents[2].joinpath("conf", "config.yaml").read_text("utf-8")
    assert text.count("${home:${paths.runs}}") == 2
    paths = OmegaConf.create({"runs": "~/runs", "dir": "${home:${runs}}/new"})
    assert paths.dir == "/home/clara/runs/new"


def test_a_resumed_run_has_its_own_overrides_unless_they_are_given(tmp_path: Path) -> None:
    checkpoint = tmp_path / "a (1)" / "checkpoints" / "last.ckpt"
    resume = override("resume", str(checkpoint))
    assert with_overrides_of_run([resume, "seed=2"]) == [resume, "seed=2"]
    folder = checkpoint.parents[1] / ".hydra"
    folder.mkdir(parents=True)
    (folder / "overrides.yaml").write_text(
        "- model=cnn\n- seed=1\n- ~logger\n- +trainer.max_time=00:01\n- resume=old\n"
    )
    assert with_overrides_of_run(["logger=csv", resume, "seed=2"]) == [
        "model=cnn",
        "+trainer.max_time=00:01",
        "logger=csv",
        resume,
        "seed=2",
    ]
    assert with_overrides_of_run(["seed=2"]) == ["seed=2"]
    assert with_overrides_of_run(["resume=gs://b/last.ckpt"]) == ["resume=gs://b/last.ckpt"]
    assert with_overrides_of_run(["resume="]) == ["resume="]
