"""The server's settings and limits, read from environment variables.

Not pydantic-settings: measured, it needs about as many lines (its multi-line errors must be
flattened to one line that names the variable), two more packages in the container, and it reads the
environment in every `Settings()`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from amt.cloud.objects import split_place
from amt.cloud.storage import AllowedPrefixes, StorageError
from amt.inference.pretrained import DEFAULT

# Vertex AI sets these; the variable of every other field is AMT_ and the field's name.
_VERTEX_VARIABLES = {
    "port": "AIP_HTTP_PORT",
    "health_route": "AIP_HEALTH_ROUTE",
    "predict_route": "AIP_PREDICT_ROUTE",
    "storage_uri": "AIP_STORAGE_URI",
}
TRANSCRIBE_ROUTE = "/transcribe"
METRICS_ROUTE = "/metrics"
_RESERVED_ROUTES = {TRANSCRIBE_ROUTE, METRICS_ROUTE, "/docs", "/redoc", "/openapi.json"}
_ROUTE = re.compile(r"(/[A-Za-z0-9._~:-]+)+")


@dataclass(frozen=True)
class Settings:
    """The settings of one server; README.md in this folder has the table of variables.

    Raises ValueError for an invalid value: one line that names the environment variable.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    health_route: str = "/health"
    predict_route: str = "/predict"
    # Folder, local or gs://, with an exported model or one file of weights; empty: use `model`.
    storage_uri: str = ""
    model: str = DEFAULT  # name of a pretrained model
    device: str = "auto"
    backend: str = "auto"  # of an exported model: torchscript or onnx
    monitoring: str = ""  # folder or gs:// for the numbers of recordings; off: none are measured
    allowed_uris: tuple[str, ...] = ()  # gs:// prefixes from which audio_uri may be read

    # Sizes in bytes; larger ones are answered with 413.
    max_body_bytes: int = 10_000_000  # body of a request to predict_route
    max_upload_bytes: int = 25_000_000  # body of a request to /transcribe
    max_object_bytes: int = 100_000_000  # recording in Cloud Storage
    max_audio_seconds: float = 1200.0  # duration of one recording; longer ones: 413
    max_instances: int = 16  # recordings in one request to predict_route
    max_requests: int = 64  # requests in progress, including waiting ones; further ones: 429
    body_seconds: float = 30.0  # for a request body to arrive; slower ones: 408
    timeout_seconds: float = 60.0  # for a response; slower ones: 503
    threads: int = 0  # CPU threads; 0: as many as PyTorch uses

    def __post_init__(self) -> None:
        self._check_routes()
        self._check_numbers()
        try:
            AllowedPrefixes(self.allowed_uris)
        except StorageError as error:
            raise ValueError(f"{variable_name('allowed_uris')}: {error}") from error
        try:
            if "://" in self.monitoring:
                split_place(self.monitoring)
        except StorageError as error:
            expected = "a folder, gs://BUCKET[/PREFIX] or off"
            raise ValueError(f"{variable_name('monitoring')}: {error}; or {expected}") from error

    def _check_routes(self) -> None:
        for name in ("health_route", "predict_route"):
            route = getattr(self, name)
            if not _ROUTE.fullmatch(route) or route in _RESERVED_ROUTES:
                example = f"/{name.removesuffix('_route')}"
                expected = f"a path such as {example}, and none that the server uses itself"
                raise ValueError(f"{variable_name(name)}={route!r}: expected {expected}")
        if self.health_route == self.predict_route:
            both = f"{variable_name('health_route')} and {variable_name('predict_route')}"
            raise ValueError(f"{both} are both {self.predict_route}: expected two paths")

    def _check_numbers(self) -> None:
        check_numbers(self, may_be_zero=("threads",))
        if self.port > 65535:
            raise ValueError(f"{variable_name('port')}={self.port}: expected a port up to 65535")

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """The settings in environment variables; `overrides` win. Raises ValueError."""
        return Settings(**{**read_variables(Settings, environment), **overrides})


def read_variables(settings: type, environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a dataclass that are set by environment variables. Raises ValueError."""
    names = {field.name: variable_name(field.name) for field in fields(settings)}
    return {
        field.name: _parse(names[field.name], environment[names[field.name]], field.type)
        for field in fields(settings)
        if environment.get(names[field.name], "").strip()
    }


def check_numbers(settings: Any, may_be_zero: Collection[str]) -> None:
    """Raise ValueError if a number is below 1, or 0 where that has a meaning, or not finite."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        minimum = 0 if field.name in may_be_zero else 1
        if isinstance(value, int | float) and not minimum <= value < float("inf"):
            expected = f"expected a number from {minimum} on"
            raise ValueError(f"{variable_name(field.name)}={value}: {expected}")


def variable_name(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return _VERTEX_VARIABLES.get(field, f"AMT_{field.upper()}")


def _parse(name: str, text: str, kind: Any) -> Any:
    """The value of a variable; `kind` is the annotation of the field, as text."""
    text = text.strip()
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError as error:
        raise ValueError(f"{name}={text!r}: expected a number") from error
    if kind == "str":
        return text
    return tuple(part.strip() for part in text.split(",") if part.strip())
