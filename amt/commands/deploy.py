"""`amt deploy`: deploy an exported model to a cloud service."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from amt.commands.options import file_or_folder

TEST_SEED = 0


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the sub-command to the parser of `amt`."""
    parser = commands.add_parser(
        "deploy",
        help="deploy an exported model to Vertex AI",
        description="Deploy an exported model to a cloud service.",
    )
    vertex = parser.add_subparsers(required=True).add_parser(
        "vertex",
        help="deploy to an endpoint of Google Vertex AI",
        description="Upload an exported model, deploy it to a Vertex AI endpoint in the container "
        "built from amt/serving/Dockerfile, and request a test transcription. The machines cost "
        "money until the model is undeployed; each step prints the command that undoes it. "
        "Details: amt/serving/README.md.",
    )
    _add_options(vertex.add_argument)
    vertex.set_defaults(run=_run)


def _add_options(option: Any) -> None:
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
        help="comma-separated gs:// prefixes of recordings that requests may name (default: none)",
    )
    option("--dry-run", action="store_true", help="print the calls without making them")


def _uris(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _run(arguments: argparse.Namespace) -> int:
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
