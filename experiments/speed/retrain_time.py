"""Measure `amt retrain` on a small lake: the seconds of each step, and of a second call.

python experiments/speed/retrain_time.py FOLDER
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from small_lake import write_corrections

from amt.cloud.lake import open_lake
from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Transcriber


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    option = parser.add_argument
    option("folder", type=Path, help="for the lake and the working files; new or empty")
    option("--pairs", type=int, default=10, help="corrected recordings")
    option("--seconds", type=float, default=30.0, help="of each")
    option("--settings", type=Path, help="YAML file of `amt retrain`")
    arguments = parser.parse_args()
    lake = arguments.folder.resolve() / "lake"
    transcriber = Transcriber.load(pretrained_checkpoint("base"))
    write_corrections(open_lake(lake), transcriber, arguments.pairs, arguments.seconds)
    words = ["retrain", "--lake", str(lake), "--work", str(arguments.folder.resolve() / "work")]
    if arguments.settings:
        words += ["--settings", str(arguments.settings.resolve())]
    for call in ("first", "second"):
        seconds, code = timed([sys.executable, "-m", "amt.cli", *words])
        print(f"{call} call: {seconds:.1f} s, exit code {code}", flush=True)


def timed(command: list[str]) -> tuple[float, int]:
    """Run a command and print each of its lines with the seconds since its begin."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{time.monotonic() - begin:7.1f} s  {line.rstrip()}", flush=True)
    return time.monotonic() - begin, process.returncode


if __name__ == "__main__":
    main()
