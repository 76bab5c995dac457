"""Folders that the configuration names: which are not set or missing, and what to type for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from amt.cloud.objects import is_bucket_uri
from amt.data.pieces import SourceError, tidy_paths
from amt.data.rendering import BUILTIN, split_pianos

# Hydra's mark of a value that must be given.
MISSING = "???"
FOLDERS = {
    "maps": "the folder of MAPS",
    "maestro": "the folder of MAESTRO with its CSV",
    "pianos": "the folders of sampled pianos",
    "test_pianos": "the folders of sampled pianos that training leaves out",
    "recordings": "a folder of audio with MIDI or note tables",
    "corrections": "a folder that `amt feedback export` wrote",
    "rooms": "a folder of impulse responses",
    "noises": "a folder of noise recordings",
    "prepared": "a folder that `amt prepare` wrote, or gs://BUCKET/prepared/SET",
}
# Keys below `data` and `augment` whose values are folders; a piano may also be a file.
PLACES = ("root", "place", "rooms", "render", "impulse_responses", "noises")
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def require_folders(config: Mapping[str, Any], resolved: Mapping[str, Any]) -> None:
    """Raises SourceError, in one line, where `data` or `augment` needs a folder that is not set or
    does not exist, or where conf/local/default.yaml lacks its first line.

    config: the configuration as plain types, references such as ${paths.maps} kept; resolved: the
    same with references replaced.
    """
    if "local" in config:
        raise SourceError("conf/local/default.yaml must begin with the line: # @package _global_")
    used = {group: resolved.get(group) for group in ("data", "augment")}
    missing = {_origin(config, key) for key in _missing_keys(used)}
    if missing:
        raise SourceError(_advice(sorted(missing)))
    for key, place in _places(used):
        if place != BUILTIN and not Path(place).exists():
            origin = _origin(config, key)
            what = FOLDERS.get(origin.removeprefix("paths."), "a folder")
            raise SourceError(f"{origin}={place}: there is no such folder; expected {what}")


def _missing_keys(values: Any, key: str = "") -> Iterator[str]:
    """Dotted keys of all values that must be given and are not, or that are empty."""
    if values in (MISSING, ""):
        yield key
    elif isinstance(values, Mapping):
        for name, value in values.items():
            yield from _missing_keys(value, f"{key}.{name}" if key else str(name))


def _places(values: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys of all folders, and the folders; not those on Cloud Storage."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from _places(value, f"{key}.{name}" if key else str(name))
    elif key.rpartition(".")[2] in PLACES and values is not None and not is_bucket_uri(values):
        places = tidy_paths(split_pianos(values) if isinstance(values, str) else values)
        for place in places if isinstance(places, list) else [places]:
            yield key, place


def _origin(config: Mapping[str, Any], key: str) -> str:
    """The key at the end of a chain of references, e.g. of data.root: ${paths.maps}."""
    value: Any = config
    names = key.split(".")
    for index, name in enumerate(names):
        value = value[name]
        reference = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if reference:
            return _origin(config, ".".join([reference[1], *names[index + 1 :]]))
    return key


def _advice(keys: list[str]) -> str:
    """One line: what is not set, what each must be, what to type."""
    names = [key.removeprefix("paths.") for key in keys]
    expected = [FOLDERS.get(name, "a folder") for name in names]
    what = ", ".join(f"{key} ({text})" for key, text in zip(keys, expected, strict=True))
    verb, typed = "is" if len(keys) == 1 else "are", " ".join(f"{key}=DIR" for key in keys)
    variables = ", ".join(f"AMT_{name.upper()}" for name in names)
    return (
        f"{what} {verb} not set; type {typed}, or set {variables}, or write "
        "conf/local/default.yaml (see conf/paths/default.yaml)"
    )
