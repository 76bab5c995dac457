"""Submitting the pipeline to Vertex AI: the requests that the official client sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from buckets import BUCKET
from google.cloud.aiplatform.utils import gcs_utils
from vertex_server import Vertex, vertex

from amt.cloud.vertex import DeployError
from amt.cloud.vertex_pipelines import PipelineTarget, planned_submission, submit
from amt.retraining.runs import IMAGE, TEMPLATE

TARGET = PipelineTarget(
    template=TEMPLATE,
    placeholder=IMAGE,
    image="europe-west4-docker.pkg.dev/p/amt/retraining:1",
    project="p",
    region="europe-west4",
    root=f"gs://{BUCKET}/lab/retraining/pipelines",
    name="amt-retrain",
    parameters={"lake": f"gs://{BUCKET}/lab", "force": False},
    service_account="amt@p.iam.gserviceaccount.com",
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vertex]:
    # Google's client would make the bucket of the pipeline's files, if it did not exist.
    bucket = "create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist"
    monkeypatch.setattr(gcs_utils, bucket, lambda **_: None)
    with vertex(monkeypatch) as state:
        yield state


def check_job(job: dict) -> None:
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"].values()
    assert {one["container"]["image"] for one in executors} == {TARGET.image}
    values = job["runtimeConfig"]["parameterValues"]
    assert values == {"lake": f"gs://{BUCKET}/lab", "force": False}
    assert job["runtimeConfig"]["gcsOutputDirectory"] == TARGET.root


def test_a_run(server: Vertex) -> None:
    lines: list[str] = []
    name = submit(TARGET, None, lines.append)
    (job,) = server.jobs
    check_job(job)
    assert job["serviceAccount"] == TARGET.service_account
    assert lines == [f"submitted {name}"]


def test_a_schedule_is_made_once_and_then_changed(server: Vertex) -> None:
    lines: list[str] = []
    submit(TARGET, "0 3 * * 1", lines.append)
    (schedule,) = server.schedules.values()
    assert (schedule["cron"], schedule["displayName"]) == ("0 3 * * 1", "amt-retrain")
    assert schedule["maxConcurrentRunCount"] == "1"
    check_job(schedule["createPipelineJobRequest"]["pipelineJob"])
    assert "gcloud ai schedules delete 1 --project=p" in lines[0]
    submit(TARGET, "0 4 * * 1", lines.append)
    (schedule,) = server.schedules.values()
    assert schedule["cron"] == "0 4 * * 1"
    assert not server.jobs


def test_an_error_is_one_line(server: Vertex) -> None:
    server.failing["pipelineJobs"] = (403, "no\nright")
    with pytest.raises(DeployError, match=r"not submitted: .*no right") as caught:
        submit(TARGET, None, print)
    assert "\n" not in str(caught.value)


def test_planned_calls(server: Vertex) -> None:
    assert [line.partition("(")[0] for line in planned_submission(TARGET, None)] == [
        "aiplatform.init",
        "job = aiplatform.PipelineJob",
        "job.submit",
    ]
    assert "cron='0 3 * * 1'" in list(planned_submission(TARGET, "0 3 * * 1"))[-1]
    assert not server.requests


def test_the_root_must_be_on_cloud_storage() -> None:
    with pytest.raises(ValueError, match="expected gs://"):
        replace(TARGET, root="/tmp/pipelines")
