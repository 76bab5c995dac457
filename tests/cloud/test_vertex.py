"""Deployment on Vertex AI: the HTTP requests that the official client sends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from buckets import BUCKET, emulator
from google.cloud.aiplatform_v1.types import AcceleratorType
from google.cloud.storage import Client
from vertex_server import HOME, PREDICTION, Vertex, dedicated, vertex

from amt import cli
from amt.cloud.storage import StorageError
from amt.cloud.vertex import DeployError, Deployment, deploy, planned_calls

IMAGE = "europe-west4-docker.pkg.dev/p/amt/amt:1"
PLACE = ["--project", "p", "--region", "europe-west4", "--bucket", f"gs://{BUCKET}/lab"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stand-in for the folder that `amt export` writes."""
    exported = tmp_path / "grand"
    exported.mkdir()
    (exported / "model.json").write_text("{}")
    (exported / "model.onnx").write_bytes(b"weights")
    return exported


@pytest.fixture
def deployment(folder: Path) -> Deployment:
    return Deployment(folder, "p", "europe-west4", f"gs://{BUCKET}/lab", IMAGE)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    with emulator(monkeypatch), vertex(monkeypatch) as state:
        yield state


def removals(error: DeployError) -> list[str]:
    """The verbs of the removal commands at the end of an error message."""
    commands = str(error).partition("remove them: ")[2].split(" && ")
    return [" ".join(command.split()[1:4]) for command in commands if command]


