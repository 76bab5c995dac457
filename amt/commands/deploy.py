"""`amt deploy`: an exported model to Vertex AI, or the HTTP app to Cloud Run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from amt.commands.options import file_or_folder

TEST_SEED = 0
_ALLOWED_URIS_HELP = (
    "comma-separated gs:// prefixes of recordings that requests may name (default: none)"
)
_SEVERAL_INSTANCES = (
    "warning: for POST / alone; the page needs --instances 1, because recordings that wait, and "
    "their events, are in the memory of the instance that received them"
)


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the sub-command to the parser of `amt`."""
    parser = commands.add_parser(
        "deploy",
        help="deploy a model to Vertex AI, or the app to Cloud Run",
        description="Deploy to Google Cloud: an exported model, or the HTTP app.",
    )
    services = parser.add_subparsers(required=True)
    _add_app(services)
    vertex = services.add_parser(
        "vertex",
        help="deploy to an endpoint of Google Vertex AI",
        description="Upload an exported model, deploy it to a Vertex AI endpoint in the container "
        "built from amt/serving/Dockerfile, and request a test transcription. The machines cost "
        "money until the model is undeployed; each step prints the command that undoes it. "
        "Details: amt/serving/README.md.",
    )
    _add_vertex_options(vertex.add_argument)
    vertex.set_defaults(run=_deploy_vertex)


def _add_app(services: Any) -> None:
    app = services.add_parser(
        "app",
        help="deploy the HTTP app to Cloud Run",
        description="Deploy the app of `amt app` to Google Cloud Run by gcloud: a function built "
        "from source; with --image as a container built from amt/serving/Dockerfile. Requests "
        "need an identity token unless --public is given. Details: amt/app/README.md.",
    )
    option = app.add_argument
    option("--project", required=True, metavar="ID", help="Google Cloud project")
    option("--region", required=True, metavar="NAME", help="for example europe-west4")
    option("--lake", required=True, metavar="URI", help="gs://BUCKET/PREFIX, the data lake")
    option("--name", default="amt", metavar="NAME", help="of the service (default: %(default)s)")
    option("--image", metavar="URI", help="container image (default: a function from source)")
    option(
        "--torch-index", metavar="URL", help="package index with PyTorch for CPUs, for a function"
    )
    option("--endpoint", metavar="NAME", help="endpoint of `amt deploy vertex` that transcribes")
    option("--gemini", action="store_true", help="answer by Gemini on Vertex AI")
    option("--public", action="store_true", help="admit requests without identity token")
    option("--allowed-uris", type=_uris, default=(), metavar="LIST", help=_ALLOWED_URIS_HELP)
    option("--memory", default="4Gi", metavar="SIZE", help="default: %(default)s")
    option("--cpu", type=int, default=2, metavar="N", help="default: %(default)s")
    option("--instances", type=int, default=1, metavar="N", help="at most (default: %(default)s)")
    option("--service-account", metavar="EMAIL", help="account that the app runs as")
    option("--dry-run", action="store_true", help="print the command and the source's files")
    app.set_defaults(run=_deploy_app)


def _add_vertex_options(option: Any) -> None:
    option("folder", type=file_or_folder, metavar="DIR", help="folder written by `amt export`")
    option("--project", required=True, metavar="ID", help="Google Cloud project")
    option("--region", required=True, metavar="NAME", help="for example europe-west4")
    option("--bucket", required=True, metavar="URI", help="gs://BUCKET[/PREFIX] for model files")
    option("--image", required=True, metavar="URI", help="container image in Artifact Registry")
    option(
        "--endpoint",
        default="amt",
        metavar="NAME",
        help="display name; created if it does not exist (default: %(default)s)",
    )
    option("--dedicated", action="store_true", help="dedicated endpoint: larger requests, 10 min")
    option("--machine-type", default="n1-standard-4", metavar="NAME", help="default: %(default)s")
    option("--min-replicas", type=int, default=1, metavar="N", help="default: %(default)s")
    option("--max-replicas", type=int, default=1, metavar="N", help="default: %(default)s")
    option("--accelerator", metavar="TYPE", help="for example NVIDIA_L4 (default: none)")
    option("--service-account", metavar="EMAIL", help="account that the container runs as")
    option(
        "--allowed-uris",
        type=_uris,
        default=(),
        metavar="LIST",
        help=_ALLOWED_URIS_HELP,
    )
    option("--dry-run", action="store_true", help="print the calls without making them")


def _uris(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _deploy_app(arguments: argparse.Namespace) -> int:
    from amt.cloud.run import AppDeployment, deploy_app, requirements, shell_line

    if arguments.image and arguments.torch_index:
        text = "--torch-index is for a function from source, --image has its own PyTorch"
        raise ValueError(f"{text}: leave one of them out")
    given = vars(arguments)
    deployment = AppDeployment(**{field.name: given[field.name] for field in fields(AppDeployment)})
    if deployment.instances > 1:
        print(f"amt: --instances {deployment.instances}: {_SEVERAL_INSTANCES}", file=sys.stderr)
    if arguments.dry_run:
        if not deployment.image:
            print("# SOURCE/main.py, SOURCE/amt/ and SOURCE/requirements.txt:")
            print(requirements(deployment.torch_index).rstrip())
        print(shell_line(deployment.command(Path("SOURCE"))))
        return 0
    with tempfile.TemporaryDirectory(prefix="amt-app-") as folder:
        deploy_app(deployment, Path(folder), lambda line: print(line, flush=True))
    return 0


def _deploy_vertex(arguments: argparse.Namespace) -> int:
    from amt.cloud.vertex import Deployment, deploy, planned_calls

    given = vars(arguments)
    deployment = Deployment(**{field.name: given[field.name] for field in fields(Deployment)})
    recording = _test_recording()
    if arguments.dry_run:
        print("\n".join(planned_calls(deployment, recording)))
        return 0
    prediction = deploy(deployment, recording, lambda line: print(line, flush=True))
    print(f"prediction for the test recording: {_one_line(prediction)}")
    return 0


def _test_recording() -> bytes:
    """Three notes on the built-in piano, about two seconds, as a FLAC file."""
    import numpy as np

    from amt.inference.writers import load_player
    from amt.io.audio import save
    from amt.notes import Notes

    pitch = np.array([60, 64, 67])
    onset = 0.2 + 0.4 * np.arange(len(pitch))
    notes = Notes(onset, onset + 0.5, pitch, np.full(len(pitch), 80))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chord.flac"
        save(path, load_player(None, TEST_SEED)(notes))
        return path.read_bytes()


def _one_line(prediction: Mapping[str, Any], max_characters: int = 300) -> str:
    """A prediction as one line of JSON; lists are replaced by their length."""
    lengths = {
        key: len(value) if isinstance(value, list) else value for key, value in prediction.items()
    }
    text = json.dumps(lengths, ensure_ascii=False)
    return text if len(text) <= max_characters else f"{text[:max_characters]}..."
