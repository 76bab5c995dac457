"""Run the steps of a retraining: those that are not done yet, one after another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

from amt.inference.pretrained import pretrained_checkpoint
from amt.retraining.context import Context, StepInput
from amt.retraining.files import remove_pairs
from amt.retraining.learning import collect, evaluate, judge, prepare, train, validate
from amt.retraining.lines import ended_line, step_line
from amt.retraining.lock import retraining_lock
from amt.retraining.runs import (
    Result,
    Run,
    RunError,
    new_run,
    next_step,
    open_run,
    outcome,
    results_of,
    runs,
)
from amt.retraining.serving import compare, deploy, promote, register_new
from amt.retraining.settings import Settings

# The steps after `collect`, which begins a run, in the order of `amt.retraining.runs.STEPS`.
FUNCTIONS: Mapping[str, Callable[[StepInput], Result]] = {
    "validate": validate,
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "gate": judge,
    "register": register_new,
    "deploy": deploy,
    "compare": compare,
    "promote": promote,
}


def retrain(context: Context, settings: Settings, force: bool = False) -> Run | None:
    """Finish the run that is open, or begin one if there are enough new pairs.

    force: begin one without new pairs, too. Returns the run; None if there was nothing to do.
    """
    with retraining_lock(context.lake):
        run = _begin(context, settings, force)
        if run is None:
            return None
        while (step := next_step(run.results())) is not None:
            _do(context, run, step)
        _end(context, run)
    return run


def check_model(context: Context, settings: Settings) -> None:
    """Raises RunError where another model is being trained, CheckpointError for one that there is
    not.
    """
    run = open_run(context.lake)
    if run is not None:
        model = run.results()["collect"]["settings"]["model"]
        if model != settings.model:
            text = f"the run {run.id} of {model} is not over"
            raise RunError(f"{text}; finish it first: amt retrain --model {model}")
    elif not context.registry(settings).versions():
        pretrained_checkpoint(settings.model)


def begin(context: Context, settings: Settings, force: bool = False) -> Run | None:
    """The run that is open, or a new one, its first step done; None if there is nothing to do."""
    with retraining_lock(context.lake):
        return _begin(context, settings, force)


def do_step(context: Context, run: Run, step: str) -> Result:
    """Do one step of a run, unless it is done; the steps before it must be.

    Raises RunError if the run ended before this step.
    """
    with retraining_lock(context.lake):
        results = run.results()
        if step not in results:
            expected = next_step(results)
            if expected != step:
                state = outcome(results) or f"at {expected}"
                raise RunError(f"run {run.id} is {state}; {step} cannot be done now")
            _do(context, run, step)
            _end(context, run)
        return run.results()[step]


def _begin(context: Context, settings: Settings, force: bool) -> Run | None:
    run = open_run(context.lake)
    if run is not None:
        began = run.results()["collect"]["began"]
        context.report(f"{run.id}: goes on, with the settings of its begin ({began})")
        return run
    _clean_up(context)
    result = collect(context, settings)
    few = len(result["new"]) < settings.min_new_pairs
    if few and not (force and result["known"]):
        context.report(_nothing(context, result, settings))
        return None
    if few:  # Trained again with the pairs that are known.
        result = {**result, "new": [*result["new"], *result["known"]]}
    run = new_run(context.lake, context.now())
    run.finish("collect", result)
    context.report(step_line(run, "collect", result))
    return run


def _nothing(context: Context, result: Result, settings: Settings) -> str:
    """Why no run begins: one line."""
    past = results_of(context.lake, settings.model)
    last = next((run.id for run, results in past if "prepare" in results), None)
    since = f" since the run {last}" if last else ""
    found, needed = len(result["new"]), settings.min_new_pairs
    return f"nothing to do: {found} new pairs{since}, {needed} needed (min_new_pairs)"


def _do(context: Context, run: Run, step: str) -> None:
    results = run.results()
    context.folder(run).mkdir(parents=True, exist_ok=True)
    result = FUNCTIONS[step](StepInput(context, run, results))
    run.finish(step, result)
    context.report(step_line(run, step, result))


def _end(context: Context, run: Run) -> None:
    """If a run is over, say how it ended and remove what it left."""
    results = run.results()
    if outcome(results) is not None:
        context.report(ended_line(run, results))
        _clean_up(context)


def _clean_up(context: Context) -> None:
    """If the last run is over, remove its copies of corrections and its files on this machine."""
    for run in runs(context.lake)[-1:]:
        if outcome(run.results()) is not None:
            remove_pairs(run)
            shutil.rmtree(context.folder(run), ignore_errors=True)
