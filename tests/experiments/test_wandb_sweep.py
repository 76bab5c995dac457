"""The W&B sweep: what its agent types is a command of train.py, and the run has the agent's id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra_configs import ROOT, composed
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from amt.training.resume import prepare_resuming

SWEEP = yaml.safe_load((ROOT / "experiments" / "sweeps" / "wandb.yaml").read_text("utf-8"))


def choices(parameter: dict[str, Any]) -> list[Any]:
    """Values that the sweep may choose."""
    return parameter.get("values") or [parameter["min"], parameter["max"]]


@pytest.mark.parametrize("place", [0, -1])
def test_what_the_agent_types_is_a_run(place: int) -> None:
    arguments = {key: {"value": choices(p)[place]} for key, p in SWEEP["parameters"].items()}
    typed = create_sweep_command_args({"args": arguments})
    command = create_sweep_command(list(SWEEP["command"]))
    assert command == ["${env}", "python", "${program}", "${args_no_hyphens}"]
    assert SWEEP["program"] == "train.py"
    config = composed(typed["args_no_hyphens"])
    assert config.optimizer.lr == choices(SWEEP["parameters"]["optimizer.lr"])[place]
    assert config.model.trunk.channels in (16, 48)


def test_the_metric_is_one_of_validation() -> None:
    monitored = composed().callbacks.best.monitor
    assert SWEEP["metric"] == {"name": monitored, "goal": "maximize"}


def test_a_run_has_the_id_that_the_agent_gave_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = composed([f"output_dir={tmp_path}"])
    monkeypatch.setenv("WANDB_RUN_ID", "a1b2c3d4")
    prepare_resuming(config, {})
    assert config.logger.wandb.id == "a1b2c3d4"
