"""The settings of the app, read from environment variables."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amt.cloud.objects import is_bucket_uri, split_place
from amt.cloud.storage import StorageError
from amt.io.folders import user_path
from amt.serving.settings import Settings, check_numbers, read_variables, variable_name

DEFAULT_LAKE = "~/amt-lake"
_MAY_BE_ZERO = ("trusted_proxies",)
# Other defaults than those of `amt serve`: here recordings are longer, and answers may wait.
_DEFAULTS = {"AMT_MAX_UPLOAD_BYTES": "100000000", "AMT_TIMEOUT_SECONDS": "600"}


@dataclass(frozen=True)
class AppSettings:
    """The settings of one app; README.md in this folder has the table of variables.

    server: model, address and limits that it shares with `amt serve`. Raises ValueError for an
    invalid value: one line that names the environment variable.
    """

    server: Settings = field(default_factory=Settings)
    lake: str = DEFAULT_LAKE  # folder, or gs://BUCKET[/PREFIX]
    vertex_endpoint: str = ""  # projects/.../endpoints/ID: transcribes instead of this process
    vertex_address: str = ""  # https://..., in place of that of the region
    allowed_hosts: tuple[str, ...] = ()  # names by which browsers may reach it; empty: see `hosts`
    trusted_proxies: int = 0  # proxies in front that add to X-Forwarded-For

    # Per client, and per address; beyond it 429.
    requests_per_minute: float = 600.0
    work_per_minute: float = 60.0  # uploads, questions and corrections
    max_waiting: int = 20  # recordings of one client that are not transcribed yet; more: 429
    max_streams: int = 100  # event streams that are open at once; more: 503

    # Stored recordings; the oldest without corrections make room for new ones, else 507.
    max_recordings: int = 50  # of one client
    max_stored_bytes: int = 10_000_000_000  # of all clients, with the results of POST /
    max_days: float = 30.0  # then they are removed

    def __post_init__(self) -> None:
        check_numbers(self, _MAY_BE_ZERO)
        try:
            if "://" in self.lake:
                split_place(self.lake)
        except StorageError as error:
            raise ValueError(f"{variable_name('lake')}: {error}") from error

    @property
    def place(self) -> str | Path:
        """The place of the lake, as `open_lake` takes it."""
        return self.lake if is_bucket_uri(self.lake) else user_path(self.lake)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Values of the header Host that are accepted, without port; empty: all.

        On a loopback address only its names are: a page of another site, whose name its owner lets
        point to 127.0.0.1, could read everything otherwise (DNS rebinding).
        """
        if self.allowed_hosts or not is_loopback(self.server.host):
            return self.allowed_hosts
        return ("localhost", "127.0.0.1", "[::1]", self.server.host)

    @staticmethod
    def from_environment(
        environment: Mapping[str, str] = os.environ, **overrides: Any
    ) -> AppSettings:
        """The settings in environment variables; `overrides` win, by field. Raises ValueError.

        PORT, which Cloud Run sets, counts if AIP_HTTP_PORT is not set.
        """
        given = {**_DEFAULTS, "AIP_HTTP_PORT": environment.get("PORT", ""), **environment}
        own = {name: overrides.pop(name) for name in ("lake",) if name in overrides}
        found = read_variables(AppSettings, given)
        return AppSettings(
            **{**found, "server": Settings.from_environment(given, **overrides), **own}
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
