"""The steps of a retraining as a pipeline of kfp, for Vertex AI Pipelines and other runners.

A task does one step by the function that `amt retrain` calls, in a container of
amt/retraining/Dockerfile. After a change here: python -m amt.retraining.pipeline, which writes
pipeline.yaml beside this file.
"""

# No annotations as text (`from __future__ import annotations`): kfp reads their types.
import warnings
from pathlib import Path

from kfp import compiler, dsl

from amt.retraining.runs import IMAGE, STEPS, TEMPLATE

# Steps with much to compute; the others run on the smallest machine.
LARGE = ("validate", "train", "evaluate")
_CPUS, _MEMORY = "8", "32G"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def begin_run(lake: str, work: str, checkout: str, force: bool) -> str:
    from amt.retraining.tasks import begin_task

    return begin_task(lake, work, checkout, force)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def do_step(lake: str, work: str, checkout: str, run: str, step: str) -> str:
    from amt.retraining.tasks import step_task

    return step_task(lake, work, checkout, run, step)


# Above the pipeline, whose function is called when it is defined.
def _configured(task: dsl.PipelineTask, step: str) -> dsl.PipelineTask:
    # The results are in the lake, where a step finds that it is done already.
    task.set_display_name(step).set_caching_options(False)
    if step in LARGE:
        task.set_cpu_limit(_CPUS).set_memory_limit(_MEMORY)
    return task


@dsl.pipeline(
    name="amt-retrain", description="From corrections in the lake to a model that serves."
)
def retraining(lake: str, work: str = "", checkout: str = "", force: bool = False) -> None:
    """lake: gs://BUCKET[/PREFIX], or a folder where the runner is local. Empty: the defaults."""
    places = {"lake": lake, "work": work, "checkout": checkout}
    task = _configured(begin_run(**places, force=force), STEPS[0])
    for step in STEPS[1:]:
        # Each takes the run from the step before, so that they come one after another.
        task = _configured(do_step(**places, run=task.output, step=step), step)


def compile_pipeline(path: Path) -> None:
    """Write the template, in YAML."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        compiler.Compiler().compile(retraining, str(path))


if __name__ == "__main__":
    compile_pipeline(TEMPLATE)
