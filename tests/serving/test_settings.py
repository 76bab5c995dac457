"""Settings from environment variables."""

from __future__ import annotations

import pytest

from amt.serving.settings import Settings


def test_variables_of_vertex_and_of_amt() -> None:
    settings = Settings.from_environment(
        {
            "AIP_HTTP_PORT": "9000",
            "AIP_HEALTH_ROUTE": "/ping",
            "AIP_PREDICT_ROUTE": "/v1/endpoints/1:predict",
            "AIP_STORAGE_URI": "gs://bucket/model",
            "AMT_ALLOWED_URIS": "gs://one/a/, gs://two",
            "AMT_MAX_BODY_BYTES": "1500000",
            "AMT_TIMEOUT_SECONDS": "12.5",
        }
    )
    assert settings == Settings(
        port=9000,
        health_route="/ping",
        predict_route="/v1/endpoints/1:predict",
        storage_uri="gs://bucket/model",
        allowed_uris=("gs://one/a/", "gs://two"),
        max_body_bytes=1_500_000,
        timeout_seconds=12.5,
    )


def test_it_listens_on_this_machine_only_unless_told_otherwise() -> None:
    assert Settings.from_environment({}).host == "127.0.0.1"
    assert Settings.from_environment({"AMT_HOST": "0.0.0.0"}).host == "0.0.0.0"


def test_overrides_win_over_the_environment() -> None:
    assert Settings.from_environment({"AIP_HTTP_PORT": "9000"}, port=1234).port == 1234
    assert Settings.from_environment({"AIP_HTTP_PORT": " "}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIP_HTTP_PORT", "abc"),
        ("AIP_HTTP_PORT", "99999"),
        ("AMT_MAX_REQUESTS", "0"),
        ("AMT_MAX_REQUESTS", "1.5"),
        ("AMT_TIMEOUT_SECONDS", "nan"),
        ("AMT_TIMEOUT_SECONDS", "inf"),
        ("AMT_THREADS", "-1"),
        ("AIP_HEALTH_ROUTE", "health"),
        ("AIP_HEALTH_ROUTE", "/metrics"),
        ("AIP_PREDICT_ROUTE", "/health"),
        ("AIP_PREDICT_ROUTE", "/{path}"),
        ("AMT_ALLOWED_URIS", "/home"),
    ],
)
def test_invalid_values_raise_one_line_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name) as error:
        Settings.from_environment({name: value})
    assert "\n" not in str(error.value)
