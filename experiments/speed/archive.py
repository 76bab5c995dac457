"""An archive on Ray: nothing lost or done twice, throughput, and the memory of the driver.

python experiments/speed/archive.py [--files N] [--seconds S] [--model NAME] [--workers N]
python experiments/speed/archive.py --memory N

The first makes N short recordings of generated pieces and transcribes them by `amt transcribe`
and by `amt transcribe --engine ray`, one after the other on the same cores, and again on Ray while
a worker process is killed twice. It counts the results, compares them with those of the plain
command, and prints files per second: of the whole command, and from the first result to the last,
which leaves out how long the programs take to start.

The second plans N listed files (hard links to a few recordings) and passes them through the same
driver, with workers that do nothing, and prints the memory of the driver (resident set).
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from amt.distributed import archive
from amt.distributed.cluster import Cluster
from amt.distributed.recordings import Outcome, Request
from amt.distributed.worker import Alive
from amt.inference.jobs import Job
from amt.io.audio import save

DIFFERENT = 20
# A file has at most 65,000 links on ext4.
LINKED = 4
AMT = (sys.executable, "-m", "amt.cli")


def main(files: int, seconds: float, model: str, workers: int, where: Path) -> None:
    recordings = make_recordings(where / "recordings", files, seconds)
    words = ["transcribe", str(recordings), "--model", model, "--output"]
    on_ray = ["--engine", "ray", "--workers", str(workers)]
    command("plain", [*words, str(where / "plain")], files)
    for name, kills in (("ray", 0), ("ray, one worker killed twice", 2), ("ray, again", 0)):
        folder = where / ("ray" if name == "ray" else "killed")
        command(name, [*words, str(folder), *on_ray], files, kills)
        compare(where / "plain", folder)


def make_recordings(folder: Path, files: int, seconds: float) -> Path:
    """Short recordings, every `DIFFERENT`th of them the same."""
    from amt.data.sources.synthetic import Synthetic

    folder.mkdir(parents=True)
    source = Synthetic(train=DIFFERENT, validation=1, test=1, seconds=seconds, seed=5)
    for number, piece in enumerate(source.pieces()[:DIFFERENT]):
        first = folder / f"take{number:06d}.wav"
        save(first, piece.load().audio)
        for copy in range(number + DIFFERENT, files, DIFFERENT):
            shutil.copyfile(first, folder / f"take{copy:06d}.wav")
    return folder


def command(name: str, words: list[str], files: int, kills: int = 0) -> None:
    """Run `amt`, kill one of its Ray workers so many times while it works, and print its speed.

    CPU seconds are those of all its processes; they are nearly the same whatever else runs.
    """
    begin, times, processors = time.perf_counter(), [], {}
    sources: Counter[str] = Counter()
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipe = {"stdout": subprocess.PIPE, "text": True, "env": unbuffered}
    with subprocess.Popen([*AMT, *words], **pipe) as process:
        assert process.stdout
        threading.Thread(target=watch, args=(process, processors), daemon=True).start()
        for line in process.stdout:
            if " -> " in line:
                times.append(time.perf_counter())
                sources[line.partition(": ")[0]] += 1
                if kills and len(times) in (files // 10, files // 2):
                    kill_worker(process.pid)
    whole = time.perf_counter() - begin
    steady = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
    twice = sum(count > 1 for count in sources.values())
    print(
        f"{name:28s} {len(times):5d} done, {twice} twice; {whole:6.1f} s, {files / whole:6.2f} "
        f"files/s; from first to last {steady:6.2f} files/s; {sum(processors.values()):6.1f} CPU s"
    )


def watch(process: subprocess.Popen, processors: dict[int, float]) -> None:
    """Note the CPU seconds of a process and those below it, until it ends."""
    while process.poll() is None:
        for pid in (process.pid, *descendants(process.pid)):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks = int(fields[11]) + int(fields[12])
            processors[pid] = ticks / os.sysconf("SC_CLK_TCK")
        time.sleep(0.3)


def kill_worker(driver: int) -> None:
    """Kill the youngest worker process of a driver: the second time the one that took its place."""
    worker = max(pid for pid in descendants(driver) if "MapWorker" in command_line(pid))
    print(f"killed {worker}")
    os.kill(worker, signal.SIGKILL)


def descendants(parent: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(after_name[1]), []).append(int(path.parent.name))
    found, waiting = [], [parent]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def compare(plain: Path, other: Path) -> None:
    """Print how many results are there, and how many differ from those of the plain command."""
    expected = {path.name: path.read_bytes() for path in plain.glob("*.mid")}
    found = {path.name: path.read_bytes() for path in other.glob("*.mid")}
    differ = sum(found[name] != expected[name] for name in expected.keys() & found.keys())
    leftovers = [path for path in other.rglob("*") if ".part" in path.name]
    print(
        f"{other.name}: {len(found)} of {len(expected)} results, {differ} differ, "
        f"{len(leftovers)} leftovers"
    )


class NothingToDo:
    """Takes the place of `Recordings`: each job is done at once."""

    def __init__(self, request: Request, alive: Alive) -> None:
        pass

    def __call__(self, job: Job) -> Outcome:
        return Outcome(job, "skipped")


def measure_memory(files: int, workers: int, where: Path) -> None:
    folder = where / f"links{files}"
    folder.mkdir()
    names = [folder / f"take{number}.wav" for number in range(LINKED)]
    for name in names:
        save(name, np.zeros(64000, dtype=np.float32))
    listing = where / f"{files}.txt"
    with listing.open("w") as file:
        for number in range(files):
            link = folder / f"link{number:06d}.wav"
            os.link(names[number % LINKED], link)
            file.write(f"{link}\n")
    archive.Recordings = NothingToDo  # type: ignore[misc, assignment]
    request = Request(partial(Path), lambda _: None, where / f"out{files}", ("mid",), "memory")  # type: ignore[arg-type, return-value]
    before = resident()
    begin = time.perf_counter()
    report = archive.transcribe_archive([listing], request, Cluster(workers=workers))
    took = time.perf_counter() - begin
    print(
        f"{report.skipped} files: driver {before:.0f} MB before, {resident():.0f} MB after, "
        f"peak {resident('VmHWM'):.0f} MB; {took:.0f} s"
    )


def resident(what: str = "VmRSS") -> float:
    """Resident memory of this process, or its peak, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1000
    raise ValueError(what)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the transcription of an archive on Ray.")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, metavar="N")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="amt-archive-") as temporary:
        if given.memory:
            measure_memory(given.memory, given.workers, Path(temporary))
        else:
            main(given.files, given.seconds, given.model, given.workers, Path(temporary))
