"""One retraining at a time on a lake."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from buckets import BUCKET, emulator

from amt.cloud.lake import open_lake
from amt.retraining.lock import LEASE, LockedError, retraining_lock


def check_locked(place: str | Path, message: str = "another retraining") -> None:
    with pytest.raises(LockedError, match=message), retraining_lock(open_lake(place)):
        pass


def test_in_a_folder_until_the_block_ends(tmp_path: Path) -> None:
    lake = open_lake(tmp_path)
    with retraining_lock(lake):
        check_locked(tmp_path, "another retraining works on")
    with retraining_lock(lake):
        pass
    assert not lake.list()


@pytest.mark.skipif(os.name == "nt", reason="nothing is locked there")
def test_in_a_folder_until_the_process_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom amt.cloud.lake import open_lake\n"
        "from amt.retraining.lock import retraining_lock\n"
        "with retraining_lock(open_lake(sys.argv[1])):\n print('held', flush=True)\n time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        check_locked(tmp_path)
        process.send_signal(signal.SIGKILL)
    with retraining_lock(open_lake(tmp_path)):
        pass


def test_in_a_bucket_until_the_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator(monkeypatch):
        lake = open_lake(f"gs://{BUCKET}/lab")
        with retraining_lock(lake):
            check_locked(lake.uri, r"free in 1[12][0-9] s if it died")
        with retraining_lock(lake):
            pass


def test_in_a_bucket_a_lease_is_renewed_and_ends_after_a_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulator(monkeypatch):
        lake = open_lake(f"gs://{BUCKET}/lab")
        with retraining_lock(lake, lease_seconds=0.4):
            first = lake.stat(LEASE)
            time.sleep(0.6)
            assert first and lake.stat(LEASE) != first
            check_locked(lake.uri)
            left = lake.read(LEASE)
        lake.write(LEASE, left)  # As a process leaves it that was killed.
        time.sleep(0.5)
        with retraining_lock(lake):
            pass