def test_requests_of_a_full_deployment(
    deployment: Deployment, server: Vertex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = replace(
        deployment,
        machine_type="g2-standard-4",
        accelerator="NVIDIA_L4",
        max_replicas=3,
        service_account="amt@p.iam.gserviceaccount.com",
        dedicated=True,
        allowed_uris=(f"gs://{BUCKET}/rec/", "gs://other"),
    )
    with dedicated(server, tmp_path, monkeypatch):
        assert deploy(deployment, b"audio", print) == PREDICTION
    (model,) = server.requests_to("models:upload")
    assert model["model"] == {
        "displayName": "grand",
        "artifactUri": deployment.artifacts,
        "versionAliases": ["default"],
        "containerSpec": {
            "imageUri": IMAGE,
            "predictRoute": "/predict",
            "healthRoute": "/health",
            "ports": [{"containerPort": 8080}],
            "env": [
                {"name": "AMT_ALLOWED_URIS", "value": f"gs://{BUCKET}/rec/,gs://other"},
                {"name": "AMT_TIMEOUT_SECONDS", "value": "600"},
            ],
        },
    }
    (endpoint,) = server.requests_to("/endpoints")
    assert endpoint == {
        "displayName": "amt",
        "dedicatedEndpointEnabled": True,
        "clientConnectionConfig": {"inferenceTimeout": "600s"},
    }
    (deployed,) = server.requests_to(":deployModel")
    resources = deployed["deployedModel"].pop("dedicatedResources")
    assert resources["machineSpec"] == {
        "machineType": "g2-standard-4",
        "acceleratorType": AcceleratorType.NVIDIA_L4.value,
        "acceleratorCount": 1,
    }
    assert (resources["minReplicaCount"], resources["maxReplicaCount"]) == (1, 3)
    assert deployed["deployedModel"]["model"].startswith(f"{HOME}/models/7")
    assert deployed["deployedModel"]["serviceAccount"] == "amt@p.iam.gserviceaccount.com"
    assert deployed["trafficSplit"] == {"0": 100}


def test_files_are_uploaded_to_the_artifact_uri_of_the_model(
    deployment: Deployment, server: Vertex
) -> None:
    lines: list[str] = []
    assert deploy(deployment, b"audio", lines.append)["summary"] == PREDICTION["summary"]
    blobs = Client(project="p").bucket(BUCKET).list_blobs()
    names = {f"gs://{BUCKET}/{blob.name}" for blob in blobs}
    assert names == {f"{deployment.artifacts}/{name}" for name in ("model.json", "model.onnx")}
    (model,) = server.requests_to("models:upload")
    assert "env" not in model["model"]["containerSpec"]
    (request,) = server.requests_to(":predict")
    assert request["instances"] == [{"audio": {"b64": "YXVkaW8="}}]
    assert sum(line.startswith("created ") for line in lines) == 4


def test_an_existing_endpoint_is_reused(deployment: Deployment, server: Vertex) -> None:
    older = {"id": "3", "displayName": "older", "model": f"{HOME}/models/1"}
    for number, name in ((4, "another"), (5, "amt")):
        place = f"{HOME}/endpoints/{number}"
        server.endpoints[place] = {
            "name": place,
            "displayName": name,
            "deployedModels": [older],
            "trafficSplit": {"3": 100},
        }
    lines: list[str] = []
    deploy(deployment, b"audio", lines.append)
    assert not server.requests_to("/endpoints")
    (body,) = server.requests_to("endpoints/5:deployModel")
    assert body["trafficSplit"] == {"0": 100}  # models not listed get none
    (line,) = [line for line in lines if "no more traffic" in line]
    assert "undeploy-model 5" in line and "--deployed-model-id=3" in line
    assert not any("endpoints delete" in line for line in lines)


def test_an_existing_endpoint_must_match_dedicated(deployment: Deployment, server: Vertex) -> None:
    place = f"{HOME}/endpoints/5"
    server.endpoints[place] = {"name": place, "displayName": "amt"}
    with pytest.raises(DeployError, match="is not dedicated; choose another --endpoint") as caught:
        deploy(replace(deployment, dedicated=True), b"audio", print)
    assert removals(caught.value) == ["ai models delete", "storage rm --recursive"]


@pytest.mark.parametrize(
    ("verb", "left"),
    [
        ("upload", ["storage rm --recursive"]),
        ("UploadModelResponse", ["storage rm --recursive"]),
        ("endpoints", ["ai models delete", "storage rm --recursive"]),
        ("deployModel", ["ai endpoints delete", "ai models delete", "storage rm --recursive"]),
        (
            "DeployModelResponse",
            ["ai endpoints delete", "ai models delete", "storage rm --recursive"],
        ),
        (
            "predict",
            [
                "ai endpoints undeploy-model",
                "ai endpoints delete",
                "ai models delete",
                "storage rm --recursive",
            ],
        ),
    ],
)
def test_an_error_lists_the_removal_commands(
    deployment: Deployment, server: Vertex, verb: str, left: list[str]
) -> None:
    # "Forbidden" is 403 in an HTTP response, and 7 (gRPC) in a long-running operation.
    server.failing[verb] = (7 if verb.endswith("Response") else 403, "quota of machines")
    with pytest.raises(DeployError, match="quota of machines") as caught:
        deploy(deployment, b"audio", print)
    assert "\n" not in str(caught.value)
    assert removals(caught.value) == left


@pytest.mark.parametrize("predictions", [[], [{"error": "not audio"}]])
def test_an_endpoint_without_a_prediction(
    deployment: Deployment, server: Vertex, predictions: list
) -> None:
    server.predictions = predictions
    with pytest.raises(DeployError, match=r"answered \[.*\], expected a prediction"):
        deploy(deployment, b"audio", print)


def test_an_unknown_region_fails_before_the_upload(deployment: Deployment, server: Vertex) -> None:
    with pytest.raises(DeployError, match="no resources were created"):
        deploy(replace(deployment, region="mars"), b"audio", print)
    assert not list(Client(project="p").bucket(BUCKET).list_blobs())


def test_a_missing_bucket_fails_before_the_model_is_created(
    deployment: Deployment, server: Vertex
) -> None:
    with pytest.raises(
        DeployError,
        match=r"there is no such bucket.* no resources were created, but files may be in gs://nowhere/amt/grand-",
    ):
        deploy(replace(deployment, bucket="gs://nowhere"), b"audio", print)
    assert not server.requests


def test_changed_files_get_another_artifact_uri(deployment: Deployment, folder: Path) -> None:
    before = deployment.artifacts
    assert before == replace(deployment, bucket=f"gs://{BUCKET}/lab/").artifacts
    (folder / "model.onnx").write_bytes(b"Weights")
    assert replace(deployment).artifacts != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folder": Path("nowhere")}, "expected a folder with model.json"),
        ({"bucket": "takes"}, "expected gs://"),
        ({"bucket": "gs://takes/../x"}, "not allowed in names"),
        ({"min_replicas": 0}, "0 to 1 replicas"),
        ({"min_replicas": 2}, "2 to 1 replicas"),
        ({"allowed_uris": ("takes/",)}, "expected gs://"),
        ({"endpoint": 'a" OR display_name="b'}, "without quotation marks"),
        ({"endpoint": ""}, "expected a name"),
    ],
)
def test_invalid_settings_are_rejected(deployment: Deployment, changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(deployment, **changes)


def test_a_dry_run_does_not_import_google(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    monkeypatch.setitem(sys.modules, "google", None)  # importing it now fails
    command = ["deploy", "vertex", str(folder), *PLACE, "--image", IMAGE, "--dry-run"]
    assert cli.main([*command, "--allowed-uris", "gs://takes/b,gs://ours"]) == 0
    lines = capsys.readouterr().out.splitlines()
    begins = ["aiplatform.init", "upload", "upload", "model = ", "aiplatform.Endpoint.list"]
    begins += ["endpoint = ", "endpoint.deploy", "endpoint.predict"]
    assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True))
    assert "'AMT_ALLOWED_URIS': 'gs://takes/b,gs://ours'" in lines[3]
    assert all(len(line) < 700 for line in lines)


def test_the_command_prints_the_test_prediction(
    server: Vertex, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert cli.main(["deploy", "vertex", str(folder), *PLACE, "--image", IMAGE]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("prediction for the test recording: ") and '"note_count": 1' in last
    (request,) = server.requests_to(":predict")
    audio = request["instances"][0]["audio"]["b64"]
    assert (
        audio.startswith("ZkxhQ") and len(audio) < 300_000
    )  # base64 of "fLaC"; far below the request limit


def test_a_missing_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, deployment: Deployment
) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform", None)
    monkeypatch.delattr("google.cloud.aiplatform", raising=False)
    with pytest.raises(DeployError, match=r"pip install 'amt\[vertex\]'"):
        deploy(deployment, b"audio", print)


def test_planned_calls_use_the_arguments_of_the_deployment(deployment: Deployment) -> None:
    lines = list(planned_calls(deployment, b"audio"))
    assert f"artifact_uri='{deployment.artifacts}'" in lines[3]
    with pytest.raises(StorageError):
        replace(deployment, bucket="")
