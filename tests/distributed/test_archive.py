"""`amt transcribe --engine ray` and `amt prepare --engine ray`: the same results, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_model import small_checkpoint

from amt.cli import main
from amt.distributed.archive import BATCH_FILES, plan_batches
from amt.io.audio import save

RAY = ["--engine", "ray", "--workers", "2"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("model") / "small.ckpt")


def recordings(folder: Path, count: int, seconds: float = 1.0) -> Path:
    """Files of noise, each another."""
    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 0.1, round(seconds * 16000))
        save(folder / f"{number:03d}.wav", noise.astype(np.float32))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.*")) if path.is_file()}


def rows(output: Path) -> list[list[str]]:
    lines = (output / "ledger/report.tsv").read_text().splitlines()[1:]
    return [line.split("\t") for line in lines]


def test_small_files_share_a_batch(tmp_path: Path) -> None:
    small = recordings(tmp_path / "small", 2 * BATCH_FILES + 1, 0.1)
    large = recordings(tmp_path / "large", 2, 60.0)
    sizes = [len(batch) for batch in plan_batches([small, large], tmp_path / "out")]
    assert sizes[:2] == [BATCH_FILES, BATCH_FILES] and sum(sizes) == 2 * BATCH_FILES + 3
    remote = tmp_path / "list.txt"
    remote.write_text("gs://bucket/a.wav\ngs://bucket/b.wav\n")
    assert [len(batch) for batch in plan_batches([remote], tmp_path / "out")] == [1, 1]
    remote.write_text("missing.wav\n")  # Of unknown size: the worker reports it.
    assert [len(batch) for batch in plan_batches([remote], tmp_path / "out")] == [1]


@pytest.mark.parametrize(
    "words", [["--workers", "2"], ["--redo"], ["--timeout", "9"], ["--address", "auto"]]
)
def test_options_of_ray_need_ray(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", "x.wav", "--output", str(tmp_path / "out"), *words]) == 1
    assert capsys.readouterr().err == f"amt: {words[0]}: only with --engine ray\n"


def test_two_runs_do_not_write_to_one_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from amt.io.locks import locked

    with locked(tmp_path / "ledger/.lock"):
        assert main(["transcribe", "x.wav", "--output", str(tmp_path), *RAY]) == 1
    assert "another run writes to this folder" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_results_as_without_ray(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A listing with a broken and a missing file; then once more, when all is done."""
    folder = recordings(tmp_path / "in", 6)
    (folder / "broken.wav").write_text("no audio")
    listing = tmp_path / "list.txt"
    listing.write_text("".join(f"{path}\n" for path in [*folder.iterdir(), folder / "none.wav"]))
    words = ["transcribe", str(listing), "--ckpt", str(checkpoint), "--format", "mid,json"]
    plain, output = tmp_path / "plain", tmp_path / "ray"
    assert main([*words, "--output", str(plain)]) == 1
    assert main([*words, "--output", str(output), *RAY]) == 1
    assert contents(output) == contents(plain) and len(contents(plain)) == 12
    assert sorted(row[2] for row in rows(output)) == ["done"] * 6 + ["failed"] * 2
    error = capsys.readouterr().err
    assert "broken.wav" in error and "none.wav" in error
    totals = json.loads((output / "ledger/report.json").read_text())
    assert totals["audio_hours"] == pytest.approx(6 / 3600, abs=1e-4)


@pytest.mark.slow
def test_a_killed_run_is_resumed(tmp_path: Path, checkpoint: Path) -> None:
    folder, output = recordings(tmp_path / "in", 60, 4.0), tmp_path / "out"
    words = ["transcribe", str(folder), "--ckpt", str(checkpoint), "--output", str(output), *RAY]
    command = [sys.executable, "-m", "amt.cli", *words]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL) as process:
        while len(list(output.glob("ledger/*.done"))) < 10:
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    wait_for_end(output)
    before = {path.name: path.stat().st_mtime_ns for path in output.glob("*.mid")}
    finished = {path.name.removesuffix(".done") for path in output.glob("ledger/*.done")}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    states = {Path(row[0]).stem: row[2] for row in rows(output)}
    assert {name for name, state in states.items() if state == "skipped"} == finished
    assert len(states) == 60 and len(list(output.glob("*.mid"))) == 60
    for name in finished:
        assert (output / f"{name}.mid").stat().st_mtime_ns == before[f"{name}.mid"]
    assert not [path for path in output.rglob(".*") if ".part" in path.name]


def wait_for_end(output: Path) -> None:
    """Until the processes of a killed run have ended: nothing is written for some time."""
    count, quiet = -1, 0
    while quiet < 10:
        time.sleep(0.3)
        now = len(list(output.glob("ledger/*")))
        count, quiet = now, quiet + 1 if now == count else 0


@pytest.mark.slow
def test_prepare_gives_the_same_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["prepare", "synthetic", "--train", "4", "--validation", "1", "--test", "1"]
    words += ["--seconds", "4", "--cache"]
    plain, output = tmp_path / "plain", tmp_path / "ray"
    assert main([*words, str(plain), "--workers", "1"]) == 0
    assert main([*words, str(output), *RAY]) == 0

    def files(folder: Path) -> dict[str, bytes]:
        paths = [path for path in folder.rglob("*.*") if path.suffix in (".npy", ".npz", ".jsonl")]
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return {name: b"" if "decoded" in name else data for name, data in found.items()}

    assert files(plain) == files(output) and len(files(plain)) == 2 * 6 + 2
    assert "6 decoded" in capsys.readouterr().out
    assert main([*words, str(output), *RAY]) == 0
    assert "0 decoded, 6 cached already" in capsys.readouterr().out
