"""Prepared sets on Cloud Storage: written whole, read through copies of bounded size."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from buckets import BUCKET
from fault_proxy import Proxy, faulty_storage

from amt.cli import main
from amt.cloud.lake import Lake, StorageError, open_lake
from amt.data.cache import cache_folder
from amt.data.datamodule import PianoDataModule
from amt.data.manifest import MANIFEST, audio_file, fetch, open_recording, read_manifest
from amt.data.pieces import SourceError
from amt.data.sources.prepared import Prepared
from amt.data.sources.synthetic import Synthetic
from amt.data.streamed import StreamedSet
from amt.data.upload import upload_set, verify_uploaded
from amt.errors import FileWarning

SET = f"gs://{BUCKET}/prepared/tiny"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with faulty_storage(monkeypatch) as proxy:
        yield proxy


@pytest.fixture
def folder(tiny_cache: Path, tiny_source: Synthetic) -> Path:
    return cache_folder(tiny_cache, tiny_source)


@pytest.fixture
def lake(proxy: Proxy, folder: Path) -> Lake:
    """A set of five pieces of 0.2 MB each."""
    upload_set(folder, SET)
    proxy.requests.clear()
    return open_lake(SET)


def copies(folder: Path) -> int:
    """Bytes of all copies; others may remove them at the same time."""
    size = 0
    for path in folder.glob("*.np?"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def module(place: Path | str, streamed: Path, workers: int = 0, gb: float = 1.0) -> PianoDataModule:
    source = Prepared(str(place), str(streamed), gb)
    data = PianoDataModule(
        {"tiny": source}, "unused", batch_size=4, segment_seconds=1.0, segments_per_epoch=16,
        loader_workers=workers,
    )  # fmt: skip
    data.prepare_data()
    return data


def test_the_manifest_is_written_last_and_only_what_differs_again(
    proxy: Proxy, folder: Path
) -> None:
    assert upload_set(folder, SET) == 10
    uploads = [request for request, _ in proxy.requests if request.is_upload]
    assert MANIFEST.encode() in uploads[-1].body
    assert upload_set(folder, SET) == 0 and verify_uploaded(SET) == []
    lake = open_lake(SET)
    names = [stored.name for stored in lake.list()]
    lake.write(names[0], b"damaged")
    lake.delete(names[1])
    assert len(verify_uploaded(SET)) == 2
    assert upload_set(folder, SET) == 2 and verify_uploaded(SET) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_training_draws_the_same_and_reads_the_second_epoch_from_copies(
    workers: int, proxy: Proxy, lake: Lake, folder: Path, tmp_path: Path
) -> None:
    local, streamed = module(folder, tmp_path), module(SET, tmp_path / "copies", workers)
    faults = itertools.cycle(["503", "truncate", None, "drop", None])
    proxy.choose = lambda request: next(faults)
    for epoch in range(2):
        proxy.requests.clear()
        pairs = zip(local.train_dataloader(), streamed.train_dataloader(), strict=True)
        for one, other in pairs:
            assert all(torch.equal(one[key], other[key]) for key in one)
        assert bool(proxy.requests) == (epoch == 0)
    (one,), (other,) = local.val_dataloader(), streamed.val_dataloader()
    assert torch.equal(one["audio"], other["audio"])


def test_copies_are_bounded_and_the_oldest_go_first(
    proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    entries = read_manifest(StreamedSet(SET, tmp_path, 10**9))
    most = sum(2 * entry.samples for entry in entries[:3])  # Too little: files have headers.
    streamed = StreamedSet(SET, tmp_path, most)
    for entry in entries[:2]:
        streamed.open(*audio_file(entry)).close()
    streamed.open(*audio_file(entries[0])).close()
    streamed.open(*audio_file(entries[2])).close()
    kept = {path.stem for path in tmp_path.glob("*.npy")}
    assert kept == {entries[0].audio_sha256, entries[2].audio_sha256}
    (tmp_path / "mine.npy").write_bytes(bytes(10))  # Not a copy: it stays.
    with ThreadPoolExecutor(8) as threads:
        opened = threads.map(lambda entry: streamed.open(*audio_file(entry)).close(), entries * 4)
        for _ in opened:
            assert copies(tmp_path) <= most + 10
    assert (tmp_path / "mine.npy").exists() and not list(tmp_path.glob(".*.reserved"))


def test_readers_at_the_same_time_fetch_a_file_once(
    proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    streamed = StreamedSet(SET, tmp_path, 10**9)
    pieces = [(streamed, entry) for entry in read_manifest(streamed)]
    proxy.requests.clear()
    started = threading.Barrier(3)

    def read(_: int) -> None:
        started.wait()
        fetch(pieces)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(read, range(3)))
    assert sum(request.is_download for request, _ in proxy.requests) == 2 * len(pieces)


def test_what_a_killed_reader_left_is_removed(proxy: Proxy, lake: Lake, tmp_path: Path) -> None:
    streamed = StreamedSet(SET, tmp_path, 450_000)
    entries = read_manifest(streamed)
    (tmp_path / ".dead.400000.reserved").touch()
    (tmp_path / ".half.part.npy").write_bytes(bytes(1000))
    begin = time.monotonic()
    streamed.open(*audio_file(entries[0])).close()
    assert time.monotonic() - begin < 5
    assert not list(tmp_path.glob(".*.reserved")) and not list(tmp_path.glob(".*.part.npy"))


def test_a_set_that_changed_is_noticed(proxy: Proxy, lake: Lake, tmp_path: Path) -> None:
    streamed = StreamedSet(SET, tmp_path, 10**9)
    entry = read_manifest(streamed)[0]
    lake.write(f"audio/{entry.name}.npy", b"another recording")
    with pytest.raises(StorageError, match="differs from its checksum in the manifest"):
        open_recording(streamed, entry)
    lake.delete(f"audio/{entry.name}.npy")
    with pytest.raises(StorageError, match="missing; run `amt prepare` again"):
        open_recording(streamed, entry)
    assert copies(tmp_path) == 0


def test_too_little_room_is_said_before_the_training(
    proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    with pytest.warns(FileWarning, match=r"fetched again and again: raise data.streamed_gb"):
        data = module(SET, tmp_path, workers=1, gb=5e-4)
    assert len(list(data.train_dataloader())) == 4 and copies(tmp_path) <= 500_000
    with pytest.warns(FileWarning):
        data = module(SET, tmp_path, gb=1e-4)
    with pytest.raises(StorageError, match=r"one file has .* GB.*raise data.streamed_gb"):
        list(data.train_dataloader())
    with pytest.raises(SourceError, match="streamed_gb=0"):
        Prepared(SET, max_gb=0)


def test_a_missing_set_says_what_prints_its_name(proxy: Proxy, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="prints the name of the set"):
        module(f"gs://{BUCKET}/prepared/none", tmp_path)


def test_an_ordinary_cache_on_gs_names_the_other_way() -> None:
    with pytest.raises(SourceError, match=r"data=prepared paths\.prepared="):
        PianoDataModule({"tiny": Synthetic()}, f"gs://{BUCKET}/prepared")


def test_amt_prepare_writes_to_a_bucket_and_arrays(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    words = ["prepare", "synthetic", "--train", "1", "--validation", "0", "--test", "0",
             "--seconds", "3", "--workers", "0", "--cache", f"gs://{BUCKET}/prepared"]  # fmt: skip
    assert main([*words, "--arrays", f"gs://{BUCKET}/arrays", "--features", "mel"]) == 0
    printed = capsys.readouterr().out
    place = printed.rpartition("paths.prepared=")[2].split()[0]
    (entry,) = read_manifest(StreamedSet(place, tmp_path / "copies", 10**9))
    assert main([*words, "--verify"]) == 0
    assert "1 pieces, all files unchanged" in capsys.readouterr().out
    lake = open_lake(f"gs://{BUCKET}/arrays/train")
    x, y = (np.load(lake.download(f"{entry.name}_{kind}.npy", tmp_path / kind)) for kind in "XY")
    assert x.shape == (-(-entry.samples // 512), 229) and x.dtype == np.float32
    assert y.shape == (len(x), 88) and y.dtype == np.uint8 and set(np.unique(y)) == {0, 1}
    notes = open_recording(next(iter(Path("cache").glob("synthetic-*"))), entry).notes
    middle = round((notes.onset[0] + 0.05) * 16000 / 512)
    assert y[middle, notes.pitch[0] - 21] == 1
