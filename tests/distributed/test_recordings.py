"""One recording after another: each once, and again when anything it depends on changes."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from buckets import BUCKET, emulator
from small_model import small_checkpoint

from amt.cloud.lake import open_lake
from amt.distributed.recordings import Outcome, Recordings, Request
from amt.inference.jobs import Job
from amt.inference.transcriber import Transcriber
from amt.io.audio import save


def silence(path: Path, seconds: float = 0.5) -> Path:
    save(path, np.zeros(round(seconds * 16000), dtype=np.float32))
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("model") / "small.ckpt")


@pytest.fixture
def request_(tmp_path: Path, checkpoint: Path) -> Request:
    find = partial(Path, checkpoint)
    return Request(find, Transcriber.load, tmp_path / "out", ("mid",), run="first")


def transcribe(request: Request, job: Job) -> Outcome:
    return Recordings(request, lambda: None)(job)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(silence(tmp_path / "a.wav"), tmp_path / "out/a")


def test_a_result_is_made_once(request_: Request, job: Job) -> None:
    first = transcribe(request_, job)
    written = Path(f"{job.target}.mid").stat().st_mtime_ns
    again = transcribe(request_, job)
    other_run = transcribe(replace(request_, run="second"), job)
    assert [first.state, again.state, other_run.state] == ["done", "done", "skipped"]
    assert first.notes == other_run.notes and other_run.seconds == pytest.approx(0.5)
    assert Path(f"{job.target}.mid").stat().st_mtime_ns == written


def test_what_changes_the_result_makes_it_anew(request_: Request, job: Job, tmp_path: Path) -> None:
    transcribe(request_, job)
    second = replace(request_, run="second")
    other = small_checkpoint(tmp_path / "other.ckpt", hyper_parameters_version=2)
    changed = {
        "ends": replace(second, ends="key"),
        "threshold": replace(second, onset_threshold=0.6),
        "tuning": replace(second, tuning=415.0),
        "precision": replace(second, settings="float32"),
        "format": replace(second, formats=("mid", "tsv")),
        "redo": replace(second, redo=True),
        "model": replace(second, checkpoint=partial(Path, other)),
    }
    transcribe(request_, job)
    for name, request in changed.items():
        transcribe(replace(request_, run="between", redo=True), job)
        assert transcribe(request, job).state == "done", name
        assert transcribe(replace(request, run="third", redo=False), job).state == "skipped", name


def test_a_changed_recording_and_missing_results_are_done_anew(request_: Request, job: Job) -> None:
    assert isinstance(job.source, Path)
    transcribe(request_, job)
    second = replace(request_, run="second")
    os.utime(job.source, ns=(1, 1))
    assert transcribe(second, job).state == "done"
    Path(f"{job.target}.mid").unlink()
    assert transcribe(replace(request_, run="third"), job).state == "done"


def test_results_of_another_recording_are_not_taken_for_those(
    request_: Request, job: Job, tmp_path: Path
) -> None:
    """Another list of files may give the same name to another recording."""
    transcribe(request_, job)
    other = Job(silence(tmp_path / "other.wav"), job.target)
    assert transcribe(replace(request_, run="second"), other).state == "done"


def test_failures_have_a_reason_and_leave_nothing(request_: Request, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("nothing to hear")
    broken = transcribe(request_, Job(tmp_path / "text.wav", tmp_path / "out/text"))
    missing = transcribe(request_, Job(tmp_path / "none.wav", tmp_path / "out/none"))
    assert broken.state == missing.state == "failed"
    assert "text.wav" in broken.reason and "none.wav" in missing.reason
    assert not broken.stop and not (tmp_path / "out").exists()


def test_recordings_in_the_folder_of_the_results_are_not_replaced(
    request_: Request, tmp_path: Path
) -> None:
    (tmp_path / "out/deep").mkdir(parents=True)
    job = Job(silence(tmp_path / "out/deep/a.wav"), tmp_path / "out/a")
    with_sound = replace(request_, formats=("wav",))
    assert "choose another --output" in transcribe(with_sound, job).reason
    assert transcribe(request_, job).state == "done"


def test_a_damaged_file_is_remarked(request_: Request, job: Job) -> None:
    source = Path(job.source)
    source.write_bytes(source.read_bytes()[:-4000])
    assert transcribe(request_, job).remarks


def test_results_and_ledger_in_cloud_storage(
    monkeypatch: pytest.MonkeyPatch, request_: Request, tmp_path: Path
) -> None:
    with emulator(monkeypatch):
        lake = open_lake(f"gs://{BUCKET}/archive")
        lake.upload(silence(tmp_path / "a.wav"), "deep/a.wav")
        output = f"gs://{BUCKET}/notes"
        request = replace(request_, output=output)
        job = Job(lake.object_uri("deep/a.wav"), f"{output}/deep/a")
        states = [transcribe(replace(request, run=run), job).state for run in ("first", "second")]
        assert states == ["done", "skipped"]
        names = [stored.name for stored in open_lake(output).list()]
        assert names == ["deep/a.mid", "ledger/deep/a.done"]
        lake.upload(silence(tmp_path / "b.wav", 0.7), "deep/a.wav")
        assert transcribe(replace(request, run="third"), job).seconds == pytest.approx(0.7)
        gone = Job(lake.object_uri("none.wav"), f"{output}/none")
        assert "no such object" in transcribe(request, gone).reason
