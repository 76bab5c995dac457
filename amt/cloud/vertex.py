"""Deploy an exported model to an endpoint of Vertex AI, and report how to remove each resource.

How Vertex AI runs the container:
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from amt.cloud.storage import (
    ALLOWED_URIS_VARIABLE,
    CREDENTIALS_ADVICE,
    AllowedPrefixes,
    split_uri,
    upload_folder,
)
from amt.errors import one_line
from amt.models.checkpoint import DESCRIPTION

PREDICT_ROUTE, HEALTH_ROUTE, PORT = "/predict", "/health", 8080
# For the test prediction after the deployment; the first one on a new machine is slow.
TEST_PREDICTION_TIMEOUT = 120.0  # seconds
# For a response of a dedicated endpoint and of the server behind it. Shared endpoints have 60 s.
DEDICATED_TIMEOUT = 600  # seconds

# Called with one line for each step.
Report = Callable[[str], object]


class DeployError(ValueError):
    """A deployment that failed; the message is one line, with the commands that clean up."""


@dataclass(frozen=True)
class Deployment:
    """The settings of a deployment. Raises ValueError for invalid ones.

    folder: written by `amt export`. bucket: gs://BUCKET or gs://BUCKET/PREFIX. image: the container
    image in Artifact Registry. endpoint: its display name; an existing endpoint is reused.
    accelerator: a type such as NVIDIA_L4, or None. dedicated: use a dedicated endpoint, which has
    its own DNS name and accepts larger requests. allowed_uris: see `AllowedPrefixes`.
    """

    folder: Path
    project: str
    region: str
    bucket: str
    image: str
    endpoint: str = "amt"
    machine_type: str = "n1-standard-4"
    min_replicas: int = 1
    max_replicas: int = 1
    accelerator: str | None = None
    service_account: str | None = None
    dedicated: bool = False
    allowed_uris: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.folder / DESCRIPTION).is_file():
            expected = f"expected a folder with {DESCRIPTION}, as `amt export` writes it"
            raise ValueError(f"{self.folder}: {expected}")
        if not 1 <= self.min_replicas <= self.max_replicas:
            found = f"{self.min_replicas} to {self.max_replicas} replicas"
            raise ValueError(f"{found}: expected at least 1, and a minimum up to the maximum")
        if not self.endpoint or '"' in self.endpoint:
            raise ValueError(f"endpoint {self.endpoint!r}: expected a name without quotation marks")
        AllowedPrefixes(self.allowed_uris)
        split_uri(self.artifacts)

    @property
    def name(self) -> str:
        """The model's display name."""
        return self.folder.resolve().name

    @cached_property
    def artifacts(self) -> str:
        """The gs:// folder for the files; its name holds their hash, so nothing is overwritten."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(self.folder)} {path.stat().st_size} ".encode())
            digest.update(path.read_bytes())
        return f"{self.bucket.rstrip('/')}/amt/{self.name}-{digest.hexdigest()[:12]}"

    def model_arguments(self) -> dict[str, Any]:
        """Keyword arguments of aiplatform.Model.upload."""
        return {
            "display_name": self.name,
            "artifact_uri": self.artifacts,
            **container_arguments(self.image, self.allowed_uris, self.dedicated),
        }

    def endpoint_arguments(self) -> dict[str, Any]:
        """Keyword arguments of aiplatform.Endpoint.create."""
        dedicated = {"dedicated_endpoint_enabled": True, "inference_timeout": DEDICATED_TIMEOUT}
        return {"display_name": self.endpoint, **(dedicated if self.dedicated else {})}

    def deploy_arguments(self) -> dict[str, Any]:
        """Keyword arguments of Endpoint.deploy, except the model."""
        accelerator = {"accelerator_type": self.accelerator, "accelerator_count": 1}
        return {
            "deployed_model_display_name": self.name,
            "traffic_percentage": 100,
            "machine_type": self.machine_type,
            "min_replica_count": self.min_replicas,
            "max_replica_count": self.max_replicas,
            "service_account": self.service_account,
            **(accelerator if self.accelerator else {}),
        }


def container_arguments(
    image: str, allowed_uris: tuple[str, ...], dedicated: bool
) -> dict[str, Any]:
    """Those keyword arguments of aiplatform.Model.upload that describe the serving container."""
    variables = {ALLOWED_URIS_VARIABLE: ",".join(allowed_uris)} if allowed_uris else {}
    if dedicated:
        variables["AMT_TIMEOUT_SECONDS"] = str(DEDICATED_TIMEOUT)
    return {
        "serving_container_image_uri": image,
        "serving_container_predict_route": PREDICT_ROUTE,
        "serving_container_health_route": HEALTH_ROUTE,
        "serving_container_ports": [PORT],
        "serving_container_environment_variables": variables,
    }


@dataclass(frozen=True)
class CreatedResources:
    """The shell commands that remove the resources created so far, oldest resource first.

    if_none: the part of an error message that says that there are none.
    """

    report: Report
    if_none: str
    removal_commands: list[str] = field(default_factory=list)

    def add(self, resource: str, command: str) -> None:
        """Record and report a new resource."""
        self.removal_commands.append(command)
        self.report(f"created {resource}; remove it: {command}")


def prediction_arguments(recording: bytes) -> dict[str, Any]:
    """Keyword arguments of Endpoint.predict for one audio file, in any format that amt reads."""
    audio = {"b64": base64.b64encode(recording).decode("ascii")}
    return {"instances": [{"audio": audio}], "parameters": {"format": ["notes"]}}


def planned_calls(deployment: Deployment, recording: bytes) -> Iterator[str]:
    """The calls that `deploy` would make, one line each; makes none of them."""
    yield call_line(
        "aiplatform.init", {"project": deployment.project, "location": deployment.region}
    )
    files = sorted(path for path in deployment.folder.rglob("*") if path.is_file())
    for path in files:
        target = f"{deployment.artifacts}/{path.relative_to(deployment.folder).as_posix()}"
        yield f"upload {path} to {target} ({path.stat().st_size} bytes)"
    yield call_line("model = aiplatform.Model.upload", deployment.model_arguments())
    yield call_line("aiplatform.Endpoint.list", {"filter": name_filter(deployment.endpoint)})
    yield call_line("endpoint = aiplatform.Endpoint.create", deployment.endpoint_arguments()) + (
        "  # unless it exists"
    )
    yield call_line("endpoint.deploy", {"model": "model", **deployment.deploy_arguments()})
    arguments = prediction_arguments(recording)
    arguments["instances"][0]["audio"]["b64"] = f"{len(recording)} bytes of a test recording"
    yield call_line("endpoint.predict", arguments)


def deploy(deployment: Deployment, recording: bytes, report: Report) -> Mapping[str, Any]:
    """Upload and deploy a model; returns the endpoint's prediction for a test recording.

    The new model gets all traffic of the endpoint. Raises DeployError.
    """
    aiplatform = load_aiplatform()
    created = CreatedResources(
        report, f"no resources were created, but files may be in {deployment.artifacts}"
    )
    location = f"--project={deployment.project} --region={deployment.region}"
    with _translate_errors(created):
        # Before anything is created, because it rejects an unknown region.
        aiplatform.init(project=deployment.project, location=deployment.region)
        upload_folder(deployment.folder, deployment.artifacts)
        created.add(
            deployment.artifacts,
            f"gcloud storage rm --recursive {shlex.quote(deployment.artifacts)}",
        )
        model = aiplatform.Model.upload(**deployment.model_arguments())
        created.add(model.resource_name, f"gcloud ai models delete {model.name} {location}")
        endpoint = _find_or_create_endpoint(aiplatform, deployment, created, location)
        _deploy_model(endpoint, model, deployment, created, location)
        prediction = _test_prediction(endpoint, recording)
    return prediction


def _find_or_create_endpoint(
    aiplatform: Any, deployment: Deployment, created: CreatedResources, location: str
) -> Any:
    found = aiplatform.Endpoint.list(filter=name_filter(deployment.endpoint))
    if not found:
        endpoint = aiplatform.Endpoint.create(**deployment.endpoint_arguments())
        command = f"gcloud ai endpoints delete {endpoint.name} {location}"
        created.add(endpoint.resource_name, command)
        return endpoint
    endpoint = found[0]
    if endpoint.dedicated_endpoint_enabled != deployment.dedicated:
        kind = "is not dedicated" if deployment.dedicated else "is dedicated"
        change = "leave out" if deployment.dedicated else "add"
        advice = f"choose another --endpoint, or {change} --dedicated"
        raise ValueError(f"endpoint {deployment.endpoint} exists already and {kind}; {advice}")
    created.report(f"using {endpoint.resource_name}")
    return endpoint


def _deploy_model(
    endpoint: Any, model: Any, deployment: Deployment, created: CreatedResources, location: str
) -> None:
    before = {deployed.id for deployed in endpoint.list_models()}
    created.report(f"deploying to {endpoint.resource_name}; this takes minutes")
    endpoint.deploy(model, **deployment.deploy_arguments())
    for deployed in endpoint.list_models():
        command = f"gcloud ai endpoints undeploy-model {endpoint.name} {location}"
        command += f" --deployed-model-id={deployed.id}"
        if deployed.id in before:
            created.report(f"{deployed.display_name} gets no more traffic; remove it: {command}")
        else:
            created.add(f"{deployed.display_name} on {endpoint.resource_name}", command)


def _test_prediction(endpoint: Any, recording: bytes) -> Mapping[str, Any]:
    """The prediction for one audio file. Raises ValueError if the endpoint returns none."""
    arguments = prediction_arguments(recording)
    predictions = endpoint.predict(**arguments, timeout=TEST_PREDICTION_TIMEOUT).predictions
    if not predictions or "error" in predictions[0]:
        raise ValueError(f"the endpoint answered {predictions}, expected a prediction")
    return predictions[0]


def load_aiplatform() -> Any:
    """The official client. Raises DeployError if it is not installed."""
    try:
        from google.cloud import aiplatform
    except ImportError as error:
        advice = "install it with: pip install 'amt[vertex]'"
        raise DeployError(f"deploying needs google-cloud-aiplatform; {advice}") from error
    return aiplatform


@contextmanager
def _translate_errors(created: CreatedResources) -> Iterator[None]:
    """Turn errors into a DeployError of one line, with the removal commands, newest first."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, OSError, ValueError, RuntimeError) as error:
        text = one_line(error, most=400)
        if isinstance(error, DefaultCredentialsError | RefreshError):
            text = f"no valid Google credentials; {CREDENTIALS_ADVICE}"
        removal = " && ".join(reversed(created.removal_commands))
        remaining = f"created resources remain, remove them: {removal}" if removal else ""
        raise DeployError(f"not deployed: {text}; {remaining or created.if_none}") from error


def name_filter(endpoint: str) -> str:
    """A filter that lists the endpoints of this display name."""
    return f'display_name="{endpoint}"'


def call_line(name: str, arguments: Mapping[str, Any]) -> str:
    """A call as it would be typed."""
    text = (f"{key}={value!r}" for key, value in arguments.items())
    return f"{name}({', '.join(text)})"
