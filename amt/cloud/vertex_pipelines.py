"""Submit a compiled pipeline to Vertex AI Pipelines, once or by a schedule.

https://cloud.google.com/vertex-ai/docs/pipelines/schedule-pipeline-run
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amt.cloud.objects import split_place
from amt.cloud.storage import CREDENTIALS_ADVICE
from amt.cloud.vertex import DeployError, call_line, load_aiplatform, name_filter
from amt.errors import one_line


@dataclass(frozen=True)
class PipelineTarget:
    """A pipeline and where it runs. Raises ValueError for invalid settings.

    template: the compiled pipeline. placeholder: what stands in it for `image`, the container image
    in Artifact Registry. root: a gs:// folder for the files of Vertex AI Pipelines. name: display
    name of its runs and of its schedule. parameters: of the pipeline.
    """

    template: Path
    placeholder: str
    image: str
    project: str
    region: str
    root: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    service_account: str | None = None

    def __post_init__(self) -> None:
        split_place(self.root)

    def job_arguments(self, template: str) -> dict[str, Any]:
        """Keyword arguments of aiplatform.PipelineJob."""
        return {
            "display_name": self.name,
            "template_path": template,
            "pipeline_root": self.root,
            "parameter_values": dict(self.parameters),
            "enable_caching": False,
        }

    def schedule_arguments(self, cron: str) -> dict[str, Any]:
        """Keyword arguments of PipelineJobSchedule.create."""
        return {
            "cron": cron,
            "max_concurrent_run_count": 1,
            "service_account": self.service_account,
        }


def planned_submission(target: PipelineTarget, cron: str | None) -> Iterator[str]:
    """The calls that `submit` would make, one line each; makes none of them."""
    yield call_line("aiplatform.init", {"project": target.project, "location": target.region})
    template = f"{target.template.name}, its images replaced by {target.image}"
    yield call_line("job = aiplatform.PipelineJob", target.job_arguments(template))
    if cron is None:
        yield call_line("job.submit", {"service_account": target.service_account})
        return
    yield call_line("aiplatform.PipelineJobSchedule.list", {"filter": name_filter(target.name)})
    yield call_line("schedule.update", {"cron": cron}) + "  # if it exists; else:"
    naming = {"pipeline_job": "job", "display_name": target.name}
    yield call_line("schedule = aiplatform.PipelineJobSchedule", naming)
    yield call_line("schedule.create", target.schedule_arguments(cron))


def submit(target: PipelineTarget, cron: str | None, report: Callable[[str], object]) -> str:
    """Start the pipeline; with `cron` (five fields) let it start by a schedule instead.

    A schedule of the same name is changed, so that there is one. Returns the resource name of the
    run or the schedule. Raises DeployError.
    """
    aiplatform = load_aiplatform()
    with _translated(), _template(target) as template:
        aiplatform.init(project=target.project, location=target.region)
        job = aiplatform.PipelineJob(**target.job_arguments(template))
        if cron is None:
            job.submit(service_account=target.service_account)
            report(f"submitted {job.resource_name}")
            return str(job.resource_name)
        found = aiplatform.PipelineJobSchedule.list(filter=name_filter(target.name))
        if found:
            found[0].update(cron=cron)
            rest = "its image and parameters stay; delete it first to change these"
            report(f"changed {found[0].resource_name}: {cron} ({rest})")
            return str(found[0].resource_name)
        schedule = aiplatform.PipelineJobSchedule(pipeline_job=job, display_name=target.name)
        schedule.create(**target.schedule_arguments(cron))
        location = f"--project={target.project} --region={target.region}"
        removal = f"gcloud ai schedules delete {schedule.name} {location}"
        report(f"created {schedule.resource_name}: {cron}; remove it: {removal}")
        return str(schedule.resource_name)


@contextmanager
def _template(target: PipelineTarget) -> Iterator[str]:
    """The path of the template with the image of the target."""
    import yaml

    pipeline = yaml.safe_load(target.template.read_text("utf-8"))
    for executor in pipeline["deploymentSpec"]["executors"].values():
        if executor["container"]["image"] == target.placeholder:
            executor["container"]["image"] = target.image
    with tempfile.TemporaryDirectory(prefix="amt-") as folder:
        path = Path(folder, target.template.name)
        path.write_text(yaml.safe_dump(pipeline, sort_keys=False), "utf-8")
        yield str(path)


@contextmanager
def _translated() -> Iterator[None]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError

    try:
        yield
    except (DefaultCredentialsError, RefreshError) as error:
        advice = f"no valid Google credentials; {CREDENTIALS_ADVICE}"
        raise DeployError(f"not submitted: {advice}") from error
    except (GoogleAPIError, GoogleAuthError, RuntimeError) as error:
        raise DeployError(f"not submitted: {one_line(error, most=400)}") from error
