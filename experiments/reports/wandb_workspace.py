"""Save the dashboards of a W&B project as a view: sections of a run, and of a sweep.

python experiments/reports/wandb_workspace.py ENTITY [--project amt] [--sets maps,maestro]
    [--parameters optimizer.lr,model.trunk.channels]

Needs `pip install wandb-workspaces`, an account and a network. It prints the address of the view,
which everyone in the project can open. Without it W&B shows the same metrics, a panel each, in the
sections train, val, test, time and threshold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from amt.training.module import VALIDATION_SCORES

STEP = "trainer/global_step"
HEADS = ("onset", "offset", "frame", "velocity", "release", "pedal")
TABLES = ("test/pieces", "threshold/table")
MEDIA = ("piece_0/picture", "piece_1/picture", "piece_0/both", "piece_1/both")
SCORE = "val/note_f1"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entity", help="user or team")
    parser.add_argument("--project", default="amt")
    parser.add_argument("--sets", default="", help="names of data.sources, separated by commas")
    parser.add_argument("--parameters", default="optimizer.lr", help="settings of the sweep chart")
    options = parser.parse_args(arguments)
    try:
        view = workspace(
            options.entity,
            options.project,
            [name for name in options.sets.split(",") if name],
            options.parameters.split(","),
        )
        view.save()
    except ModuleNotFoundError:
        sys.exit(
            "wandb_workspace.py: needs a package that is missing: pip install wandb-workspaces"
        )
    except Exception as error:  # wandb raises many kinds.
        sys.exit(f"wandb_workspace.py: not saved: {str(error).splitlines()[0]}")
    print(view.url)


def workspace(entity: str, project: str, sets: Sequence[str], parameters: Sequence[str]) -> Any:
    """The view: loss, scores, scores by set, training, speed, test, sweep."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    def lines(title: str, *keys: str) -> Any:
        return wr.LinePlot(title=title, x=STEP, y=list(keys))

    settings, score = [wr.Config(name) for name in parameters], wr.SummaryMetric(SCORE)
    columns = [wr.ParallelCoordinatesPlotColumn(metric=axis) for axis in (*settings, score)]
    panels = {
        "Loss": [
            lines("loss", "train/loss", "val/loss"),
            *(lines(f"loss: {head}", f"train/loss_{head}", f"val/loss_{head}") for head in HEADS),
        ],
        "Validation": [lines(name, f"val/{name}") for name in VALIDATION_SCORES],
        "Validation by set": [
            lines(name, *(f"val/{one}/{name}" for one in sets)) for name in VALIDATION_SCORES
        ],
        "Training": [
            lines("learning rate", "train/learning_rate"),
            lines("gradient norm before clipping", "train/grad_norm", "train/grad_norm_max"),
        ],
        "Speed": [
            lines("seconds of audio a second", "time/audio_per_second"),
            lines("steps a second", "time/steps_per_second"),
            lines("share of time waiting for data", "time/waiting"),
            lines("memory of the GPU (GB)", "time/memory_gb"),
        ],
        "Pictures and audio": [wr.MediaBrowser(media_keys=[key]) for key in MEDIA],
        "Tables": [wr.WeavePanelSummaryTable(table_name=name) for name in TABLES],
        "Sweep": [
            wr.ParallelCoordinatesPlot(columns=columns),
            wr.ParameterImportancePlot(with_respect_to=SCORE),
            *(wr.ScatterPlot(x=setting, y=score) for setting in settings),
        ],
    }
    if not sets:
        del panels["Validation by set"]
    sections = [ws.Section(name=name, panels=found, is_open=True) for name, found in panels.items()]
    return ws.Workspace(entity=entity, project=project, name="amt", sections=sections)


if __name__ == "__main__":
    main()
