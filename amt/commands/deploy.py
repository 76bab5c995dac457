"""`amt deploy`: an exported model to where others reach it."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

TEST_SEED = 0


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "deploy", help="an exported model to Vertex AI", description="Deploy an exported model."
    )
    vertex = parser.add_subparsers(required=True).add_parser(
        "vertex",
        help="to an endpoint of Vertex AI",
        description="Upload an exported model, deploy it on Vertex AI in the container that is "
        "built from amt/serving/Dockerfile, and ask it for a test transcription. Machines are "
        "paid for until the model is undeployed; each step says how it is undone.",
    )
    _add_options(vertex.add_argument)
    vertex.set_defaults(run=_run)


def _add_options(option: Any) -> None:
    option("folder", type=Path, metavar="DIR", help="what `amt export` wrote")
    option("--project", required=True, metavar="ID", help="project of Google Cloud")
    option("--region", required=True, metavar="NAME", help="such as europe-west4")
    option("--bucket", required=True, metavar="URI", help="gs://BUCKET[/PREFIX] for its files")
    option("--image", required=True, metavar="URI", help="the container, in Artifact Registry")
    option("--endpoint", default="amt", metavar="NAME", help="made if new (default: %(default)s)")
    option("--dedicated", action="store_true", help="an address of its own: larger requests")
    option("--machine-type", default="n1-standard-4", metavar="NAME", help="default: %(default)s")
    option("--min-replicas", type=int, default=1, metavar="N", help="default: %(default)s")
    option("--max-replicas", type=int, default=1, metavar="N", help="default: %(default)s")
    option("--accelerator", metavar="TYPE", help="such as NVIDIA_L4 (default: none)")
    option("--service-account", metavar="EMAIL", help="whose rights the container has")
    option(
        "--allowed-uris",
        type=_uris,
        default=(),
        metavar="LIST",
        help="gs:// prefixes whose recordings may be asked for (default: none)",
    )
    option("--dry-run", action="store_true", help="show each call and make none")


def _uris(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _run(arguments: argparse.Namespace) -> int:
    from amt.cloud.vertex import Deployment, deploy, planned

    given = vars(arguments)
    deployment = Deployment(**{field.name: given[field.name] for field in fields(Deployment)})
    recording = _test_recording()
    if arguments.dry_run:
        print("\n".join(planned(deployment, recording)))
        return 0
    answer = deploy(deployment, recording, lambda line: print(line, flush=True))
    print(f"the test recording came back: {_shortly(answer)}")
    return 0


def _test_recording() -> bytes:
    """A chord of three notes on the built-in piano, about two seconds, as FLAC."""
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


def _shortly(answer: Mapping[str, Any], most: int = 300) -> str:
    """The answer for a recording in a line: of lists, only how long they are."""
    counted = {
        key: len(value) if isinstance(value, list) else value for key, value in answer.items()
    }
    text = json.dumps(counted, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}..."
