"""`amt retrain`: from corrections in the lake to a new version of a model that serves."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amt.commands.lake_option import add_lake_option, open_given_lake

if TYPE_CHECKING:
    from amt.cloud.vertex_pipelines import PipelineTarget
    from amt.retraining.context import Context
    from amt.retraining.settings import Settings


def add(commands: Any, words: Sequence[str]) -> None:
    """Add the command to those of `amt`."""
    parser = commands.add_parser(
        "retrain",
        help="learn from new corrections, and let the better model serve",
        description="Fine-tune the current version of a model on the corrections that users of "
        "`amt app` saved, score both on fixed sets and on corrections kept for that, and let the "
        "new one serve only if it is better there and nowhere worse than a margin. Each step's "
        "result is written into the lake: after an interruption type the same again. Without new "
        "corrections nothing is done. Exit code 1: the new version was rejected or taken back. "
        "`amt registry` shows versions and rolls back.",
    )
    _add_run_options(parser)
    parser.set_defaults(run=_run)
    verbs = parser.add_subparsers(metavar="list|show|settings|submit")
    _add_verb(verbs, "list", _list, "show all runs, a line each, the oldest first")
    show = _add_verb(verbs, "show", _show, "show a run: what each step did")
    show.add_argument("id", nargs="?", metavar="RUN", help="default: the last one")
    about = "print the settings in use, as YAML; save it as LAKE/retraining/settings.yaml to change"
    _add_verb(verbs, "settings", _settings, about).add_argument(
        "--settings", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    _add_submit(verbs)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    add_lake_option(parser)
    option(
        "--settings",
        type=Path,
        metavar="FILE",
        help="YAML file (default: LAKE/retraining/settings.yaml, if it is there); "
        "`amt retrain settings` shows all",
    )
    option("--model", metavar="NAME", help="the model (default: that of the settings, base)")
    option(
        "--checkout",
        type=Path,
        metavar="DIR",
        help="folder with train.py and conf (default: that of this package)",
    )
    option(
        "--work",
        type=Path,
        metavar="DIR",
        help="folder for runs and decoded sets (default: ~/.cache/amt/retraining)",
    )
    option("--force", action="store_true", help="train without new corrections, too")
    option("--dry-run", action="store_true", help="print what would be done, each call of Vertex")
    option(
        "--schedule",
        metavar="CRON",
        help='print the line for crontab that does this regularly, e.g. "0 3 * * 1"',
    )


def _add_verb(verbs: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.")
    # Given before the verb, an option holds too.
    add_lake_option(parser, default=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def _add_submit(verbs: Any) -> None:
    about = "run it as a pipeline on Vertex AI, once or by a schedule"
    parser = _add_verb(verbs, "submit", _submit, about)
    option = parser.add_argument
    option("--project", required=True, metavar="ID", help="Google Cloud project")
    option("--region", required=True, metavar="NAME", help="for example europe-west4")
    option("--image", required=True, metavar="URI", help="built from amt/retraining/Dockerfile")
    option("--service-account", metavar="EMAIL", help="account that the pipeline runs as")
    option("--schedule", metavar="CRON", help='for example "0 3 * * 1": Mondays at 3, UTC')
    option("--force", action="store_true", help="train without new corrections, too")
    option("--dry-run", action="store_true", help="print the calls without making them")


def _context(arguments: argparse.Namespace) -> Context:
    from amt.io.folders import user_path
    from amt.retraining.context import Context
    from amt.retraining.tasks import DEFAULT_WORK

    return Context(
        lake=open_given_lake(arguments),
        work=user_path(str(arguments.work or DEFAULT_WORK)).resolve(),
        checkout=arguments.checkout,
        report=lambda line: print(line, flush=True),
    )


def _read_settings(arguments: argparse.Namespace) -> Settings:
    from amt.retraining.settings import read_settings

    settings = read_settings(open_given_lake(arguments), arguments.settings)
    return replace(settings, model=arguments.model) if arguments.model else settings


def _run(arguments: argparse.Namespace) -> int:
    from amt.retraining.planning import planned
    from amt.retraining.retrain import check_model, retrain
    from amt.retraining.runs import FAILED, outcome
    from amt.retraining.scripts import find_checkout

    context, settings = _context(arguments), _read_settings(arguments)
    if arguments.schedule:
        print(_crontab_line(arguments, context))
        return 0
    find_checkout(context.checkout)  # Before anything is done.
    if arguments.model:
        check_model(context, settings)
    if arguments.dry_run:
        print(*planned(context, settings, arguments.force), sep="\n")
        return 0
    run = retrain(context, settings, arguments.force)
    return 1 if run and outcome(run.results()) in FAILED else 0


def _crontab_line(arguments: argparse.Namespace, context: Context) -> str:
    """The line that `crontab -e` takes."""
    import sys

    from amt.retraining.schedules import check_cron

    check_cron(arguments.schedule)
    words = [sys.executable, "-m", "amt.cli", "retrain", "--lake", context.lake.uri]
    words += ["--model", arguments.model] if arguments.model else []
    for name in ("settings", "checkout", "work"):
        if given := getattr(arguments, name):
            words += [f"--{name}", str(given.resolve())]
    # A percent sign is a line break in a crontab.
    command = shlex.join(words).replace("%", r"\%")
    return f"{arguments.schedule} {command} >> ~/amt-retrain.log 2>&1"


def _list(arguments: argparse.Namespace) -> int:
    from amt.retraining.lines import run_line
    from amt.retraining.runs import runs

    lake = open_given_lake(arguments)
    lines = [run_line(run, run.results()) for run in runs(lake)]
    print(*(lines or [f"{lake.uri}: no run yet; type amt retrain"]), sep="\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from amt.retraining.lines import ended_line, step_line
    from amt.retraining.runs import find_run, outcome

    run = find_run(open_given_lake(arguments), arguments.id)
    results = run.results()
    print(*(step_line(run, step, result) for step, result in results.items()), sep="\n")
    print(
        ended_line(run, results) if outcome(results) else f"{run.id}: not over; amt retrain goes on"
    )
    return 0


def _settings(arguments: argparse.Namespace) -> int:
    from amt.retraining.settings import as_yaml

    print(as_yaml(_read_settings(arguments)), end="")
    return 0


def _submit(arguments: argparse.Namespace) -> int:
    from amt.cloud.vertex_pipelines import planned_submission, submit
    from amt.retraining.schedules import check_cron

    target = _pipeline(arguments)
    if arguments.schedule:
        check_cron(arguments.schedule)
    if arguments.dry_run:
        print(*planned_submission(target, arguments.schedule), sep="\n")
        return 0
    submit(target, arguments.schedule, lambda line: print(line, flush=True))
    return 0


def _pipeline(arguments: argparse.Namespace) -> PipelineTarget:
    from amt.cloud.objects import is_bucket_uri
    from amt.cloud.vertex_pipelines import PipelineTarget
    from amt.retraining.runs import IMAGE, TEMPLATE
    from amt.retraining.settings import IN_LAKE

    lake = open_given_lake(arguments)
    if arguments.model:
        raise ValueError(f"--model: a pipeline takes its model from {lake.uri}/{IN_LAKE}")
    if not is_bucket_uri(lake.uri):
        raise ValueError(f"--lake {lake.uri}: a pipeline on Vertex AI needs a lake at gs://")
    return PipelineTarget(
        template=TEMPLATE,
        placeholder=IMAGE,
        image=arguments.image,
        project=arguments.project,
        region=arguments.region,
        root=f"{lake.uri}/retraining/pipelines",
        name="amt-retrain",
        parameters={"lake": lake.uri, "force": arguments.force},
        service_account=arguments.service_account,
    )
