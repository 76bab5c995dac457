"""Transcribe an archive on a cluster: each recording once, whatever dies meanwhile."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

from amt.data.workers import CrashError
from amt.distributed.cluster import Cluster
from amt.distributed.ledger import FOLDER
from amt.distributed.ray_map import ray_map
from amt.distributed.recordings import Outcome, Recordings, Request
from amt.distributed.report import Report
from amt.errors import FileWarning, escaped
from amt.inference.jobs import Job, plan_jobs
from amt.inference.result_lines import result_line, target_names
from amt.io.locks import locked

# Short files share a task of Ray, whose cost is that of 0.1 s of audio: so many files or bytes.
BATCH_FILES, BATCH_BYTES = 16, 4 << 20


def transcribe_archive(inputs: Sequence[Path | str], request: Request, cluster: Cluster) -> Report:
    """Transcribe all files of `inputs` (see `find_files`) and print a line for each new result.

    Recordings that an earlier run transcribed with the same model and options are skipped. One that
    fails, or ends its process again and again, does not stop the others. The report is written into
    the ledger of the output. Raises ValueError if nothing can be transcribed, or if another run
    writes to the same folder.
    """
    plan = partial(plan_batches, list(inputs), request.output)
    with (
        _alone(request.output),
        Report(request.output, request.run) as report,
        tqdm(desc="transcribe", unit="file", disable=None, smoothing=0) as bar,
    ):
        results = ray_map(plan, partial(Recordings, request), cluster, bar.reset)
        for job, result in results:
            outcome = _outcome(job, result)
            _show(outcome, request)
            report.add(outcome)
            bar.update()
            if outcome.stop:
                tqdm.write("amt: stopped; run again to do the rest", file=sys.stderr)
                break
        results.close()
        bar.close()
        report.write()
        print(report)
    return report


def _outcome(job: Job, result: Outcome | CrashError) -> Outcome:
    if isinstance(result, CrashError):
        return Outcome(job, "failed", reason=f"{job.source}: {result}")
    return result


def plan_batches(inputs: Sequence[Path | str], output: Path | str) -> list[list[Job]]:
    """The jobs of an archive; small files in batches, others and those in Cloud Storage alone."""
    batches: list[list[Job]] = []
    size = 0
    for job in plan_jobs(inputs, output):
        more = _bytes(job.source)
        if not batches or size + more > BATCH_BYTES or len(batches[-1]) == BATCH_FILES:
            batches.append([])
            size = 0
        batches[-1].append(job)
        size += more
    return batches


def _bytes(source: Path | str) -> int:
    try:
        return source.stat().st_size if isinstance(source, Path) else BATCH_BYTES
    except OSError:  # The worker reports it.
        return 0


def _show(outcome: Outcome, request: Request) -> None:
    """Print a line, as for other engines; nothing about what is skipped."""
    for remark in outcome.remarks:
        warnings.warn(FileWarning(remark), stacklevel=2)
    if outcome.state == "failed":
        tqdm.write(escaped(f"amt: {outcome.reason}"), file=sys.stderr)
    elif outcome.state == "done":
        line = result_line(outcome.notes, outcome.seconds, outcome.took, outcome.remark)
        names = target_names(outcome.job.target, request.formats)
        tqdm.write(escaped(f"{outcome.job.source}: {line} -> {names}"))


@contextmanager
def _alone(output: Path | str) -> Iterator[None]:
    """Keep other runs out of a folder, and remove what killed processes left in it."""
    if not isinstance(output, Path):
        yield
        return
    with locked(output / FOLDER / ".lock", wait=False) as held:
        if not held:
            advice = "wait for it, or choose another --output"
            raise ValueError(f"{output}: another run writes to this folder; {advice}")
        _remove_leftovers(output)
        yield
        _remove_leftovers(output)


def _remove_leftovers(output: Path) -> None:
    """Remove temporary files of `atomic_write`."""
    for folder, _, names in os.walk(output):
        for name in names:
            if name.startswith(".") and ".part" in name:
                Path(folder, name).unlink(missing_ok=True)
