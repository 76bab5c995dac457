"""Processes that torchrun or SLURM started: their place, their folder, training together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hydra_configs import composed
from omegaconf.errors import OmegaConfBaseException
from scripts import ROOT, run, run_together

from amt.data.pieces import SourceError
from amt.models.checkpoint import CheckpointError
from amt.training.copies import find_last
from amt.training.processes import (
    Launch,
    check_processes,
    is_first,
    job_or,
    launched,
    words_of_process,
)

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "night", "RANK": "5", "WORLD_SIZE": "8", "GROUP_WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "4", "LOCAL_RANK": "1",
}  # fmt: skip
SLURM = {
    "SLURM_JOB_ID": "71", "SLURM_STEP_ID": "0", "SLURM_NTASKS": "4", "SLURM_NNODES": "2",
    "SLURM_NTASKS_PER_NODE": "2", "SLURM_PROCID": "3", "SLURM_NODEID": "1", "SLURM_LOCALID": "1",
}  # fmt: skip
TINY = (
    "debug=fast", "data.sources.synthetic.train=2", "data.sources.synthetic.validation=2",
    "data.sources.synthetic.test=1", "data.sources.synthetic.seconds=5", "data.loader_workers=0",
    "data.prepare_workers=0", "model.trunk.channels=8", "model.trunk.blocks=1", "logger=csv",
    "trainer=cluster", "trainer.accelerator=cpu",
)  # fmt: skip


def with_variables(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (TORCHRUN, Launch("night", 5, 2, 4)),
        ({**TORCHRUN, "TORCHELASTIC_RUN_ID": "none"}, Launch("", 5, 2, 4)),
        (SLURM, Launch("slurm-71.0", 3, 2, 2)),
        ({**SLURM, **TORCHRUN}, Launch("night", 5, 2, 4)),
        ({**SLURM, "SLURM_JOB_NAME": "bash"}, None),
        ({"LOCAL_RANK": "1"}, None),
        ({}, None),
    ],
)
def test_place_of_a_process(variables: dict[str, str], expected: Launch | None) -> None:
    assert launched(variables) == expected


def test_one_process_is_the_first() -> None:
    assert is_first({}) and is_first({"LOCAL_RANK": "0"}) and is_first({**TORCHRUN, "RANK": "0"})
    assert not is_first({"LOCAL_RANK": "1"}) and not is_first(SLURM)


def test_processes_of_a_job_name_their_folder_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_or("now") == "now"
    with_variables(monkeypatch, SLURM)
    assert job_or("now") == "slurm-71.0"
    assert words_of_process(["a=1"]) == ["a=1", "hydra.output_subdir=null"]
    monkeypatch.setenv("SLURM_PROCID", "0")
    assert words_of_process(["a=1"]) == ["a=1"]
    with_variables(monkeypatch, {"SLURM_NTASKS": "1", "SLURM_NNODES": "1"})
    assert job_or("now") == "now"


def test_without_a_common_name_the_folder_must_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with_variables(monkeypatch, {**TORCHRUN, "TORCHELASTIC_RUN_ID": "none"})
    with pytest.raises(ValueError, match="--rdzv-id=NAME"):
        words_of_process(["a=1"])
    assert words_of_process(["hydra.run.dir=x"])[0] == "hydra.run.dir=x"


def test_trainer_takes_the_processes_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OmegaConfBaseException, match="neither by torchrun nor by srun"):
        composed(["trainer=cluster"])
    with_variables(monkeypatch, TORCHRUN)
    trainer = composed(["trainer=cluster"]).trainer
    assert (trainer.devices, trainer.num_nodes, trainer.strategy) == (4, 2, "ddp")


def test_runs_that_would_wait_forever_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_processes({"devices": 2}, multirun=True)
    with pytest.raises(SourceError, match=r"trainer\.num_nodes=2: .* trainer=cluster"):
        check_processes({"num_nodes": 2}, multirun=False)
    with_variables(monkeypatch, TORCHRUN)
    check_processes({"num_nodes": 2}, multirun=False)
    with pytest.raises(SourceError, match="several runs"):
        check_processes({"num_nodes": 2}, multirun=True)


def test_a_job_does_not_replace_the_run_of_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_last("auto", tmp_path, None) is None
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    assert find_last(None, tmp_path, None) is None
    with_variables(monkeypatch, SLURM)
    with pytest.raises(CheckpointError, match="resume=auto"):
        find_last(None, tmp_path, None)
    assert find_last("auto", tmp_path, None) == str(last)
    assert find_last("auto", tmp_path, str(tmp_path)) == f"{tmp_path}/checkpoints/last.ckpt"
    assert find_last("other.ckpt", tmp_path, None) == "other.ckpt"


@pytest.mark.skipif(os.name == "nt", reason="a script of bash")
@pytest.mark.parametrize(("pool", "host"), [("workerpool0", "True"), ("workerpool1", "False")])
def test_machines_of_vertex_meet_at_the_first_one(tmp_path: Path, pool: str, host: str) -> None:
    """By CLUSTER_SPEC as its documentation shows it; the third pool does not train."""
    spec = {
        "cluster": {
            "workerpool0": ["training-workerpool0-ab-0:2222"],
            "workerpool1": ["training-workerpool1-ab-0:2222", "training-workerpool1-ab-1:2222"],
            "workerpool2": ["training-workerpool2-ab-0:2222"],
        },
        "environment": "cloud",
        "task": {"type": pool, "index": 0, "trial": ""},
    }
    torchrun = tmp_path / "torchrun"
    torchrun.write_text('#!/bin/sh\necho "$@"\n')
    torchrun.chmod(0o755)
    places = [str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {"PATH": os.pathsep.join(places), "CLUSTER_SPEC": json.dumps(spec)}
    script = ROOT / "experiments" / "cluster" / "vertex.sh"
    command = [str(script), "night", "seed=2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    words = done.stdout.split()
    assert {"--nnodes=3", "--rdzv-id=night", "--rdzv-endpoint=training-workerpool0-ab-0:2222"} <= {
        *words
    }
    assert f"--rdzv-conf=is_host={host}" in words and words[-1] == "seed=2"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def nodes(folder: Path) -> list[dict[str, str]]:
    """The variables of two nodes of SLURM with a task each; disks of their own for the data."""
    common = {
        "SLURM_JOB_ID": "71", "SLURM_NTASKS": "2", "SLURM_NNODES": "2",
        "SLURM_NTASKS_PER_NODE": "1", "SLURM_LOCALID": "0", "SLURM_NODELIST": "127.0.0.1,127.0.0.2",
        "MASTER_PORT": str(free_port()), "GLOO_SOCKET_IFNAME": "lo", "AMT_RUNS": str(folder),
    }  # fmt: skip
    return [
        common | {"SLURM_PROCID": n, "SLURM_NODEID": n, "AMT_CACHE": str(folder / f"cache{n}")}
        for n in ("0", "1")
    ]


def test_two_nodes_of_slurm_train_together(tmp_path: Path) -> None:
    words = ["train.py", *TINY, "evaluate=false", "trainer.max_epochs=1"]
    first, second = run_together(words, nodes(tmp_path))
    folder = tmp_path / "slurm-71.0_lstm"
    assert {path.name for path in tmp_path.iterdir()} == {"cache0", "cache1", folder.name}
    assert "parameters" in first.stdout and not second.stdout
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    # 8 segments, 2 at a time in each of 2 processes.
    assert saved["global_step"] == 2
    assert saved["hyper_parameters"]["recipe"]["trainer"]["num_nodes"] == 2


def torchrun(node: int, port: int, *words: str) -> subprocess.Popen[bytes]:
    """The agent of a node of two, and its process of train.py; a process group of their own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = (
        sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1",
        "--rdzv-id=night", "--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}",
        f"--local-addr=127.0.0.{node + 1}", "train.py", *words,
    )  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the address 127.0.0.2")
