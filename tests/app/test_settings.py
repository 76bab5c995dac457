"""Settings from environment variables, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from amt.app.server import serve
from amt.app.settings import AppSettings
from amt.cli import main
from amt.io.locks import locked


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
    for place in ("s3://bucket", str(tmp_path / "file")):
        assert main(["app", "--lake", place]) == 1
        error = capsys.readouterr().err
        assert error.startswith("amt: AMT_LAKE") and len(error.splitlines()) == 1


def test_a_folder_is_used_by_one_app(tmp_path: Path) -> None:
    settings = AppSettings(lake=str(tmp_path))
    with locked(tmp_path / ".app.lock"), pytest.raises(ValueError, match="another app is using it"):
        serve(settings)
