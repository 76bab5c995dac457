"""The data lake, in a bucket (an emulator) and in a folder: the same behaviour."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from buckets import BUCKET, answering
from fault_proxy import faulty_storage

from amt.cloud.lake import Lake, StorageError, open_lake
from amt.cloud.storage import upload_folder
from amt.cloud.transfer import crc32c


@pytest.fixture(params=["bucket", "folder"])
def lake(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Lake]:
    if request.param == "folder":
        yield open_lake(tmp_path / "lake")
        return
    with faulty_storage(monkeypatch):
        yield open_lake(f"gs://{BUCKET}/some/where")


@pytest.fixture
def folder_lake(tmp_path: Path) -> Lake:
    return open_lake(tmp_path / "lake")


def status(call: Callable[[], object]) -> int:
    """The status of the StorageError that `call` raises, in one line."""
    with pytest.raises(StorageError) as caught:
        call()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    return caught.value.status


def test_what_is_written_is_read_and_listed(lake: Lake) -> None:
    assert lake.stat("raw/a.wav") is None and lake.list() == []
    stored = lake.write("raw/a.wav", b"123456789")
    assert (stored.name, stored.size, stored.crc32c) == ("raw/a.wav", 9, "4waSgw==")
    assert abs(stored.updated - datetime.now(UTC)) < timedelta(minutes=1)
    assert lake.read("raw/a.wav") == lake.read("raw/a.wav", 9) == b"123456789"
    assert lake.stat("raw/a.wav") == stored
    lake.write("raw/2018/Ü b.wav", b"")
    lake.write("raw-other", b"x")
    assert [one.name for one in lake.list("raw/")] == ["raw/2018/Ü b.wav", "raw/a.wav"]
    assert [one.name for one in lake.list("raw")][-1] == "raw/a.wav" and len(lake.list("raw")) == 3
    assert lake.object_uri("raw/a.wav") == f"{lake.uri}/raw/a.wav"


def test_files_go_in_and_out(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(256)) * 100)
    stored = lake.upload(tmp_path / "a", "x/a")
    assert stored.size == 25600 and stored.crc32c == crc32c(bytes(range(256)) * 100)
    assert lake.download("x/a", tmp_path / "new" / "b").read_bytes() == lake.read("x/a")
    assert status(lambda: lake.download("x/none", tmp_path / "c")) == 404
    assert not (tmp_path / "c").exists()


def test_delete(lake: Lake) -> None:
    lake.write("app/a/b", b"1")
    lake.delete("app/a/b")
    lake.delete("app/a/b")
    assert lake.list() == [] and status(lambda: lake.read("app/a/b")) == 404


def test_a_write_on_condition(lake: Lake) -> None:
    first = lake.write("a", b"1", if_generation=0)
    assert status(lambda: lake.write("a", b"2", if_generation=0)) == 412
    second = lake.write("a", b"2", if_generation=first.generation)
    assert status(lambda: lake.write("a", b"3", if_generation=first.generation)) == 412
    assert lake.read("a") == b"2" and second.generation != first.generation
    assert status(lambda: lake.write("b", b"1", if_generation=5)) == 412
    assert lake.stat("b") is None


def test_of_writers_at_the_same_time_each_counts(lake: Lake) -> None:
    lake.write("count", b"0")

    def add_one(_: int) -> None:
        while True:
            stored = lake.stat("count")
            assert stored is not None
            try:
                number = int(lake.read("count"))
                lake.write("count", str(number + 1).encode(), stored.generation)
                return
            except StorageError as error:
                assert error.status == 412

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add_one, range(12)))
    assert lake.read("count") == b"12"


def test_too_large_to_read(lake: Lake) -> None:
    lake.write("a", bytes(101))
    assert status(lambda: lake.read("a", 100)) == 413


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", ".", "a\\b", "a\nb", "a" * 1025]
)
def test_names_that_are_not_allowed(lake: Lake, name: str, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: lake.read(name),
        lambda: lake.write(name, b"1"),
        lambda: lake.stat(name),
        lambda: lake.delete(name),
        lambda: lake.download(name, tmp_path / "x"),
        lambda: lake.object_uri(name),
    ]
    assert [status(call) for call in calls] == [400] * len(calls)


@pytest.mark.parametrize("place", ["s3://bucket/x", "gs://", "gs://UPPER/x", "gs://takes/../x"])
def test_malformed_places(place: str) -> None:
    assert status(lambda: open_lake(place)) == 400


def test_a_missing_bucket_is_named_with_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty_storage(monkeypatch):
        lake = open_lake("gs://nowhere/x")
        for call in (
            lambda: lake.read("a"),
            lambda: lake.stat("a"),
            lambda: lake.list(),
            lambda: lake.write("a", b"1"),
            lambda: lake.delete("a"),
        ):
            with pytest.raises(StorageError, match=r"gcloud storage buckets create gs://nowhere"):
                call()


def test_missing_rights_name_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda handler: handler.send_error(403)) as (address, _):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        for call in (open_lake("gs://takes").list, lambda: open_lake("gs://takes").read("a")):
            with pytest.raises(StorageError, match="Storage Object User"):
                call()


def test_an_upload_of_a_folder_that_fails_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("a", "b", "model.json"):
        (tmp_path / name).write_text("new")
    with faulty_storage(monkeypatch) as proxy:
        lake = open_lake(f"gs://{BUCKET}/m")
        lake.write("a", b"old")
        broken = tmp_path / "model.json"
        proxy.choose = lambda request: broken.unlink(missing_ok=True) if request.is_upload else None
        with pytest.raises(OSError, match="model"):
            upload_folder(tmp_path, f"gs://{BUCKET}/m", last=("model.json",))
        assert [stored.name for stored in lake.list()] == ["a"]


def test_links_do_not_lead_out_of_a_folder(folder_lake: Lake, tmp_path: Path) -> None:
    folder_lake.write("in/a", b"1")
    folder = Path(folder_lake.uri)
    (tmp_path / "secret").write_text("s")
    (folder / "file").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    (folder / "inside").symlink_to(folder / "in" / "a")
    for name in ("file", "folder/secret"):
        assert status(lambda name=name: folder_lake.read(name)) == 403
        assert status(lambda name=name: folder_lake.write(name, b"x")) == 403
        assert status(lambda name=name: folder_lake.delete(name)) == 403
    assert folder_lake.read("inside") == b"1" and (tmp_path / "secret").read_text() == "s"
    assert [stored.name for stored in folder_lake.list()] == ["in/a", "inside"]


def test_a_folder_hides_what_begins_with_a_dot(folder_lake: Lake) -> None:
    folder_lake.write("a", b"1")
    Path(folder_lake.uri, ".b").write_text("2")
    assert [stored.name for stored in folder_lake.list()] == ["a"]
    assert status(lambda: folder_lake.read(".b")) == 400


def test_an_object_is_no_folder(folder_lake: Lake) -> None:
    folder_lake.write("a", b"1")
    assert folder_lake.stat("a/b") is None and status(lambda: folder_lake.read("a/b")) == 404
    assert status(lambda: folder_lake.write("a/b", b"2")) in (409, 500)
    folder_lake.write("c/d", b"1")
    assert folder_lake.stat("c") is None
    assert folder_lake.list("../") == folder_lake.list("none/") == []


def test_deleted_objects_leave_no_folders(folder_lake: Lake) -> None:
    folder_lake.write("x/y/a", b"1")
    folder_lake.write("x/b", b"1")
    folder_lake.delete("x/y/a")
    assert not Path(folder_lake.uri, "x", "y").exists() and folder_lake.read("x/b") == b"1"


def test_a_write_that_is_killed_leaves_the_old_content(folder_lake: Lake) -> None:
    """The process ends, as by `kill -9`, when the new file has been written and not been named."""
    folder_lake.write("a", b"old")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom amt.cloud.lake import open_lake\n"
        "Path.replace = lambda *_: os._exit(9)\nopen_lake(sys.argv[1]).write('a', b'new')"
    )
    assert subprocess.run([sys.executable, "-c", script, folder_lake.uri]).returncode == 9
    assert folder_lake.read("a") == b"old" and len(folder_lake.list()) == 1


def test_a_write_reaches_the_disk(folder_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(os.fstat(number).st_ino))
    folder_lake.write("x/a", b"1")
    folder = Path(folder_lake.uri)
    assert synced == [path.stat().st_ino for path in (folder / "x/a", folder / "x", folder)]


def test_two_threads_delete_the_same_objects(folder_lake: Lake) -> None:
    names = [f"app/a/{number}/x" for number in range(100)]
    for name in names:
        folder_lake.write(name, b"x")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(folder_lake.delete, [name for name in names for _ in range(4)]))
    assert folder_lake.list() == []
