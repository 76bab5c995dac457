"""W&B is online only with a key and a network; plots and tables reach it; thresholds are stored."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import lightning as L
import pytest
import torch
import wandb
from lightning.pytorch.loggers import CSVLogger
from wandb.sdk.lib import wbauth

from amt.data.datamodule import PianoDataModule
from amt.evaluation.evaluate import Evaluation
from amt.evaluation.tables import write_report
from amt.inference.transcriber import Transcriber
from amt.io.audio import SAMPLE_RATE
from amt.models.checkpoint import CheckpointError
from amt.training import tracking
from amt.training.finish import read_recipe, score, tune_checkpoint
from amt.training.log_scores import log_evaluation
from amt.training.module import TranscriptionModule
from amt.training.pictures import ValidationPlots
from amt.training.tracking import csv_logger, finish, has_wandb_key, wandb_logger

KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    forget_account()
    yield
    forget_account()


def forget_account() -> None:
    """wandb reads the environment once and keeps a key that it found."""
    wbauth.unauthenticate_session(update_settings=False)
    wandb.teardown()


def write_netrc(path: Path, host: str = "api.wandb.ai") -> None:
    path.write_text(f"machine {host} login user password {KEY}\n")
    path.chmod(0o600)


def test_without_an_account_there_is_no_key() -> None:
    assert not has_wandb_key()


def test_a_key_in_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert has_wandb_key()


@pytest.mark.parametrize("name", [".netrc", "_netrc", "elsewhere"])
def test_a_key_in_a_netrc_file_counts(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_netrc(tmp_path / name)
    if name == "elsewhere":
        monkeypatch.setenv("NETRC", str(tmp_path / name))
    assert has_wandb_key()


def test_a_key_counts_for_its_own_server_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    write_netrc(tmp_path / ".netrc")
    assert not has_wandb_key()
    write_netrc(tmp_path / ".netrc", "wandb.example.org")
    assert has_wandb_key()


def test_a_key_without_a_network_is_offline_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    logger = wandb_logger(str(tmp_path / "run"), "amt", "test")
    assert logger is not None and logger._wandb_init["mode"] == "offline"
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "no answer from http://127.0.0.1:9" in printed


def test_a_key_and_a_network_are_online(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(tracking, "_reachable", lambda url: True)
    logger = wandb_logger(str(tmp_path / "run"), "amt", "test", id="abc")
    assert logger is not None and logger._wandb_init["mode"] is None
    assert logger._wandb_init["id"] == "abc" and logger._wandb_init["resume"] == "allow"
    assert capsys.readouterr().out == ""


def test_disabled_means_that_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_logger(str(tmp_path / "run"), "amt", "test") is None
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().out == ""


def test_a_resumed_run_keeps_the_rows_of_the_steps_before(tmp_path: Path) -> None:
    before = csv_logger(str(tmp_path))
    for step in range(4):
        before.log_metrics({"train/total": 1.5 + step}, step)
    before.log_metrics({"val/note_f1": 0.5}, 1)
    before.save()
    resumed = csv_logger(str(tmp_path), steps_before=2)
    resumed.log_metrics({"train/total": 9.0, "new": 1.0}, 2)
    resumed.save()
    rows = list(csv.DictReader((tmp_path / "metrics.csv").open()))
    found = [(row["step"], row["train/total"], row["val/note_f1"], row["new"]) for row in rows]
    assert found == [
        ("0", "1.5", "", ""),
        ("1", "2.5", "", ""),
        ("1", "", "0.5", ""),
        ("2", "9.0", "", "1.0"),
    ]


def test_an_offline_run_keeps_pictures_sound_and_tables(
    tiny_source, tiny_cache, small_model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = wandb_logger(str(tmp_path / "run"), "amt", "test")
    assert "wandb sync" in capsys.readouterr().out
    data = PianoDataModule(
        {"synthetic": tiny_source},
        str(tiny_cache),
        validation_seconds=3.0,
        loader_workers=0,
        prepare_workers=0,
    )
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        logger=[logger, CSVLogger(tmp_path / "csv", "", "")],
        callbacks=[ValidationPlots(pieces=1, seconds=3.0)],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
    )
    trainer.validate(TranscriptionModule(small_model), datamodule=data, verbose=False)
    evaluation = Evaluation([{"name": "a", "seconds": 1.0, "took": 0.5, "note_f1": 0.5}])
    log_evaluation(trainer.loggers, evaluation, "test")
    finish(trainer.loggers, failed=True)
    media = next((tmp_path / "run" / "wandb").glob("offline-run-*")) / "files" / "media"
    assert {path.name for path in media.iterdir()} == {"images", "audio", "table"}
    rows = list(csv.DictReader(next((tmp_path / "csv").rglob("metrics.csv")).open()))
    assert any(row.get("test/note_f1") == "0.5" for row in rows)


def test_thresholds_go_into_the_checkpoint_and_scores_into_files(
    tiny_source, tiny_cache, small_model, tmp_path: Path
) -> None:
    module, path = TranscriptionModule(small_model), tmp_path / "x.ckpt"
    settings = {"model": small_model, "decoder": {"min_duration": 0.04}}
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": settings}, path)
    data = PianoDataModule({"synthetic": tiny_source}, str(tiny_cache), prepare_workers=0)
    tuned = tune_checkpoint(path, data, first_seconds=2.0)
    assert Transcriber.load(path).decoder == tuned and tuned.min_duration == 0.04
    evaluation = score(path, data, first_seconds=2.0)
    assert evaluation.rows[0]["seconds"] == pytest.approx(2.0, abs=1 / SAMPLE_RATE)
    table = write_report(tmp_path, evaluation, "test")
    assert (tmp_path / "test.md").read_text() == table + "\n"
    assert next(csv.DictReader((tmp_path / "test.csv").open()))["name"] == "test_00000"
    with pytest.raises(CheckpointError, match="does not say what it was trained with"):
        read_recipe(path)


def test_a_split_without_pieces_says_so(tiny_cache, tmp_path: Path) -> None:
    from amt.data.cache import cache_folder, prepare
    from amt.data.sources.synthetic import Synthetic

    source = Synthetic(train=1, validation=0, test=0, seconds=2.0)
    prepare(source, cache_folder(tmp_path, source), workers=0)
    data = PianoDataModule({"synthetic": source}, str(tmp_path))
    with pytest.raises(ValueError, match="no test pieces"):
        score(Path("unused.ckpt"), data)
