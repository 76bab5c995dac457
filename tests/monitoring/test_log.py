"""Entries in files: batches, what cannot be written yet, and reading them again."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from recording_numbers import START, entries, recordings

from amt.cloud.folder_lake import FolderLake
from amt.cloud.objects import StorageError, Stored
from amt.errors import FileWarning
from amt.io.audio import AudioError, TooLongError
from amt.monitoring.entries import RECORDING, lines, read_entries, reason
from amt.monitoring.log import EntryLog

FOUND = entries(recordings(6), rejected=2)


class FullLake(FolderLake):
    """Cannot be written at first."""

    full = True

    def write(self, name: str, data: bytes, if_generation: int | None = None) -> Stored:
        if self.full:
            raise StorageError("no space left")
        return super().write(name, data, if_generation)


def test_a_batch_is_one_object_of_its_day(tmp_path: Path) -> None:
    log = EntryLog(FolderLake(tmp_path), pytest.fail)
    for entry in FOUND:
        log.add(entry)
    assert not list(tmp_path.rglob("*.jsonl"))
    log.close()
    (path,) = tmp_path.glob("monitoring/20??-??-??/*.jsonl")
    assert len(path.read_text("utf-8").splitlines()) == len(FOUND)
    for place in (tmp_path, tmp_path / "monitoring", path.parent, path):
        read = read_entries(place)
        assert [entry.rejected for entry in read] == [entry.rejected for entry in FOUND]
        assert read[0].numbers is not None


def test_entries_wait_while_nothing_can_be_written(tmp_path: Path) -> None:
    lake = FullLake(tmp_path)
    errors: list[str] = []

    def on_error(text: str) -> None:
        errors.append(text)
        lake.full = len(errors) < 3

    log = EntryLog(lake, on_error, batch_seconds=0.01)
    for entry in FOUND:
        log.add(entry)
    while lake.full:
        pass
    log.close()
    assert len(read_entries(tmp_path)) == len(FOUND)
    assert errors[0].startswith("monitoring: no space left; ")


def test_entries_since_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(FOUND))
    assert len(read_entries(path, START + timedelta(hours=5))) == 3


def test_logs_of_the_server_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "server.jsonl"
    other = {"severity": "INFO", "message": "POST /transcribe", "time": "x"}
    line = {"severity": "INFO", "message": RECORDING, **FOUND[0].to_json()}
    path.write_text(f"{json.dumps(other)}\n\n{json.dumps(line)}\n", "utf-8")
    (entry,) = read_entries(path)
    assert entry.time == FOUND[0].time


@pytest.mark.parametrize("text", ["x", "3", '{"time": "now", "model": "a", "version": "1"}'])
def test_other_lines_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(FOUND[:1]) + text.encode())
    with pytest.raises(ValueError, match=r"a\.jsonl, line 2: .*expected JSON lines"):
        read_entries(path)


def test_half_a_line_of_a_process_that_was_killed_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "server.jsonl"
    whole = lines(FOUND[:1])
    path.write_bytes(whole[:200] + whole + whole + whole[:1])  # Started again, and killed again.
    with pytest.warns(FileWarning, match=r"server\.jsonl, line \d: is cut off, and left") as said:
        (entry,) = read_entries(path)
    assert entry.time == FOUND[0].time and len(said) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_killed_leaves_whole_batches(tmp_path: Path) -> None:
    for number in range(8):
        child = os.fork()
        if child == 0:
            log = EntryLog(FolderLake(tmp_path), lambda text: None, batch_seconds=1e-4)
            while True:
                log.add(FOUND[0])
                time.sleep(1e-4)
        written = len(list(tmp_path.rglob("*.jsonl")))
        while len(list(tmp_path.rglob("*.jsonl"))) < written + 3:
            time.sleep(0.005 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    found = read_entries(tmp_path)
    assert len(found) >= 24
    assert all(lines([entry]) == lines(FOUND[:1]) for entry in found)


def test_reasons() -> None:
    errors = (TooLongError("x"), AudioError("x"), StorageError("x"), RuntimeError("x"))
    assert [reason(e) for e in errors] == ["too_long", "not_audio", "not_found", "failed"]
