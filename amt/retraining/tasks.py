"""What a task of the pipeline does: one step of a run, in a process or container of its own."""

from __future__ import annotations

from pathlib import Path

from amt.cloud.lake import open_lake
from amt.io.folders import user_path
from amt.retraining.context import Context
from amt.retraining.lines import ended_line
from amt.retraining.retrain import begin, do_step
from amt.retraining.runs import FAILED, Run, outcome
from amt.retraining.settings import read_settings

DEFAULT_WORK = "~/.cache/amt/retraining"


def task_context(lake: str, work: str, checkout: str) -> Context:
    """The surroundings of a step, by the parameters of the pipeline; empty ones: the defaults."""
    folder = user_path(work or DEFAULT_WORK)
    return Context(open_lake(lake), folder, Path(checkout) if checkout else None)


def begin_task(lake: str, work: str, checkout: str, force: bool) -> str:
    """Begin or continue a run; its name, empty if there is nothing to do."""
    context = task_context(lake, work, checkout)
    run = begin(context, read_settings(context.lake), force)
    return run.id if run else ""


def step_task(lake: str, work: str, checkout: str, run: str, step: str) -> str:
    """Do a step of a run, unless it is done or the run is over; returns the name of the run.

    Exits with an error if the run was rejected or its version taken back: then the pipeline, too,
    has failed, and its log says why.
    """
    if not run:
        return ""
    context = task_context(lake, work, checkout)
    current = Run(context.lake, run)
    if outcome(current.results()) is None:
        do_step(context, current, step)
    results = current.results()
    if outcome(results) in FAILED:
        raise SystemExit(ended_line(current, results))
    return run
