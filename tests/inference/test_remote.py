"""Recordings, results and models in Cloud Storage (an emulator, over a network that fails)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from buckets import BUCKET
from fault_proxy import Proxy, faulty_storage
from small_model import small_checkpoint

from amt.cli import main
from amt.cloud import gcs
from amt.cloud.lake import Lake, open_lake
from amt.inference.pretrained import find_checkpoint
from amt.io.audio import save

ROOT = f"gs://{BUCKET}"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("weights") / "small.ckpt")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkpoint: Path) -> Iterator[Proxy]:
    """A bucket with recordings below raw/ and a checkpoint; the current folder is empty."""
    monkeypatch.chdir(tmp_path)
    with faulty_storage(monkeypatch) as proxy:
        lake = open_lake(ROOT)
        lake.upload(checkpoint, "models/small/1/best.ckpt")
        noise = (np.random.default_rng(0).standard_normal(16000) * 0.1).astype(np.float32)
        save("a.flac", noise)
        for name in ("a.flac", "2018/a.flac", "2018/.hidden.flac"):
            lake.upload("a.flac", f"raw/{name}")
        lake.write("raw/notes.txt", b"text")
        Path("a.flac").unlink()
        proxy.requests.clear()
        yield proxy


@pytest.fixture
def lake(proxy: Proxy) -> Lake:
    return open_lake(ROOT)


def transcribe(*words: str) -> int:
    return main(["transcribe", *words, "--ckpt", f"{ROOT}/models/small/1/best.ckpt"])


def names(lake: Lake, folder: str) -> list[str]:
    return [stored.name.removeprefix(folder) for stored in lake.list(folder)]


def test_folders_are_transcribed_into_a_bucket(
    proxy: Proxy, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.write("raw/broken.mp3", b"no audio" * 100)
    faults = itertools.cycle(["503", None, "truncate", None, "drop", None])
    proxy.choose = lambda request: next(faults)
    output = f"{ROOT}/predictions"
    words = [f"{ROOT}/raw/a.flac", f"{ROOT}/raw/", "--output", output, "--format", "mid,npy"]
    assert transcribe(*words) == 1  # One of them is broken.
    proxy.choose = lambda request: None
    expected = {f"{stem}{end}" for stem in ("a", "2018/a")
                for end in (".mid", "_piano_roll.npy", "_embedding.npy")}  # fmt: skip
    assert set(names(lake, "predictions/")) == expected
    printed = capsys.readouterr()
    assert f"{ROOT}/raw/a.flac: " in printed.out and f"-> {output}/a.mid" in printed.out
    assert "1 file skipped" in printed.err and "(1 .txt)" in printed.err
    assert f"cannot decode {ROOT}/raw/broken.mp3" in printed.err
    assert "/amt-" not in printed.out and not list(Path().iterdir())


def test_the_same_notes_as_from_the_disk(lake: Lake) -> None:
    lake.download("raw/a.flac", "a.flac")
    assert transcribe("a.flac", f"{ROOT}/raw/2018/a.flac", "--output", "out") == 0
    assert Path("out/a.mid").read_bytes() == Path("out/a_2.mid").read_bytes()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("gs://nowhere/a.wav", "there is no such bucket"),
        (f"{ROOT}/none/", "no such object, and no recordings below it"),
        (f"{ROOT}/raw/a.flac --output gs://nowhere/x", "there is no such bucket"),
        (f"{ROOT}/raw/a.flac --output {ROOT}/raw --format wav", "may be one; choose another"),
        ("gs://takes/../a.wav", "not allowed in names"),
        ("s3://takes/a.wav", "expected gs://BUCKET"),
    ],
)
def test_errors_are_one_line(
    words: str, reason: str, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = transcribe(*words.split())
    except SystemExit as end:
        code = int(end.code or 0)
    line = capsys.readouterr().err.splitlines()[-1]
    assert code and reason in line and not any(r.is_upload for r, _ in proxy.requests)


def test_results_that_cannot_be_written_stop_the_rest(
    proxy: Proxy, lake: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.1)
    proxy.choose = lambda request: "cut" if request.is_upload else None
    assert transcribe(f"{ROOT}/raw/", "--output", f"{ROOT}/predictions") == 1
    proxy.choose = lambda request: None
    assert names(lake, "predictions/") == []
    assert "amt: stopped; not done: 1 more" in capsys.readouterr().err


def test_a_model_is_exported_to_a_bucket_and_used_from_there(
    proxy: Proxy, lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"{ROOT}/models/small/1"
    assert main(["export", f"{place}/best.ckpt", "--output", f"{place}/export"]) == 0
    uploads = [request for request, _ in proxy.requests if request.is_upload]
    assert b"model.json" in uploads[-1].body
    words = [f"{ROOT}/raw/a.flac", "--output", "out", "--ckpt", f"{place}/export"]
    assert main(["transcribe", *words]) == 0 and Path("out/a.mid").is_file()


def test_a_missing_checkpoint_names_its_uri(proxy: Proxy) -> None:
    with pytest.raises(ValueError, match=f"{ROOT}/none.ckpt: there is no such object"):
        find_checkpoint(f"{ROOT}/none.ckpt")
    with pytest.raises(ValueError, match=f"{ROOT}/none: there are no objects below it"):
        find_checkpoint(f"{ROOT}/none")
