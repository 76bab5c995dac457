"""The settings of a retraining run: settings.yaml beside this file explains each."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import yaml

from amt.cloud.lake import Lake, StorageError
from amt.cloud.objects import is_bucket_uri
from amt.cloud.vertex_versions import VertexTarget

DEFAULTS = Path(__file__).with_name("settings.yaml")
IN_LAKE = "retraining/settings.yaml"


class SettingsError(ValueError):
    """A setting that is unknown or out of range; the message is one line."""


@dataclass(frozen=True)
class TrainSettings:
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class FixedSet:
    """A set that must not get worse by `margin`: a place, or overrides of evaluate.py."""

    margin: float = 0.01
    split: str = "test"
    place: str = ""
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.place) == bool(self.overrides):
            raise SettingsError("expected either a place or overrides")
        if not self.margin > 0:
            raise SettingsError(f"margin: {self.margin}: expected more than 0")


@dataclass(frozen=True)
class CorrectionsGate:
    gain: float = 0.0
    few_pieces: Literal["mean", "refuse"] = "mean"


@dataclass(frozen=True)
class GateSettings:
    alpha: float = 0.05
    corrections: CorrectionsGate = CorrectionsGate()
    sets: Mapping[str, FixedSet] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise SettingsError(f"alpha: {self.alpha}: expected a level between 0 and 0.5")
        if "corrections" in self.sets:
            raise SettingsError("sets.corrections: choose another name; it means the new pairs")


@dataclass(frozen=True)
class CompareSettings:
    recordings: int = 6
    answers: int = 5
    requests: int = 300
    wait_minutes: float = 10.0
    error_share: float = 0.01
    slowdown: float = 2.0
    agreement: float = 0.5
    certainty: float = 0.1


@dataclass(frozen=True)
class Settings:
    """All settings of a run. Raises SettingsError: one line that names the setting."""

    model: str = "base"
    seed: int = 1
    min_new_pairs: int = 1
    metric: str = "note_f1"
    train: TrainSettings = TrainSettings()
    gate: GateSettings = GateSettings()
    compare: CompareSettings = CompareSettings()
    vertex: VertexTarget | None = None


def read_settings(lake: Lake, file: Path | None = None) -> Settings:
    """The defaults, with what `file`, else the lake, sets otherwise.

    Mappings are merged, except gate.sets, which is replaced as a whole. Raises SettingsError,
    StorageError, OSError.
    """
    chosen = _load(file.read_text("utf-8"), str(file)) if file else _of_lake(lake)
    settings = settings_from(_merged(_load(DEFAULTS.read_text("utf-8"), str(DEFAULTS)), chosen))
    if settings.vertex and not is_bucket_uri(lake.uri):
        raise SettingsError(f"vertex: needs a lake at gs://, found {lake.uri}")
    return settings


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Settings from plain values, as YAML and JSON give them. Raises SettingsError."""
    return _build(Settings, values, "")


def plain(settings: Settings) -> dict[str, Any]:
    """The inverse of `settings_from`."""
    return dataclasses.asdict(settings)


def as_yaml(settings: Settings) -> str:
    """All settings as YAML; settings.yaml beside this file explains them."""
    lists = json.loads(json.dumps(plain(settings)))  # Tuples would be written with tags.
    return f"# Explained in {DEFAULTS}\n" + yaml.safe_dump(lists, sort_keys=False, width=100)


def _of_lake(lake: Lake) -> Mapping[str, Any]:
    try:
        return _load(lake.read(IN_LAKE).decode(), lake.object_uri(IN_LAKE))
    except StorageError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return {}


def _load(text: str, place: str) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{place}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{place}: expected settings, such as model: base")
    return found


def _merged(defaults: Any, chosen: Any, key: str = "") -> Any:
    if key == "gate.sets" or not (isinstance(defaults, dict) and isinstance(chosen, Mapping)):
        return chosen
    names = [*defaults, *(name for name in chosen if name not in defaults)]
    return {
        name: _merged(defaults.get(name), chosen[name], f"{key}.{name}".lstrip("."))
        if name in chosen
        else defaults[name]
        for name in names
    }


def _build(kind: Any, value: Any, key: str) -> Any:
    """`value` as a dataclass, a mapping, a tuple or a plain type. Raises SettingsError."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, key)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        if value not in arguments:
            raise SettingsError(f"{key}: {value!r}: expected {' or '.join(arguments)}")
        return value
    if origin in (types.UnionType, typing.Union):
        inner = next(one for one in arguments if one is not type(None))
        return None if value is None else _build(inner, value, key)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_build(arguments[0], one, key) for one in value)
    if origin is not None and origin is not tuple and isinstance(value, Mapping):
        return {name: _build(arguments[1], one, f"{key}.{name}") for name, one in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is None and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    expected = "a list" if origin is tuple else "settings" if origin else f"a {kind.__name__}"
    raise SettingsError(f"{key}: {value!r}: expected {expected}")


def _build_dataclass(kind: Any, value: Any, key: str) -> Any:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{key}: {value!r}: expected settings")
    known = typing.get_type_hints(kind)
    for name in value:
        if name not in known:
            where = f"{key}.{name}".lstrip(".")
            raise SettingsError(f"{where}: unknown; expected one of {', '.join(known)}")
    made = {
        name: _build(known[name], one, f"{key}.{name}".lstrip(".")) for name, one in value.items()
    }
    try:
        return kind(**made)
    except SettingsError as error:
        raise SettingsError(f"{key}: {error}".lstrip(": ")) from error
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{key}: {' '.join(str(error).split())}") from error
