"""An exported model on Vertex AI: what is asked of Google, step by step, and what was made so far.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements says how Vertex AI
treats the container.
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

from amt.cloud.storage import LOG_IN, SETTING, Allowed, split_uri, upload_folder
from amt.errors import one_line
from amt.models.checkpoint import DESCRIPTION

PREDICT_ROUTE, HEALTH_ROUTE, PORT = "/predict", "/health", 8080
# One prediction may take this long, and comes after minutes of waiting for a machine.
PREDICTION_SECONDS = 120.0
# How long a dedicated endpoint, and the server behind it, may take for an answer; shared ones have
# a minute.
DEDICATED_SECONDS = 600

Tell = Callable[[str], object]


class DeployError(ValueError):
    """A deployment that failed; the message is one line, and says what was made and is left."""


@dataclass(frozen=True)
class Deployment:
    """What is deployed, and where to. Raises ValueError for what cannot be.

    folder: as `amt export` wrote it. bucket: gs://BUCKET or gs://BUCKET/PREFIX. endpoint: its
    display name; one that is there already is used again. accelerator: as Vertex AI calls it, or
    none. dedicated: the endpoint has an address of its own, which takes larger requests.
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
            raise ValueError(f"{found}: expected at least 1, and no more at least than at most")
        if not self.endpoint or '"' in self.endpoint:
            raise ValueError(f"endpoint {self.endpoint!r}: expected a name without quotation marks")
        Allowed(self.allowed_uris)
        split_uri(self.artifacts)

    @property
    def name(self) -> str:
        """The model's display name."""
        return self.folder.resolve().name

    @cached_property
    def artifacts(self) -> str:
        """Where its files go: another place for other files, so that none is ever overwritten."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(self.folder)} {path.stat().st_size} ".encode())
            digest.update(path.read_bytes())
        return f"{self.bucket.rstrip('/')}/amt/{self.name}-{digest.hexdigest()[:12]}"

    def model_arguments(self) -> dict[str, Any]:
        """Of aiplatform.Model.upload."""
        variables = {SETTING: ",".join(self.allowed_uris)} if self.allowed_uris else {}
        if self.dedicated:
            variables["AMT_TIMEOUT_SECONDS"] = str(DEDICATED_SECONDS)
        return {
            "display_name": self.name,
            "artifact_uri": self.artifacts,
            "serving_container_image_uri": self.image,
            "serving_container_predict_route": PREDICT_ROUTE,
            "serving_container_health_route": HEALTH_ROUTE,
            "serving_container_ports": [PORT],
            "serving_container_environment_variables": variables,
        }

    def endpoint_arguments(self) -> dict[str, Any]:
        """Of aiplatform.Endpoint.create."""
        own = {"dedicated_endpoint_enabled": True, "inference_timeout": DEDICATED_SECONDS}
        return {"display_name": self.endpoint, **(own if self.dedicated else {})}

    def deploy_arguments(self) -> dict[str, Any]:
        """Of Endpoint.deploy, besides the model."""
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


@dataclass(frozen=True)
class Made:
    """What a deployment has made, and the commands that remove it, the oldest first.

    nothing: what is to be said as long as there are none.
    """

    tell: Tell
    nothing: str
    commands: list[str] = field(default_factory=list)

    def add(self, what: str, command: str) -> None:
        """Tell what was made."""
        self.commands.append(command)
        self.tell(f"made {what}; remove it: {command}")


def prediction_arguments(recording: bytes) -> dict[str, Any]:
    """Of Endpoint.predict, for one recording in a file of any format that amt reads."""
    audio = {"b64": base64.b64encode(recording).decode("ascii")}
    return {"instances": [{"audio": audio}], "parameters": {"format": ["notes"]}}


def planned(deployment: Deployment, recording: bytes) -> Iterator[str]:
    """The calls that `deploy` makes, a line each; nothing is asked of anybody."""
    yield _call("aiplatform.init", {"project": deployment.project, "location": deployment.region})
    files = sorted(path for path in deployment.folder.rglob("*") if path.is_file())
    for path in files:
        place = f"{deployment.artifacts}/{path.relative_to(deployment.folder).as_posix()}"
        yield f"upload {path} to {place} ({path.stat().st_size} bytes)"
    yield _call("model = aiplatform.Model.upload", deployment.model_arguments())
    yield _call("aiplatform.Endpoint.list", {"filter": _named(deployment.endpoint)})
    yield _call("endpoint = aiplatform.Endpoint.create", deployment.endpoint_arguments()) + (
        "  # unless there is one"
    )
    yield _call("endpoint.deploy", {"model": "model", **deployment.deploy_arguments()})
    asked = prediction_arguments(recording)
    asked["instances"][0]["audio"]["b64"] = f"{len(recording)} bytes of a test recording"
    yield _call("endpoint.predict", asked)


def deploy(deployment: Deployment, recording: bytes, tell: Tell) -> Mapping[str, Any]:
    """Upload, deploy, and the prediction for a test recording; `tell` gets a line for each step.

    The endpoint gets all traffic to the new model. Raises DeployError.
    """
    aiplatform = _aiplatform()
    made = Made(tell, f"nothing was made, but files may be in {deployment.artifacts}")
    place = f"--project={deployment.project} --region={deployment.region}"
    with _told(made):
        # First, since it notices a region that does not exist.
        aiplatform.init(project=deployment.project, location=deployment.region)
        upload_folder(deployment.folder, deployment.artifacts)
        made.add(
            deployment.artifacts,
            f"gcloud storage rm --recursive {shlex.quote(deployment.artifacts)}",
        )
        model = aiplatform.Model.upload(**deployment.model_arguments())
        made.add(model.resource_name, f"gcloud ai models delete {model.name} {place}")
        endpoint = _endpoint(aiplatform, deployment, made, place)
        before = {deployed.id for deployed in endpoint.list_models()}
        tell(f"deploying to {endpoint.resource_name}; this takes minutes")
        endpoint.deploy(model, **deployment.deploy_arguments())
        for deployed in endpoint.list_models():
            command = f"gcloud ai endpoints undeploy-model {endpoint.name} {place}"
            command += f" --deployed-model-id={deployed.id}"
            if deployed.id in before:
                tell(f"{deployed.display_name} gets no traffic any more; remove it: {command}")
            else:
                made.add(f"{deployed.display_name} on {endpoint.resource_name}", command)
        answer = endpoint.predict(
            **prediction_arguments(recording), timeout=PREDICTION_SECONDS
        ).predictions
        if not answer or "error" in answer[0]:
            raise ValueError(f"the endpoint answered {answer}, expected a prediction")
    return answer[0]


def _endpoint(aiplatform: Any, deployment: Deployment, made: Made, place: str) -> Any:
    """The endpoint of that name, made where there is none."""
    found = aiplatform.Endpoint.list(filter=_named(deployment.endpoint))
    if not found:
        endpoint = aiplatform.Endpoint.create(**deployment.endpoint_arguments())
        made.add(endpoint.resource_name, f"gcloud ai endpoints delete {endpoint.name} {place}")
        return endpoint
    endpoint = found[0]
    if endpoint.dedicated_endpoint_enabled != deployment.dedicated:
        kind = "is not dedicated" if deployment.dedicated else "is dedicated"
        advice = "choose another --endpoint, or the other of --dedicated"
        raise ValueError(f"endpoint {deployment.endpoint} is there already and {kind}; {advice}")
    made.tell(f"using {endpoint.resource_name}")
    return endpoint


def _aiplatform() -> Any:
    try:
        from google.cloud import aiplatform
    except ImportError as error:
        advice = "install it with: pip install 'amt[vertex]'"
        raise DeployError(f"deploying needs google-cloud-aiplatform; {advice}") from error
    return aiplatform


@contextmanager
def _told(made: Made) -> Iterator[None]:
    """What goes wrong, in one line, with what is to be removed, the newest first."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, OSError, ValueError, RuntimeError) as error:
        text = one_line(error, most=400)
        if isinstance(error, DefaultCredentialsError | RefreshError):
            text = f"no valid Google credentials; {LOG_IN}"
        removal = " && ".join(reversed(made.commands))
        left = f"what was made stays, remove it: {removal}" if removal else made.nothing
        raise DeployError(f"not deployed: {text}; {left}") from error


def _named(endpoint: str) -> str:
    return f'display_name="{endpoint}"'


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    given = (f"{key}={value!r}" for key, value in arguments.items())
    return f"{name}({', '.join(given)})"
