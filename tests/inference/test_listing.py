"""Listings: which files, and which paths their results get."""

from __future__ import annotations

from pathlib import Path

import pytest
from buckets import BUCKET, emulator

from amt.cloud.lake import open_lake
from amt.inference.jobs import plan_jobs
from amt.inference.listing import read_listing


def listing(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(map(str, lines)) + "\n", encoding="utf-8")
    return path


def test_results_keep_the_folders_below_the_one_that_all_share(tmp_path: Path) -> None:
    lines = ["/music/1920/a.wav", "/music/1930/x/a.wav", "", "  /music/b.wav  "]
    given = listing(tmp_path / "list.txt", *lines)
    targets = [Path(job.target).as_posix() for job in plan_jobs([given], Path("out"))]
    assert targets == ["out/1920/a", "out/1930/x/a", "out/b"]


def test_uris_and_paths_in_one_listing(tmp_path: Path) -> None:
    lines = ["gs://bucket/tapes/a.wav", "gs://bucket/tapes/1/b.wav", "/music/a.wav"]
    jobs = plan_jobs([listing(tmp_path / "list.txt", *lines)], "gs://bucket/out")
    assert [job.source for job in jobs] == [*lines[:2], Path("/music/a.wav")]
    assert [job.target for job in jobs] == [
        "gs://bucket/out/a",
        "gs://bucket/out/1/b",
        "gs://bucket/out/a_2",
    ]


def test_paths_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listing(tmp_path / "list.txt", "a/b.wav", "a/../c.wav")
    assert [str(relative) for _, relative in read_listing(Path("list.txt"))] == ["a/b.wav", "c.wav"]


@pytest.mark.parametrize("line", ["gs://bucket/../../etc/a.wav", "/x/../../../etc/a.wav"])
def test_no_line_leads_out_of_the_output(tmp_path: Path, line: str) -> None:
    given = listing(tmp_path / "list.txt", line, "/deep/er/b.wav", "gs://bucket/deep/b.wav")
    assert all(".." not in Path(job.target).parts for job in plan_jobs([given], Path("out")))


def test_each_file_once(tmp_path: Path) -> None:
    given = listing(tmp_path / "list.txt", "/a.wav", "/a.wav")
    assert len(plan_jobs([given, Path("/a.wav")], Path("out"))) == 1


def test_an_empty_listing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no files; expected a path"):
        plan_jobs([listing(tmp_path / "list.txt")], Path("out"))


def test_a_listing_of_windows(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf/m\xfc/a.wav\r\n")
    ((source, _),) = read_listing(tmp_path / "list.txt")
    assert Path(source) == Path("/m\udcfc/a.wav")


def test_a_listing_in_cloud_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator(monkeypatch):
        open_lake(f"gs://{BUCKET}").write("list.txt", b"gs://b-1/a.wav\ngs://b-1/c/b.wav\n")
        jobs = plan_jobs([f"gs://{BUCKET}/list.txt"], Path("out"))
    assert [str(job.target) for job in jobs] == ["out/a", "out/c/b"]
