"""Versions of one model on an endpoint of Vertex AI: part of the traffic, then all of it or none.

Each function first looks at what is there, so that one that was interrupted can be called again.
https://cloud.google.com/vertex-ai/docs/model-registry/versioning
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from amt.cloud.registry import label
from amt.cloud.storage import CREDENTIALS_ADVICE
from amt.cloud.vertex import (
    TEST_PREDICTION_TIMEOUT,
    DeployError,
    call_line,
    container_arguments,
    load_aiplatform,
    name_filter,
    prediction_arguments,
)
from amt.errors import one_line


@dataclass(frozen=True)
class VertexTarget:
    """An endpoint that serves versions of a model. Raises ValueError for invalid settings.

    endpoint: its display name; `amt deploy vertex` makes one. image: the serving container. The
    other fields: as of `amt.cloud.vertex.Deployment`. traffic_percent: what a new version gets
    until it is compared.
    """

    project: str
    region: str
    image: str
    endpoint: str = "amt"
    traffic_percent: int = 10
    machine_type: str = "n1-standard-4"
    min_replicas: int = 1
    max_replicas: int = 1
    accelerator: str | None = None
    service_account: str | None = None
    dedicated: bool = False
    allowed_uris: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.traffic_percent <= 99:
            raise ValueError(f"traffic_percent: {self.traffic_percent}: expected 1 to 99")
        if not self.endpoint or '"' in self.endpoint:
            raise ValueError(
                f"endpoint: {self.endpoint!r}: expected a name without quotation marks"
            )

    def model_arguments(self, release: Release) -> dict[str, Any]:
        """Keyword arguments of aiplatform.Model.upload, without those that name its parent."""
        return {
            "display_name": release.model_id,
            "version_aliases": [release.alias],
            "is_default_version": False,
            "artifact_uri": release.artifacts,
            **container_arguments(self.image, self.allowed_uris, self.dedicated),
        }

    def deploy_arguments(self, release: Release, percent: int) -> dict[str, Any]:
        """Keyword arguments of Endpoint.deploy, except the model."""
        accelerator = {"accelerator_type": self.accelerator, "accelerator_count": 1}
        return {
            "deployed_model_display_name": release.label,
            "traffic_percentage": percent,
            "machine_type": self.machine_type,
            "min_replica_count": self.min_replicas,
            "max_replica_count": self.max_replicas,
            "service_account": self.service_account,
            **(accelerator if self.accelerator else {}),
        }


@dataclass(frozen=True)
class Release:
    """A version of a model as Vertex AI gets it. artifacts: the gs:// folder of its export."""

    name: str
    version: int
    artifacts: str

    @property
    def model_id(self) -> str:
        """The ID of the model, of which this is one version."""
        return "amt-" + re.sub(r"[^a-z0-9_-]", "-", self.name.lower())

    @property
    def alias(self) -> str:
        """The alias of the version, since Vertex AI counts versions itself."""
        return f"v{self.version}"

    @property
    def label(self) -> str:
        """The display name of the version where it is deployed."""
        return label(self.name, self.version)


