"""Options of `amt monitor`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from amt.commands.options import file_or_folder, local_or_uri

# Exit code of `compare` and `report` for a verdict that --fail-on names. 1 is an error, 2 of usage.
DRIFTED = 3
MODEL = "base"
WEBHOOK_VARIABLE = "AMT_MONITORING_WEBHOOK"
# In 10,000 recordings without a change, windows of 50 and 100 gave neither alarm nor watch. Those
# of 25 saw most simulated drifts, but gave a watch now and then; those of 200 begin to tell
# one collection of pieces from another (experiments/monitoring/drift_simulation.py).
WINDOW = 100


def add_comparison_options(parser: argparse.ArgumentParser) -> None:
    """Add those of `compare` and `report`."""
    add_inputs(
        parser,
        "what AMT_MONITORING names (a folder or gs://), JSON lines, logs of `amt serve` and "
        "`amt app`; or recordings, which are measured now",
    )
    # None: of --profile, else MODEL. So a --model that contradicts the profile is noticed.
    add_model(parser, None)
    option = parser.add_argument
    option(
        "--profile",
        type=file_or_folder,
        metavar="FILE",
        help="reference profile (default: the model's)",
    )
    option(
        "--window",
        type=int,
        default=WINDOW,
        metavar="N",
        help="recordings and rejected inputs in a window, counted back from the newest "
        "(default: %(default)s)",
    )
    option("--since", metavar="TIME", help="7d, 24h or a date (UTC): leave out what is older")
    option(
        "--prometheus",
        type=file_or_folder,
        metavar="FILE",
        help="also write gauges for the textfile collector (NAME.prom)",
    )
    option(
        "--webhook",
        metavar="URL",
        default=os.environ.get(WEBHOOK_VARIABLE, ""),
        help=f"also POST a verdict that --fail-on names, as JSON (default: {WEBHOOK_VARIABLE})",
    )
    option(
        "--fail-on",
        choices=("watch", "alarm", "never"),
        default="alarm",
        help=f"the least verdict that gives exit code {DRIFTED} (default: %(default)s)",
    )


def add_inputs(parser: argparse.ArgumentParser, text: str) -> None:
    """Add what is read: paths and gs:// URIs."""
    parser.add_argument("inputs", nargs="+", type=local_or_uri, metavar="INPUT", help=text)


def add_model(parser: argparse.ArgumentParser, default: str | None = MODEL) -> None:
    """Add --model."""
    parser.add_argument(
        "--model",
        default=default,
        metavar="NAME",
        help="name of the model, or a checkpoint, also gs://; of a registered model "
        f"LAKE/models/NAME, for its current version (default: {MODEL})",
    )


def add_output(parser: argparse.ArgumentParser, default: str | None, text: str) -> None:
    """Add --output; without a default it is required."""
    parser.add_argument(
        "-o",
        "--output",
        type=file_or_folder,
        required=default is None,
        default=default and Path(default),
        metavar="FILE",
        help=text + (f" (default: {default})" if default else ""),
    )
