"""Paths in the settings of train.py and evaluate.py: as they are typed, with ~ for the home folder.

Hydra reads = , ( ) [ ] { } ~ # quotes and letters with accents as signs of its own, or not at all:
https://hydra.cc/docs/advanced/override_grammar/basic
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from amt.cloud.objects import is_bucket_uri
from amt.errors import warn_in_one_line
from amt.io.folders import home_expanded
from amt.training.processes import job_or, launched_number, words_of_process
from amt.training.python_3_14 import accept_help_of_hydra

# For paths that Hydra itself uses, before a script can expand them.
OmegaConf.register_new_resolver("home", home_expanded, replace=True)
# The folder of a run, and the trainer, of processes that were started together.
OmegaConf.register_new_resolver("job_or", job_or, replace=True)
OmegaConf.register_new_resolver("launched", launched_number, replace=True)

MULTIRUN = {"-m", "--multirun"}
_WORD = re.compile(r"(?P<key>[+~]{0,2}[A-Za-z_][\w/@.:]*)=(?P<value>.*)", re.DOTALL)
# A list, a dictionary or a function is not text in which a sign was forgotten.
_STRUCTURE = re.compile(r"\s*([\[{]|\w+\()")


def readable(words: Sequence[str]) -> list[str]:
    """The words of a command line, with values that Hydra cannot read quoted as text.

    Raises ValueError, one line that says what to type, for a value that may be meant otherwise: a
    list or a function with an error in it, or text with commas, which stand for several runs.
    """
    return [_readable(word, bool(MULTIRUN & set(words))) for word in words]


def make_readable(script: str) -> None:
    """Make the words of this process's command line `readable`, or end it with one line; to those
    that resume a run, add its overrides.

    Warnings of files and devices are one line, too.
    """
    warn_in_one_line(script)
    accept_help_of_hydra()
    try:
        sys.argv[1:] = words_of_process(with_overrides_of_run(readable(sys.argv[1:])))
    except ValueError as error:
        sys.exit(f"{script}: {error}")


def with_overrides_of_run(words: Sequence[str]) -> list[str]:
    """The words of a command line, after the overrides of the run that resume=PATH names, if its
    folder has them; those whose key is given anew are left out.
    """
    file = _overrides_file(words)
    if not file or not file.is_file():
        return list(words)
    given = {_key(word) for word in words}
    before = [str(word) for word in OmegaConf.load(file)]
    return [*(word for word in before if _key(word) not in given), *words]


def _overrides_file(words: Sequence[str]) -> Path | None:
    """Where Hydra kept the overrides of the run of resume=RUN/checkpoints/NAME.ckpt."""
    word = next((word for word in words if word.startswith("resume=")), "")
    parsed = _parse(word) if word else None
    place = parsed.value() if parsed else None
    if not place or is_bucket_uri(str(place)):
        return None
    return Path(home_expanded(str(place))).resolve().parent.parent / ".hydra" / "overrides.yaml"


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def expand_home(config: Any) -> None:
    """Replace ~ at the beginning of every text in a DictConfig or ListConfig by the home folder."""
    for key in config.keys() if isinstance(config, DictConfig) else range(len(config)):
        value = None if OmegaConf.is_missing(config, key) else config[key]
        if isinstance(value, str) and value.startswith("~"):
            config[key] = home_expanded(value)
        elif OmegaConf.is_config(value):
            expand_home(value)


def override(key: str, value: str) -> str:
    """KEY='VALUE' in Hydra's grammar: any text as one value."""
    # Backslashes are doubled before a quote only.
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", value)
    end = re.search(r"\\*$", escaped)
    return f"{key}='{escaped}{end[0] if end else ''}'"


def _readable(word: str, multirun: bool) -> str:
    found = _WORD.fullmatch(word)
    if found is None:
        return word
    key, value = found["key"], found["value"]
    parsed = _parse(word)
    if parsed is None and not _STRUCTURE.match(value) and not (multirun and "," in value):
        return override(key, value)
    if parsed is None and value.lstrip().startswith("["):
        reason = "Hydra cannot read this list; quote each text in it: ['a (1)','b=c']"
    elif parsed is None:
        reason = "Hydra cannot read this value"
    elif parsed.is_sweep_override() and not multirun:
        reason = "several values stand for several runs, which need -m"
    else:
        return word
    typed = _in_shell(override(key, value))
    raise ValueError(f"{word}: {reason}; if it is one text, type {typed}")


def _parse(word: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _in_shell(word: str) -> str:
    """A word in the quotes that every shell takes, where there are such."""
    return shlex.quote(word) if set(word) & set('"$`\\!') else f'"{word}"'