@dataclass(frozen=True)
class Answer:
    """The answer to one request: which deployed model gave it, in how many seconds, and what.

    deployed: its ID, empty if the endpoint answered with an error.
    """

    deployed: str
    seconds: float
    prediction: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionedEndpoint:
    """The endpoint of a target. All methods raise DeployError."""

    target: VertexTarget

    @cached_property
    def _endpoint(self) -> Any:
        target = self.target
        aiplatform = load_aiplatform()
        aiplatform.init(project=target.project, location=target.region)
        found = aiplatform.Endpoint.list(filter=name_filter(target.endpoint))
        if not found:
            advice = "deploy the current model first: amt deploy vertex"
            raise DeployError(f"there is no endpoint called {target.endpoint}; {advice}")
        return found[0]

    @property
    def id(self) -> str:
        """The number of the endpoint."""
        with self._translated():
            return str(self._endpoint.name)

    def deployed(self) -> dict[str, tuple[str, int]]:
        """The deployed models by ID: display name, and percent of the traffic."""
        with self._translated():
            models = self._endpoint.list_models()
            split = self._endpoint.traffic_split
            return {one.id: (one.display_name, split.get(one.id, 0)) for one in models}

    def upload(self, release: Release) -> Any:
        """The model of a release; uploaded as a new version unless it is there."""
        from google.api_core.exceptions import NotFound

        with self._translated():
            endpoint, aiplatform = self._endpoint, load_aiplatform()
            assert endpoint
            try:
                return aiplatform.Model(release.model_id, version=release.alias)
            except NotFound:
                pass
            try:
                parent = {"parent_model": aiplatform.Model(release.model_id).resource_name}
            except NotFound:
                parent = {"model_id": release.model_id}
            return aiplatform.Model.upload(**self.target.model_arguments(release), **parent)

    def deploy(self, release: Release, percent: int) -> str:
        """The ID of a release that is deployed beside what is there; the others keep the rest.

        Minutes on real machines. Nothing changes where it is deployed already.
        """
        model = self.upload(release)
        with self._translated():
            if found := self._labelled(release):
                return found
            self._endpoint.deploy(model, **self.target.deploy_arguments(release, percent))
            return self._labelled(release)

    def keep(self, deployed_id: str) -> list[str]:
        """Give all traffic to one deployed model and undeploy the others; returns their names."""
        others = {key: name for key, (name, _) in self.deployed().items() if key != deployed_id}
        with self._translated():
            self._endpoint.update(traffic_split={deployed_id: 100})
            for other in others:
                self._endpoint.undeploy(other, traffic_split={deployed_id: 100})
        return list(others.values())

    def take_back(self, release: Release) -> None:
        """Undeploy a release; the others share the traffic as they did before."""
        found = self.deployed()
        own = [key for key, (name, _) in found.items() if name == release.label]
        others = {key: percent for key, (_, percent) in found.items() if key not in own}
        with self._translated():
            for key in own:
                self._endpoint.undeploy(key, traffic_split=scaled(others))

    def ask(self, recording: bytes) -> Answer:
        """The answer for one audio file, by whichever deployed model the traffic split chooses."""
        from google.api_core.exceptions import GoogleAPIError

        begin = time.monotonic()
        arguments = prediction_arguments(recording)
        with self._translated():
            try:
                answer = self._endpoint.predict(**arguments, timeout=TEST_PREDICTION_TIMEOUT)
            except GoogleAPIError:
                return Answer("", time.monotonic() - begin)
        seconds = time.monotonic() - begin
        return Answer(answer.deployed_model_id, seconds, (answer.predictions or [{}])[0])

    def _labelled(self, release: Release) -> str:
        """The ID of the deployed model of a release, empty if there is none."""
        models = self._endpoint.list_models()
        return next((one.id for one in models if one.display_name == release.label), "")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError

        try:
            yield
        except (DefaultCredentialsError, RefreshError) as error:
            text = f"no valid Google credentials; {CREDENTIALS_ADVICE}"
            raise DeployError(f"{self.target.endpoint}: {text}") from error
        except (GoogleAPIError, GoogleAuthError, RuntimeError) as error:
            raise DeployError(f"{self.target.endpoint}: {one_line(error, most=400)}") from error


def scaled(split: Mapping[str, int]) -> dict[str, int]:
    """A traffic split with the same proportions, whose sum is 100; the first take what is left."""
    total = sum(split.values())
    parts = split if total else dict.fromkeys(split, 1)
    shares = {key: 100 * part // (total or len(split)) for key, part in parts.items()}
    for key in list(shares)[: 100 - sum(shares.values())]:
        shares[key] += 1
    return shares


def planned_release(target: VertexTarget, release: Release) -> Iterator[str]:
    """The calls of Vertex AI by which a release comes to serve, one line each; makes none."""
    yield call_line("aiplatform.init", {"project": target.project, "location": target.region})
    yield call_line("aiplatform.Endpoint.list", {"filter": name_filter(target.endpoint)})
    versioned = {"parent_model": release.model_id, **target.model_arguments(release)}
    yield call_line("model = aiplatform.Model.upload", versioned)
    arguments = target.deploy_arguments(release, target.traffic_percent)
    yield call_line("endpoint.deploy", {"model": "model", **arguments})
    yield "endpoint.predict(...)  # until both models have answered"
    yield "endpoint.update(traffic_split={NEW: 100})  # if the comparison holds"
    yield "endpoint.undeploy(OLD, traffic_split={NEW: 100})"
    yield "endpoint.undeploy(NEW, traffic_split={OLD: 100})  # if it does not, instead of both"