def test_two_nodes_that_are_killed_and_go_on_equal_one_process(tmp_path: Path) -> None:
    """One that accumulates two batches of one segment: the same segments in each step, and the same
    statistics of batches.
    """
    common = [
        *(word for word in TINY if not word.startswith("trainer=")), "evaluate=false",
        f"paths.cache={tmp_path / 'cache'}", f"paths.runs={tmp_path}", "augment=none",
        "data.batch_size=1", "trainer.max_epochs=6", "trainer.precision=32-true",
    ]  # fmt: skip
    one = tmp_path / "one"
    run("train.py", *common, "+trainer.accumulate_grad_batches=2", f"hydra.run.dir={one}")

    words = [*common, "trainer=cluster", "resume=auto"]
    last = tmp_path / "night_lstm" / "checkpoints" / "last.ckpt"
    port = free_port()
    agents = [torchrun(node, port, *words) for node in (0, 1)]
    while not last.is_file() and all(agent.poll() is None for agent in agents):
        time.sleep(0.01)
    for agent in agents:
        os.killpg(agent.pid, signal.SIGKILL)
        agent.wait()
    stopped = torch.load(last, weights_only=True)["global_step"]
    assert 0 < stopped < 24
    agents = [torchrun(node, port, *words) for node in (0, 1)]
    assert [agent.wait() for agent in agents] == [0, 0]

    alone, together = (
        torch.load(path, weights_only=True) for path in (one / "checkpoints" / "last.ckpt", last)
    )
    assert alone["global_step"] == together["global_step"] == 24
    for name, tensor in alone["state_dict"].items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(together["state_dict"][name], tensor, rtol=1e-3, atol=1e-4)
