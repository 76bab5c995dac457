"""Versions on an endpoint of Vertex AI: the requests, part of the traffic, all or back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from vertex_server import HOME, Vertex, vertex

from amt.cloud.vertex import DeployError
from amt.cloud.vertex_versions import (
    Release,
    VersionedEndpoint,
    VertexTarget,
    planned_release,
    scaled,
)

TARGET = VertexTarget("p", "europe-west4", "europe-west4-docker.pkg.dev/p/amt/amt:1")
FIRST = Release("base", 1, "gs://takes/models/base/1/export")
SECOND = Release("base", 2, "gs://takes/models/base/2/export")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    with vertex(monkeypatch) as state:
        older = {"id": "3", "displayName": "older", "model": f"{HOME}/models/1"}
        state.add_endpoint(8, deployedModels=[older], trafficSplit={"3": 100})
        yield state


@pytest.fixture
def endpoint(server: Vertex) -> VersionedEndpoint:
    return VersionedEndpoint(TARGET)


def test_the_first_version_makes_the_model_and_the_next_one_adds_to_it(
    server: Vertex, endpoint: VersionedEndpoint
) -> None:
    endpoint.upload(FIRST)
    endpoint.upload(SECOND)
    first, second = server.requests_to("models:upload")
    assert first["modelId"] == "amt-base" and "parentModel" not in first
    assert second["parentModel"] == f"{HOME}/models/amt-base"
    assert second["model"]["versionAliases"] == ["v2"]
    assert second["model"]["artifactUri"] == SECOND.artifacts
    assert second["model"]["containerSpec"]["imageUri"] == TARGET.image


def test_a_new_version_gets_part_of_the_traffic(
    server: Vertex, endpoint: VersionedEndpoint
) -> None:
    new = endpoint.deploy(FIRST, 10)
    assert endpoint.deployed() == {"3": ("older", 90), new: ("base-v1", 10)}
    answered = Counter(endpoint.ask(b"audio").deployed for _ in range(100))
    assert answered == {"3": 90, new: 10}


def test_again_nothing_is_uploaded_or_deployed(server: Vertex, endpoint: VersionedEndpoint) -> None:
    new = endpoint.deploy(FIRST, 10)
    assert VersionedEndpoint(TARGET).deploy(FIRST, 10) == new
    assert len(server.requests_to("models:upload")) == len(server.requests_to(":deployModel")) == 1


def test_all_of_the_traffic(server: Vertex, endpoint: VersionedEndpoint) -> None:
    new = endpoint.deploy(FIRST, 10)
    for _ in range(2):  # Again nothing is left to do.
        endpoint.keep(new)
        assert endpoint.deployed() == {new: ("base-v1", 100)}


def test_back_to_the_traffic_of_before(server: Vertex, endpoint: VersionedEndpoint) -> None:
    endpoint.deploy(FIRST, 20)
    for _ in range(2):
        endpoint.take_back(FIRST)
        assert endpoint.deployed() == {"3": ("older", 100)}


def test_an_error_of_the_container_is_an_answer(
    server: Vertex, endpoint: VersionedEndpoint
) -> None:
    server.broken.add("3")
    answer = endpoint.ask(b"audio")
    assert answer.deployed == "" and answer.seconds > 0


def test_an_endpoint_that_is_not_there_is_named(server: Vertex) -> None:
    with pytest.raises(DeployError, match="no endpoint called grand; deploy the current model"):
        VersionedEndpoint(replace(TARGET, endpoint="grand")).deployed()


@pytest.mark.parametrize("verb", ["upload", "deployModel"])
def test_an_error_is_one_line(server: Vertex, endpoint: VersionedEndpoint, verb: str) -> None:
    server.failing[verb] = (403, "quota\nof machines")
    with pytest.raises(DeployError, match="quota of machines") as caught:
        endpoint.deploy(FIRST, 10)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ({"a": 90}, {"a": 100}),
        ({"a": 30, "b": 60}, {"a": 34, "b": 66}),
        ({"a": 0, "b": 0, "c": 0}, {"a": 34, "b": 33, "c": 33}),
        ({}, {}),
    ],
)
def test_scaled_splits_have_the_sum_100(split: dict[str, int], expected: dict[str, int]) -> None:
    assert scaled(split) == expected


def test_planned_calls_need_no_google(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google", None)
    lines = list(planned_release(TARGET, SECOND))
    assert "version_aliases=['v2']" in lines[2] and "traffic_percentage=10" in lines[3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traffic_percent": 100}, "expected 1 to 99"),
        ({"endpoint": 'a"b'}, "without quotation marks"),
    ],
)
def test_invalid_targets_are_rejected(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TARGET, **changes)
