"""The lake over a network that fails: nothing is lost, nothing is written by half."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from buckets import BUCKET
from fault_proxy import FAULTS, Proxy, Request, faulty_storage

from amt.cloud import gcs, transfer
from amt.cloud.lake import Lake, StorageError, open_lake
from amt.cloud.storage import download_folder, read_object

Choose = Callable[[Request], str | None]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(transfer, "PART_BYTES", 1 << 18)
    with faulty_storage(monkeypatch) as proxy:
        yield proxy


@pytest.fixture
def lake(proxy: Proxy) -> Lake:
    return open_lake(f"gs://{BUCKET}/lake")


def every(number: int, *faults: str) -> Choose:
    """The faults in turn, one for every `number`-th request."""
    count, turn = itertools.count(1), itertools.cycle(faults)
    return lambda request: next(turn) if next(count) % number == 0 else None


def first(fault: str, kind: Choose) -> Choose:
    """One fault, for the first request of a kind."""
    left = iter([fault])
    return lambda request: next(left, None) if kind(request) else None


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "damage"])
def test_every_operation_survives_every_fault(
    fault: str, proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    large = os.urandom(1_200_000)
    (tmp_path / "large").write_bytes(large)
    proxy.choose = every(2, fault)
    one = lake.write("a", b"one", if_generation=0)
    lake.write("a", b"two", one.generation)
    assert lake.read("a") == b"two"
    assert lake.upload(tmp_path / "large", "large").size == len(large)
    assert lake.read("large") == large
    assert lake.download("large", tmp_path / "back").read_bytes() == large
    assert [stored.name for stored in lake.list()] == ["a", "large"]
    lake.delete("a")
    assert lake.stat("a") is None
    assert proxy.count(fault) >= 10
    assert not any(proxy.parts.values())  # Nothing is left of uploads in parts.


@pytest.mark.parametrize("size", [100, 1_200_000])
def test_damaged_downloads_are_repeated(
    size: int, proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    content = os.urandom(size)
    lake.write("a", content)
    proxy.choose = first("damage", lambda request: request.is_download)
    assert lake.read("a") == content
    proxy.choose = first("damage", lambda request: request.is_download)
    assert lake.download("a", tmp_path / "a").read_bytes() == content
    assert proxy.count("damage") == 2
    proxy.choose = lambda request: "damage" if request.is_download else None
    with pytest.raises(StorageError, match="damaged"):
        lake.read("a")
    with pytest.raises(StorageError, match="damaged"):
        lake.download("a", tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_damage_after_an_interruption_is_noticed(proxy: Proxy, lake: Lake) -> None:
    """Google's library verifies no download that it continued."""
    content = os.urandom(200_000)
    lake.write("a", content)
    faults = iter(["truncate", "damage"])
    proxy.choose = lambda request: next(faults, None) if request.is_download else None
    assert lake.read("a") == content
    assert (proxy.count("truncate"), proxy.count("damage")) == (1, 1)


@pytest.mark.parametrize("size", [100, 1_200_000])
def test_an_upload_that_never_succeeds_leaves_the_old_object(
    size: int, proxy: Proxy, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gcs, "RETRY_SECONDS", 0.2)
    lake.write("a", b"old")
    (tmp_path / "new").write_bytes(bytes(size))
    proxy.choose = lambda request: "cut" if request.is_upload else None
    for call in (lambda: lake.upload(tmp_path / "new", "a"), lambda: lake.write("b", b"1")):
        with pytest.raises(StorageError, match=f"gs://{BUCKET}/lake/.: not finished"):
            call()
    proxy.choose = lambda request: None
    assert lake.read("a") == b"old" and len(lake.list()) == 1


def replace_before_the_download(proxy: Proxy, lake: Lake) -> None:
    """Write `a` anew after its metadata was read, or it was listed, and before its content is."""
    lake.write("a", b"old")
    replaced = iter([True])

    def replace(request: Request) -> str | None:
        if request.is_download and next(replaced, False):
            proxy.lock.release()  # Held while this function is called.
            lake.write("a", b"new and longer")
            proxy.lock.acquire()
        return None

    proxy.choose = replace


def test_an_object_that_is_replaced_during_the_download_is_read_whole(
    proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    def folder(_: str) -> bytes:
        return (download_folder(lake.uri, tmp_path / "folder") / "a").read_bytes()

    def file(_: str) -> bytes:
        return lake.download("a", tmp_path / "file").read_bytes()

    for read in (lake.read, file, folder, lambda _: read_object(f"{lake.uri}/a", 100, 60.0)):
        replace_before_the_download(proxy, lake)
        assert read("a") == b"new and longer"


def test_a_file_that_changes_during_its_upload_is_an_error(
    proxy: Proxy, lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(600_000))

    def change(request: Request) -> str | None:
        path.write_bytes(bytes(599_999) + b"1")
        return None

    proxy.choose = change
    with pytest.raises(StorageError, match="was changed while"):
        lake.upload(path, "a")


def test_only_the_own_write_excuses_a_refusal(proxy: Proxy, lake: Lake) -> None:
    """The answer is lost, another replaces the object, then the repetition is refused."""
    stored = lake.write("a", b"1")
    lost = iter(["lose"])

    def lose_then_replace(request: Request) -> str | None:
        if not request.is_upload:
            return None
        if fault := next(lost, None):
            return fault
        proxy.choose = lambda request: None
        proxy.lock.release()
        lake.write("a", b"other")
        proxy.lock.acquire()
        return None

    proxy.choose = lose_then_replace
    with pytest.raises(StorageError) as caught:
        lake.write("a", b"mine", stored.generation)
    assert caught.value.status == 412 and lake.read("a") == b"other"
