"""Processes that train together: how torchrun and SLURM tell each of them its place.

Lightning reads the same variables, and starts no processes itself where it finds them. Those that
it starts (trainer=ddp) share the folder of the run already.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amt.data.pieces import SourceError

# The id of torchrun where none is given: all such runs would share a folder.
_NO_ID = "none"
# Jobs of SLURM in which a user types commands; Lightning takes their processes for single ones.
_INTERACTIVE = ("bash", "interactive")


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    job: a name that all of them know and that a restarted job keeps; empty where torchrun has none.
    rank: 0 is the one that writes. nodes: machines; devices: processes on each.
    """

    job: str
    rank: int
    nodes: int
    devices: int

    @property
    def processes(self) -> int:
        """All processes, on all nodes."""
        return self.nodes * self.devices


def launched(variables: Mapping[str, str] = os.environ) -> Launch | None:
    """The place of this process, where torchrun or srun started it; else None."""
    if (run := variables.get("TORCHELASTIC_RUN_ID")) is not None:
        return Launch(
            "" if run == _NO_ID else run,
            int(variables["RANK"]),
            int(variables["GROUP_WORLD_SIZE"]),
            int(variables["LOCAL_WORLD_SIZE"]),
        )
    tasks = variables.get("SLURM_NTASKS")
    if tasks is None or variables.get("SLURM_JOB_NAME") in _INTERACTIVE:
        return None
    nodes = int(variables.get("SLURM_NNODES", 1))
    job = f"slurm-{variables.get('SLURM_JOB_ID')}.{variables.get('SLURM_STEP_ID', 0)}"
    return Launch(job, int(variables.get("SLURM_PROCID", 0)), nodes, int(tasks) // nodes)


def is_first(variables: Mapping[str, str] = os.environ) -> bool:
    """Whether this process prints and writes, also among those that Lightning started."""
    launch = launched(variables)
    return launch.rank == 0 if launch else variables.get("LOCAL_RANK", "0") == "0"


def check_processes(trainer: Mapping[str, Any], multirun: bool) -> None:
    """Raises SourceError where a run cannot be started as it was: several nodes without a launcher,
    or several runs by processes that were started together. trainer: its settings.
    """
    launch = launched()
    if launch is None and trainer.get("num_nodes", 1) != 1:
        raise SourceError(
            f"trainer.num_nodes={trainer['num_nodes']}: on several nodes start the processes by "
            "torchrun or srun, with trainer=cluster"
        )
    if launch and launch.processes > 1 and multirun:
        raise SourceError(
            "several runs (-m, sweep=) cannot share the processes of torchrun or srun; start each "
            "by its own, or the sweep in one process"
        )


def words_of_process(words: Sequence[str]) -> list[str]:
    """The words of a command line; only the first of several processes writes the configuration.

    Raises ValueError where several processes know no common name for the folder of their run.
    """
    launch = launched()
    if launch is None or launch.processes == 1:
        return list(words)
    if not launch.job and not any(word.startswith("hydra.run.dir=") for word in words):
        raise ValueError(
            "torchrun gives no name that all its processes know; type torchrun --rdzv-id=NAME, or "
            "hydra.run.dir=DIR"
        )
    return [*words, "hydra.output_subdir=null"] if launch.rank else list(words)


def job_or(time: str) -> str:
    """The name of the job in the folder of a run; of a single process the time at which it began.

    Processes begin at different times, and the folder is one.
    """
    launch = launched()
    return launch.job if launch and launch.job and launch.processes > 1 else time


def launched_number(name: str) -> int:
    """`nodes` or `devices` of the processes that were started together."""
    launch = launched()
    if launch is None:
        raise ValueError(
            "trainer=cluster: this process was started neither by torchrun nor by srun; on one "
            "machine type trainer=ddp trainer.devices=N"
        )
    return launch.nodes if name == "nodes" else launch.devices
