"""What the server is told by its environment: where it listens, which model, how much it takes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from amt.cloud.storage import Allowed, StorageError
from amt.inference.pretrained import DEFAULT

# The variables that Vertex AI sets; every other field is AMT_ and its name.
_VERTEX = {
    "port": "AIP_HTTP_PORT",
    "health_route": "AIP_HEALTH_ROUTE",
    "predict_route": "AIP_PREDICT_ROUTE",
    "storage_uri": "AIP_STORAGE_URI",
}
TRANSCRIBE_ROUTE = "/transcribe"
METRICS_ROUTE = "/metrics"
_OWN_ROUTES = {TRANSCRIBE_ROUTE, METRICS_ROUTE, "/docs", "/redoc", "/openapi.json"}
_ROUTE = re.compile(r"(/[A-Za-z0-9._~:-]+)+")


@dataclass(frozen=True)
class Settings:
    """How the server runs. Raises ValueError, in a line that names the variable, for odd values.

    storage_uri: a folder, local or gs://, with an exported model or weights; without it the bundled
    `model`. backend: which program of an exported model computes. allowed_uris: gs:// prefixes from
    which an instance may name its recording. max_body_bytes is for predictions, max_upload_bytes
    for uploaded files, max_object_bytes for recordings in storage. max_requests: how many are in
    the house at once, those that wait included. body_seconds: within which a request must have
    arrived; timeout_seconds: within which it is answered. threads: of the processor, 0 for as many
    as torch would use.
    """

    host: str = "0.0.0.0"
    port: int = 8080
    health_route: str = "/health"
    predict_route: str = "/predict"
    storage_uri: str = ""
    model: str = DEFAULT
    device: str = "auto"
    backend: str = "auto"
    allowed_uris: tuple[str, ...] = ()
    max_body_bytes: int = 10_000_000
    max_upload_bytes: int = 25_000_000
    max_object_bytes: int = 100_000_000
    max_audio_seconds: float = 1200.0
    max_instances: int = 16
    max_requests: int = 64
    body_seconds: float = 30.0
    timeout_seconds: float = 60.0
    threads: int = 0

    def __post_init__(self) -> None:
        for name in ("health_route", "predict_route"):
            route = getattr(self, name)
            if not _ROUTE.fullmatch(route) or route in _OWN_ROUTES:
                expected = f"a path such as /{name.removesuffix('_route')}, not one of the server's"
                raise ValueError(f"{variable(name)}={route!r}: expected {expected}")
        if self.health_route == self.predict_route:
            both = f"{variable('health_route')} and {variable('predict_route')}"
            raise ValueError(f"{both} are both {self.predict_route}: expected two paths")
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "threads" else 1
            if isinstance(value, int | float) and not least <= value < float("inf"):
                expected = f"expected a number from {least} on"
                raise ValueError(f"{variable(field.name)}={value}: {expected}")
        try:
            Allowed(self.allowed_uris)
        except StorageError as error:
            raise ValueError(f"{variable('allowed_uris')}: {error}") from error
        if self.port > 65535:
            raise ValueError(f"{variable('port')}={self.port}: expected a port up to 65535")

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
        """The settings in environment variables, but those that are `given`. Raises ValueError."""
        found = {
            field.name: _parse(variable(field.name), environment[variable(field.name)], field.type)
            for field in fields(Settings)
            if environment.get(variable(field.name), "").strip()
        }
        return Settings(**{**found, **given})


def variable(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return _VERTEX.get(field, f"AMT_{field.upper()}")


def _parse(name: str, text: str, kind: Any) -> Any:
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
