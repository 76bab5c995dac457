"""A retraining whose model serves at an endpoint of Vertex AI; and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from buckets import BUCKET, emulator
from retraining_lake import NOTES, NOW, SETTINGS, FakeTools, context, write_takes
from vertex_server import HOME, Vertex, vertex

from amt.cloud.lake import Lake, open_lake
from amt.cloud.registry import Registry
from amt.cloud.vertex_metrics import Counted
from amt.cloud.vertex_versions import VertexTarget
from amt.inference.certainty import Certainty
from amt.io.note_tables import note_document
from amt.monitoring.entries import Entry
from amt.monitoring.numbers import measure
from amt.retraining.context import Context
from amt.retraining.planning import planned
from amt.retraining.retrain import retrain
from amt.retraining.rollback import Change, let_serve, planned_change
from amt.retraining.runs import outcome

TARGET = VertexTarget("p", "europe-west4", "image", traffic_percent=20)
# The times of a fake server say nothing.
COMPARE = replace(SETTINGS.compare, slowdown=1e6, answers=2)
VERTEX = replace(SETTINGS, vertex=TARGET, compare=COMPARE)

CERTAINTY = Certainty(0.9, 0.1, 0.9, 0.9, 1.0, None)
NUMBERS = measure(np.zeros(16000, np.float32), 16000, NOTES, CERTAINTY)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    with emulator(monkeypatch), vertex(monkeypatch) as state:
        older = {"id": "3", "displayName": "base-v0", "model": f"{HOME}/models/1"}
        state.add_endpoint(8, deployedModels=[older], trafficSplit={"3": 100})
        state.predictions = [note_document(NOTES, 2.0)]
        yield state


@pytest.fixture
def lake(server: Vertex) -> Lake:
    lake = open_lake(f"gs://{BUCKET}/lab")
    write_takes(lake)
    return lake


def surroundings(lake: Lake, work: Path, lines: list[str] | None = None, **tools: Any) -> Context:
    """With fake tools but for the endpoint; Vertex AI has counted nothing unless `tools` say so."""
    fake = FakeTools(splits={"take1-1-00000000": "test"})
    found = context(lake, work, fake, (lines if lines is not None else []).append)
    return replace(found, tools=replace(found.tools, **{"counts": lambda *_: {}, **tools}))


def split(server: Vertex) -> dict[str, int]:
    """Traffic in percent, by the display name of the deployed model."""
    (endpoint,) = server.endpoints.values()
    shares = endpoint["trafficSplit"]
    return {one["displayName"]: shares[one["id"]] for one in endpoint["deployedModels"]}


def test_part_of_the_traffic_then_all(server: Vertex, lake: Lake, tmp_path: Path) -> None:
    run = retrain(surroundings(lake, tmp_path), VERTEX)
    assert run is not None and outcome(run.results()) == "deployed"
    (deployed,) = server.requests_to(":deployModel")
    assert deployed["trafficSplit"] == {"0": 20, "3": 80}
    (model,) = server.requests_to("models:upload")
    assert model["model"]["artifactUri"] == f"gs://{BUCKET}/lab/models/base/1/export"
    compared = run.results()["compare"]
    assert compared["new"]["requests"] >= 2 and compared["current"]["requests"] >= 2
    assert split(server) == {"base-v1": 100}
    assert Registry(lake, "base").current() == 1


@pytest.mark.parametrize(
    ("counted", "slow", "reason"),
    [
        ({"9": Counted(90, 10), "3": Counted(900, 0)}, 0.0, "errors: 0.0% -> 10.0%"),
        ({}, 0.5, "times as long, 2 are allowed"),
    ],
)
def test_back_to_the_traffic_of_before(
    server: Vertex, lake: Lake, tmp_path: Path, counted: dict, slow: float, reason: str
) -> None:
    server.slow["9"] = slow
    lines: list[str] = []
    strict = replace(VERTEX, compare=replace(COMPARE, slowdown=2.0 if slow else 1e6))
    here = surroundings(lake, tmp_path, lines, counts=lambda *_: counted)
    run = retrain(here, strict)
    assert run is not None and outcome(run.results()) == "back"
    assert reason in lines[-1] and "version 0 stays" in lines[-1]
    assert split(server) == {"base-v0": 100}
    assert Registry(lake, "base").current() == 0


def test_what_the_servers_logged_is_compared(server: Vertex, lake: Lake, tmp_path: Path) -> None:
    def logged(place: str, since: datetime) -> list[Entry]:
        assert (place, since) == (lake.uri, NOW)
        certain = {"base-v0": 0.9, "base-v1": 0.6, "other": 0.1}
        return [
            Entry(since, name, "1", replace(NUMBERS, onset_certainty=value))
            for name, value in certain.items()
            for _ in range(2)
        ]

    run = retrain(surroundings(lake, tmp_path, entries=logged), VERTEX)
    assert run is not None
    assert run.results()["promote"]["reasons"] == ["certainty: 0.900 -> 0.600"]


def test_a_version_that_never_answers_is_taken_back(
    server: Vertex, lake: Lake, tmp_path: Path
) -> None:
    server.broken.add("9")
    few = replace(VERTEX, compare=replace(COMPARE, requests=20))
    run = retrain(surroundings(lake, tmp_path), few)
    assert run is not None
    assert run.results()["promote"]["reasons"] == ["the new version gave no answer"]
    assert split(server) == {"base-v0": 100}


def test_rolled_back_at_the_endpoint_and_in_the_registry(
    server: Vertex, lake: Lake, tmp_path: Path
) -> None:
    here = surroundings(lake, tmp_path)
    retrain(here, VERTEX)
    registry = Registry(lake, "base")
    served = let_serve(here, VERTEX, Change(registry.previous(), "me", "worse on my piano"))
    assert (served.version, served.reason) == (0, "worse on my piano")
    assert split(server) == {"base-v0": 100}
    assert [one.version for one in registry.history()] == [0, 1, 0]


def test_dry_runs_make_no_request(server: Vertex, lake: Lake, tmp_path: Path) -> None:
    here = surroundings(lake, tmp_path)
    lines = list(planned(here, VERTEX, force=True))
    assert "collect: 2 new pairs (at least 1 needed)" in lines
    assert any(line.startswith("deploy: model = aiplatform.Model.upload(") for line in lines)
    registry = Registry(lake, "base")
    assert registry.versions() == [] and not server.requests
    assert list(planned_change(registry, TARGET, 0))[-1].endswith("append version 0")
