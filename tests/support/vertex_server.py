"""A fake Vertex AI for tests: the REST interface that the official client uses, over HTTP.

A long-running operation is unfinished in its first response, and done when it is first polled.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform import initializer

HOME = "projects/p/locations/europe-west4"
TYPES = "type.googleapis.com/google.cloud.aiplatform.v1"
PREDICTION = {"duration": 1.7, "notes": [{"pitch": 60}], "summary": {"note_count": 1}}


@dataclass
class Vertex:
    """The requests so far (method, path, body), the resources, and the verbs that shall fail."""

    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Of each model by number and by alias.
    versions: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: dict[str, tuple[int, str]] = field(default_factory=dict)
    predictions: list[Any] = field(default_factory=lambda: [PREDICTION])
    # Answers prediction requests in place of `predictions`: status and body of a container.
    container: Callable[[Any], tuple[int, Any]] | None = None
    # Deployed models, by their IDs, that answer with an error, or after so many seconds.
    broken: set[str] = field(default_factory=set)
    slow: dict[str, float] = field(default_factory=dict)
    # What Cloud Monitoring says: (metric, ID of the deployed model) -> number.
    counted: dict[tuple[str, str], int] = field(default_factory=dict)
    address: str = ""
    dedicated: str = ""
    asked: int = 0
    # The header Authorization of each request.
    tokens: list[str | None] = field(default_factory=list)

    def requests_to(self, ending: str) -> list[Any]:
        """Bodies of the requests whose path ends in `ending`."""
        return [body for method, path, body in self.requests if path.endswith(ending) and body]

    def answer(self, method: str, path: str, body: Any, tls: bool) -> tuple[int, Any]:
        """Status and body of the response; `tls`: the request came to a dedicated endpoint."""
        path, _, query = unquote(path[path.index("projects/") :]).partition("?")
        path, _, version = path.partition("@")
        self.requests.append((method, path, body))
        verb = re.split("[/:]", path)[-1] if method == "POST" else "get"
        if verb in self.failing:
            return self._error(*self.failing[verb])
        if "/operations/" in path:
            return self._operation(path)
        if method == "GET":
            return self._get(path, query, version)
        if method == "PATCH":
            return self._patch(path, body)
        if verb == "predict" and tls != bool(self.dedicated):
            return self._error(400, "this endpoint has another address")
        return getattr(self, f"_{verb}")(path, body)

    def _error(self, code: int, message: str) -> tuple[int, Any]:
        return code, {"error": {"code": code, "message": message}}

    def _get(self, path: str, query: str, version: str) -> tuple[int, Any]:
        for kind in ("endpoints", "schedules"):
            if path.endswith(f"/{kind}"):
                listed = getattr(self, kind).values()
                named = [one for one in listed if f'display_name="{one["displayName"]}"' in query]
                return 200, {kind: named}
        if path.endswith("/timeSeries"):
            return 200, {"timeSeries": self._time_series(query)}
        found = (self.endpoints | self.models | self.schedules).get(path)
        if version:
            found = self.versions.get(path, {}).get(version)
        return (200, found) if found else self._error(404, path)

    def _patch(self, path: str, body: Any) -> tuple[int, Any]:
        found = (self.endpoints | self.schedules)[path]
        found.update(body)
        return 200, found

    def _time_series(self, query: str) -> list[dict[str, Any]]:
        return [
            {
                "metric": {"labels": {"deployed_model_id": deployed}},
                "points": [{"value": {"int64Value": str(number)}}],
            }
            for (metric, deployed), number in self.counted.items()
            if metric in query
        ]

    def _upload(self, path: str, body: Any) -> tuple[int, Any]:
        name = body.get("parentModel") or f"{HOME}/models/{body.get('modelId', 7)}"
        versions = self.versions.setdefault(name, {})
        number = str(1 + sum(key.isdecimal() for key in versions))
        deployable = {"supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"]}
        model = {**body["model"], **deployable, "name": name, "versionId": number}
        self.models[name] = model
        versions |= dict.fromkeys([number, *model.get("versionAliases", ())], model)
        answer = {"model": name, "modelVersionId": number}
        return self._begin(name, {"@type": f"{TYPES}.UploadModelResponse", **answer})

    def _pipelineJobs(self, path: str, body: Any) -> tuple[int, Any]:  # noqa: N802
        self.jobs.append(body)
        return 200, {
            **body,
            "name": f"{path}/job{len(self.jobs)}",
            "state": "PIPELINE_STATE_PENDING",
        }

    def _schedules(self, path: str, body: Any) -> tuple[int, Any]:
        name = f"{path}/{len(self.schedules) + 1}"
        self.schedules[name] = {**body, "name": name, "state": "ACTIVE"}
        return 200, self.schedules[name]

    def _endpoints(self, path: str, body: Any) -> tuple[int, Any]:
        name = f"{HOME}/endpoints/8"
        self.endpoints[name] = {**body, "name": name}
        if body.get("dedicatedEndpointEnabled"):
            self.endpoints[name]["dedicatedEndpointDns"] = self.dedicated
        return self._begin(name, {"@type": f"{TYPES}.Endpoint", "name": name})

    def _deployModel(self, path: str, body: Any) -> tuple[int, Any]:  # noqa: N802
        name = path.removesuffix(":deployModel")
        existing = self.endpoints[name].setdefault("deployedModels", [])
        new = next(str(id) for id in range(9, 99) if str(id) not in {one["id"] for one in existing})
        deployed = {**body["deployedModel"], "id": new}
        self.endpoints[name]["deployedModels"] = [*existing, deployed]
        split = body.get("trafficSplit", {})
        shares = {new if id == "0" else id: share for id, share in split.items()}
        self.endpoints[name]["trafficSplit"] = shares
        answer = {"@type": f"{TYPES}.DeployModelResponse", "deployedModel": deployed}
        return self._begin(name, answer)

    def _undeployModel(self, path: str, body: Any) -> tuple[int, Any]:  # noqa: N802
        endpoint = self.endpoints[path.removesuffix(":undeployModel")]
        left = [one for one in endpoint["deployedModels"] if one["id"] != body["deployedModelId"]]
        endpoint |= {"deployedModels": left, "trafficSplit": body.get("trafficSplit", {})}
        return self._begin(endpoint["name"], {"@type": f"{TYPES}.UndeployModelResponse"})

    def add_endpoint(self, number: int = 8, **properties: Any) -> str:
        """The resource name of a new endpoint."""
        name = f"{HOME}/endpoints/{number}"
        self.endpoints[name] = {"name": name, "displayName": "amt", **properties}
        return name

    def _predict(self, path: str, body: Any) -> tuple[int, Any]:
        if path.removesuffix(":predict") not in self.endpoints:
            return self._error(404, f"Endpoint `{path}` not found.")
        deployed = self._chosen(path.removesuffix(":predict"))
        if deployed in self.broken:
            return self._error(500, "the container failed")
        time.sleep(self.slow.get(deployed, 0.0))
        predictions = self.predictions
        if self.container:
            status, answer = self.container(body)
            if status != 200:
                return self._error(status, json.dumps(answer))
            predictions = answer["predictions"]
        model = {"model": f"{HOME}/models/7", "modelDisplayName": "amt", "modelVersionId": "1"}
        return 200, {"predictions": predictions, "deployedModelId": deployed, **model}

    def _chosen(self, endpoint: str) -> str:
        """The deployed model for the next prediction, by the traffic split, one after another."""
        split = self.endpoints[endpoint].get("trafficSplit") or {"9": 100}
        turns = [id for id, share in split.items() for _ in range(share)]
        self.asked += 37  # No divisor of 100.
        return turns[self.asked % len(turns)]

    def _begin(self, name: str, response: dict[str, Any]) -> tuple[int, Any]:
        operation = f"{name}/operations/{len(self.operations)}"
        self.operations[operation] = response
        return 200, {"name": operation}

    def _operation(self, path: str) -> tuple[int, Any]:
        verb = self.operations[path]["@type"].split(".")[-1]
        if verb in self.failing:
            code, message = self.failing[verb]
            return 200, {"name": path, "done": True, "error": {"code": code, "message": message}}
        return 200, {"name": path, "done": True, "response": self.operations[path]}


@contextmanager
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    """A fake Vertex AI, with the official client configured to use it."""
    state = Vertex()
    with _serving(state) as port:
        state.address = f"http://127.0.0.1:{port}"
        configuration = {
            "credentials": AnonymousCredentials(),
            "api_endpoint": state.address,
            "api_transport": "rest",
            "project": None,
            "location": None,
        }
        for name, value in configuration.items():
            monkeypatch.setattr(initializer.global_config, f"_{name}", value)
        yield state


@contextmanager
def dedicated(state: Vertex, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second address, over TLS, for dedicated endpoints."""
    certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with _serving(state, context) as port:
        state.dedicated = f"localhost:{port}"
        yield


@contextmanager
def _serving(state: Vertex, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            state.tokens.append(self.headers.get("Authorization"))
            status, answer = state.answer(self.command, self.path, body, tls is not None)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PATCH = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    """A file with a key and a self-signed certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "localhost.pem"
    path.write_bytes(key.private_bytes(pem, *private) + certificate.public_bytes(pem))
    return path
