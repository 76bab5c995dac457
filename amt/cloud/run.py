"""Deploy the HTTP app to Cloud Run: from source as a function, or as a container.

Both are Cloud Run services. A function is built by Google from a folder of source and started by
functions-framework; a container is an image that was built from amt/serving/Dockerfile.
https://cloud.google.com/functions/docs/deploy, https://cloud.google.com/run/docs/deploying
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

import amt
from amt.cloud.objects import split_place
from amt.cloud.storage import ALLOWED_URIS_VARIABLE, AllowedPrefixes

RUNTIME = "python313"
# functions-framework calls it: amt/app/function.py.
ENTRY_POINT = "ask"
# What the app imports; training needs much more.
PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "scipy",
    "scikit-learn",
    "soundfile",
    "soxr",
    "mido",
    "safetensors",
    "matplotlib",
    "tqdm",
    "google-cloud-storage",
    "requests",
    "packaging",
    "fastapi",
    "uvicorn",
    "python-multipart",
    "prometheus-client",
    "google-genai",
    "functions-framework",
)
# gcloud's own syntax for values with commas: the character between ^ and ^ separates them.
_SEPARATOR = "^;^"


@dataclass(frozen=True)
class AppDeployment:
    """The settings of a deployment of the app. Raises ValueError for invalid ones.

    lake: gs://BUCKET/PREFIX, the data lake. image: a container image in Artifact Registry; without
    one the app is deployed as a function, from source. torch_index: package index with a build of
    PyTorch for CPUs, for a function. endpoint: resource name of an endpoint of Vertex AI that
    transcribes; without one the app transcribes itself. gemini: answer by Gemini on Vertex AI, with
    the service's own account. public: without an identity token. instances: at most so many; with
    more than one a page may meet an instance that does not transcribe its recording.
    """

    project: str
    region: str
    lake: str
    name: str = "amt"
    image: str | None = None
    torch_index: str | None = None
    endpoint: str | None = None
    gemini: bool = False
    public: bool = False
    allowed_uris: tuple[str, ...] = ()
    memory: str = "4Gi"
    cpu: int = 2
    instances: int = 1
    service_account: str | None = None

    def __post_init__(self) -> None:
        split_place(self.lake)
        AllowedPrefixes(self.allowed_uris)
        if self.cpu < 1 or self.instances < 1:
            raise ValueError(f"{self.cpu} CPUs, {self.instances} instances: expected at least 1")

    def variables(self) -> dict[str, str]:
        """Environment variables of the service."""
        # Google's front end is the one proxy before the service.
        found = {"AMT_LAKE": self.lake, "AMT_HOST": "0.0.0.0", "AMT_TRUSTED_PROXIES": "1"}
        if self.endpoint:
            found["AMT_VERTEX_ENDPOINT"] = self.endpoint
        if self.allowed_uris:
            found[ALLOWED_URIS_VARIABLE] = ",".join(self.allowed_uris)
        if self.gemini:
            found["GOOGLE_GENAI_USE_VERTEXAI"] = "true"
            found["GOOGLE_CLOUD_PROJECT"] = self.project
            found["GOOGLE_CLOUD_LOCATION"] = self.region
        return found

    def command(self, source: Path) -> list[str]:
        """The gcloud command that deploys; `source` is the folder of `write_source`."""
        return self._container_command() if self.image else self._function_command(source)

    def removal(self) -> list[str]:
        """The gcloud command that removes the service."""
        kind = ["run", "services"] if self.image else ["functions"]
        place = [f"--project={self.project}", f"--region={self.region}"]
        return ["gcloud", *kind, "delete", self.name, *place]

    def _function_command(self, source: Path) -> list[str]:
        return [
            *["gcloud", "functions", "deploy", self.name, "--gen2", "--trigger-http"],
            f"--runtime={RUNTIME}",
            f"--entry-point={ENTRY_POINT}",
            f"--source={source}",
            *self._common(),
        ]

    def _container_command(self) -> list[str]:
        return [
            *["gcloud", "run", "deploy", self.name, f"--image={self.image}"],
            *["--command=amt", "--args=app", "--port=8080"],
            # Transcriptions go on after an upload is answered.
            *["--no-cpu-throttling", "--session-affinity"],
            *self._common(),
        ]

    def _common(self) -> list[str]:
        variables = ";".join(f"{name}={value}" for name, value in self.variables().items())
        account = [f"--service-account={self.service_account}"] if self.service_account else []
        return [
            f"--project={self.project}",
            f"--region={self.region}",
            f"--memory={self.memory}",
            f"--cpu={self.cpu}",
            "--concurrency=32",
            "--timeout=600",
            f"--max-instances={self.instances}",
            "--allow-unauthenticated" if self.public else "--no-allow-unauthenticated",
            *account,
            f"--set-env-vars={_SEPARATOR}{variables}",
        ]


def write_source(folder: Path, deployment: AppDeployment) -> None:
    """Write the source of the function: entry point, requirements, and this package."""
    text = (
        f'"""The function that Cloud Run calls."""\n\nfrom amt.app.function import {ENTRY_POINT}\n'
    )
    (folder / "main.py").write_text(f'{text}\n__all__ = ["{ENTRY_POINT}"]\n', "utf-8")
    (folder / "requirements.txt").write_text(requirements(deployment.torch_index), "utf-8")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(Path(amt.__file__).parent, folder / "amt", ignore=ignored)


def requirements(torch_index: str | None) -> str:
    """The text of requirements.txt: what the app imports, in the versions that amt allows."""
    needed = {one.name: one for one in map(Requirement, requires("amt") or [])}
    lines = [f"{name}{needed[name].specifier}" for name in PACKAGES]
    index = [f"--extra-index-url {torch_index}"] if torch_index else []
    return "\n".join([*index, *lines]) + "\n"


def deploy_app(deployment: AppDeployment, source: Path, report: Callable[[str], object]) -> None:
    """Deploy by gcloud, which shows its own progress. Raises ValueError if that fails."""
    program = shutil.which("gcloud")
    if program is None:
        advice = "install the Google Cloud CLI, or add --dry-run to see the command"
        raise ValueError(f"deploying needs gcloud; {advice}")
    if not deployment.image:
        write_source(source, deployment)
    command = deployment.command(source)
    report(shell_line(command))
    done = subprocess.run([program, *command[1:]], check=False)
    if done.returncode:
        raise ValueError(f"gcloud failed with exit code {done.returncode}; its message is above")
    report(f"deployed; remove it: {shell_line(deployment.removal())}")


def shell_line(command: Sequence[str]) -> str:
    """A command as it would be typed."""
    return shlex.join(command)
