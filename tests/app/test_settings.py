"""Settings from environment variables, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from amt.app.server import serve, welcome
from amt.app.settings import AppSettings
from amt.cli import main
from amt.io.locks import locked
from amt.serving.settings import Settings


def test_the_defaults_are_for_this_machine() -> None:
    settings = AppSettings.from_environment({})
    assert settings.server.host == "127.0.0.1" and settings.server.port == 8080
    assert settings.place == Path("~/amt-lake").expanduser()
    assert settings.server.max_upload_bytes == 100_000_000
    assert settings.hosts[:2] == ("localhost", "127.0.0.1")


def test_variables_and_overrides() -> None:
    environment = {
        "PORT": "9000",
        "AMT_HOST": "0.0.0.0",
        "AMT_LAKE": "gs://bucket/lake",
        "AMT_MAX_RECORDINGS": "3",
        "AMT_MAX_UPLOAD_BYTES": "5",
        "AMT_TRUSTED_PROXIES": "0",
        "AMT_ALLOWED_HOSTS": "a.example, b.example",
    }
    settings = AppSettings.from_environment(environment, model="fast")
    assert settings.server.port == 9000 and settings.server.model == "fast"
    assert settings.place == "gs://bucket/lake" and settings.max_recordings == 3
    assert settings.server.max_upload_bytes == 5
    assert settings.hosts == ("a.example", "b.example")
    assert AppSettings.from_environment({**environment, "AIP_HTTP_PORT": "1"}).server.port == 1
    assert AppSettings.from_environment(environment, lake="x", port=2).lake == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMT_LAKE", "gs://"),
        ("AMT_LAKE", "s3://bucket"),
        ("AMT_MAX_RECORDINGS", "0"),
        ("AMT_REQUESTS_PER_MINUTE", "nan"),
        ("AMT_MAX_DAYS", "-1"),
        ("AMT_TRUSTED_PROXIES", "-1"),
        ("AMT_MAX_STORED_BYTES", "1GB"),
        ("AMT_MAX_UPLOAD_BYTES", "0"),
    ],
)
def test_invalid_values_raise_one_line_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name) as error:
        AppSettings.from_environment({name: value})
    assert "\n" not in str(error.value)


def test_the_command_names_a_lake_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file")
    assert main(["app", "--lake", place]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"amt: the data lake {place}: ") and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--port", "99999", "'99999': expected a port from 1 to 65535"),
        ("--port", "0", "'0': expected a port from 1 to 65535"),
        ("--port", "http", "'http': expected a port from 1 to 65535"),
        ("--lake", "gs://", "'gs://': expected gs://BUCKET or gs://BUCKET/PREFIX"),
        ("--lake", "s3://bucket", "'s3://bucket': expected gs://BUCKET or gs://BUCKET/PREFIX"),
        ("--lake", "", "it is empty: expected a path, or gs://BUCKET[/PREFIX]"),
        ("--ckpt", "gs://", "'gs://': expected gs://BUCKET or gs://BUCKET/PREFIX"),
        ("--model", "nosuch", "invalid choice: 'nosuch'"),
    ],
)
def test_an_error_in_an_option_names_the_option(
    option: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["app", option, value])
    error = capsys.readouterr().err
    assert f"argument {option}: {expected}" in error and "AMT_" not in error


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        (AppSettings(), False),
        (AppSettings(server=Settings(host="::1")), False),
        (AppSettings(server=Settings(host="0.0.0.0")), True),
        (AppSettings(server=Settings(host="192.168.1.5")), True),
        (AppSettings(server=Settings(host="0.0.0.0"), trusted_proxies=1), False),
    ],
)
def test_an_address_that_others_reach_is_warned_of(
    settings: AppSettings, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    welcome(settings)
    captured = capsys.readouterr()
    assert captured.out.startswith("amt app: open http://")
    assert captured.err.count("\n") == warned == ("without a login" in captured.err)


def test_a_folder_is_used_by_one_app(tmp_path: Path) -> None:
    settings = AppSettings(lake=str(tmp_path))
    with locked(tmp_path / ".app.lock"), pytest.raises(ValueError, match="another app is using it"):
        serve(settings)
