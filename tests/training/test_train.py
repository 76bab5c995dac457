"""The scripts as users run them: train, evaluate, transcribe, two processes, sweeps, mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb_records
from buckets import BUCKET, emulator
from scripts import ROOT, run

from amt.cloud.lake import open_lake
from amt.data.cache import cache_folder
from amt.data.sources.synthetic import Synthetic
from amt.data.upload import upload_set
from amt.io.audio import SAMPLE_RATE, save

TINY = (
    "debug=fast",
    "data.sources.synthetic.train=2",
    "data.sources.synthetic.validation=2",
    "data.sources.synthetic.test=2",
    "data.sources.synthetic.seconds=5",
    "data.loader_workers=0",
    "data.prepare_workers=0",
    "model.trunk.channels=8",
    "model.trunk.blocks=1",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a finished run, and what it printed."""
    folder = tmp_path_factory.mktemp("run")
    done = run("train.py", *TINY, f"data.cache={cache}", f"hydra.run.dir={folder}")
    return folder, done.stdout


def test_a_run_leaves_checkpoints_scores_and_the_next_command(trained) -> None:
    folder, printed = trained
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    rows = list(csv.DictReader((folder / "test.csv").open()))
    assert {row["name"] for row in rows} == {"test_00000", "test_00001"}
    assert {"test_00000", "synthetic"} <= set(rows[0].values()) | set(rows[1].values())
    assert len(list((folder / "test_worst").glob("*.png"))) == 2
    assert (folder / "test.md").read_text().count("](test_worst/synthetic-test_0000") == 2
    assert json.loads((folder / "thresholds.json").read_text())["curve"]
    assert "parameters" in printed and "| **mean**" in printed
    assert f"amt transcribe RECORDING --ckpt {folder}/checkpoints/best.ckpt" in printed
    metrics = (folder / "metrics.csv").read_text().splitlines()[0]
    assert (
        "val/note_f1" in metrics and "test/note_f1" in metrics and "train/learning_rate" in metrics
    )
    logged = list(csv.DictReader((folder / "metrics.csv").open()))
    scored = [row["step"] for row in logged if row["test/note_f1"]]
    assert len(scored) == 1 and scored[0] in {row["step"] for row in logged if row["val/note_f1"]}
    assert not list(folder.glob("*.log"))


def test_wandb_works_offline_with_curves_pictures_sound_and_the_worst_pieces_first(trained) -> None:
    folder, printed = trained
    media = next((folder / "wandb").glob("offline-run-*")) / "files" / "media"
    assert {path.name for path in media.iterdir()} == {"images", "audio", "table"}
    assert f"wandb sync {folder}/wandb/offline-run-*" in printed
    logged = wandb_records.history(folder)
    assert {
        "train/loss", "train/loss_onset", "train/grad_norm", "train/learning_rate", "val/loss",
        "val/note_f1", "time/audio_per_second", "time/waiting", "threshold/onset_threshold",
        "test/note_f1", "piece_0/picture/path", "piece_0/both/path", "test/mistakes_table/path",
        "test/onset_errors_ms/values", "threshold/curve_table/path", "trainer/global_step",
    } <= logged.keys()  # fmt: skip
    assert len(logged["train/loss"]) == 8 and len(logged["val/note_f1"]) == 2
    columns, pieces = wandb_records.table(folder, "test/pieces")
    assert columns[0] == "name" and columns[-4:] == ["picture", "recording", "estimate", "both"]
    scores = [row[columns.index("note_f1")] for row in pieces]
    assert len(pieces) == 2 and scores == sorted(scores)
    assert pieces[0][-4:] == ["Image", "Audio", "Audio", "Audio"]
    tables = [one for one in wandb_records.artifacts(folder) if "testpieces" in one.name]
    suffixes = [Path(entry.path).suffix for entry in tables[0].manifest.contents]
    assert suffixes.count(".png") == 2 and suffixes.count(".mp3") >= 5  # Equal ones are one file.
    assert wandb_records.goals(folder)["val/note_f1"] == "max"
    assert wandb_records.goals(folder)["val/loss"] == "min"
    settings = wandb_records.config(folder)
    assert settings["choices"]["model"] == "lstm" and settings["optimizer"]["lr"] > 0
    assert settings["code"].keys() == {"amt", "commit"}


def test_a_run_records_its_data_and_its_model_and_an_evaluation_uses_them(trained) -> None:
    folder, _ = trained
    checkpoint = folder / "checkpoints" / "best.ckpt"
    done = run(
        "evaluate.py", f"ckpt={checkpoint}", f"output={folder / 'again'}", "logger=wandb",
        "worst_pieces=0",
    )  # fmt: skip
    assert "| **mean**" in done.stdout
    made, used = (
        {
            one.type: one
            for one in wandb_records.artifacts(place)
            if one.type in ("model", "dataset")
        }
        for place in (folder, folder / "again")
    )
    assert not made["model"].use_after_commit and {"best", "latest"} == set(made["model"].aliases)
    assert used["model"].use_after_commit and made["dataset"].use_after_commit
    for kind in ("model", "dataset"):
        assert (used[kind].name, used[kind].digest) == (made[kind].name, made[kind].digest)
    about = json.loads(made["model"].metadata)
    assert about["note_f1"] >= 0 and about["amt"]
    assert "synthetic" in made["dataset"].metadata and "/" not in made["dataset"].metadata
    assert not list((folder / "again" / "wandb").rglob("*.ckpt"))
    first, again = (
        list(csv.DictReader((path / "test.csv").open())) for path in (folder, folder / "again")
    )
    assert [row["note_f1"] for row in first] == [row["note_f1"] for row in again]


def test_choices_for_training_in_conf_local_do_not_stop_an_evaluation(
    trained, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    (tmp_path / "conf" / "local").mkdir()
    (tmp_path / "conf" / "local" / "default.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /logger: wandb\n  - override /trainer: cpu\n"
    )
    checkpoint, output = trained[0] / "checkpoints" / "best.ckpt", tmp_path / "scores (1) =é"
    words = ("-cp", str(tmp_path / "conf"), f"ckpt={checkpoint}", f"output={output}")
    assert "| **mean**" in run("evaluate.py", *words).stdout
    assert (output / "test.csv").is_file()


def test_the_checkpoint_transcribes(trained, tmp_path: Path) -> None:
    folder, _ = trained
    save(tmp_path / "noise.wav", 0.1 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE))
    checkpoint = folder / "checkpoints" / "best.ckpt"
    run("-m", "amt.cli", "transcribe", str(tmp_path / "noise.wav"), "--ckpt", str(checkpoint),
        "--output", str(tmp_path / "out"))  # fmt: skip
    assert (tmp_path / "out" / "noise.mid").is_file()


def test_a_run_on_cloud_storage_goes_on_elsewhere(
    tiny_cache: Path, tiny_source: Synthetic, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its data and checkpoints are in a bucket; it is resumed in another folder."""
    with emulator(monkeypatch):
        prepared = f"gs://{BUCKET}/prepared/tiny"
        upload_set(cache_folder(tiny_cache, tiny_source), prepared)
        place = f"gs://{BUCKET}/models/tiny/1"
        words = [word for word in TINY if "synthetic" not in word]
        words += ["data=prepared", f"paths.prepared={prepared}", f"upload={place}", "logger=csv",
                  f"paths.streamed={tmp_path / 'copies'}", "evaluate=false"]  # fmt: skip
        run("train.py", *words, f"hydra.run.dir={tmp_path / 'one'}")
        lake = open_lake(place)
        first = lake.read("checkpoints/best.ckpt")
        assert first == (tmp_path / "one" / "checkpoints" / "best.ckpt").read_bytes()
        resume = f"resume={place}/checkpoints/last.ckpt"
        done = run("train.py", *words, resume, f"hydra.run.dir={tmp_path / 'two'}")
        assert "dirpath has changed" not in done.stderr
        assert {path.name for path in (tmp_path / "two" / "checkpoints").iterdir()} == {
            "best.ckpt", "last.ckpt"
        }  # fmt: skip
        assert lake.read("checkpoints/best.ckpt") == first


def test_two_processes_train_together(trained, cache: Path, tmp_path: Path) -> None:
    run(
        "train.py", *TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=csv",
        "trainer=ddp", "trainer.accelerator=cpu",
    )  # fmt: skip
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    # 8 segments, 2 at a time, shared by 2 processes: 2 steps an epoch, where one process makes 4.
    assert checkpoint["global_step"] == 4
    alone = torch.load(trained[0] / "checkpoints" / "last.ckpt", weights_only=True)
    assert alone["global_step"] == 8


def test_a_missing_data_set_is_one_line_and_a_failed_run(tmp_path: Path) -> None:
    done = run(
        "train.py", "debug=fast", "data=maps", "data.root=/nowhere", f"hydra.run.dir={tmp_path}",
        fails=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "/nowhere" in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("content", [b"not a checkpoint", b""])
def test_a_wrong_checkpoint_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "wrong.ckpt"
    path.write_bytes(content)
    done = run("evaluate.py", f"ckpt={path}", fails=True)
    assert str(path) in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "source",
    [
        {"_target_": "os.system", "command": "touch OWNED"},
        {
            "_target_": "amt.data.cache.Path.write_text",
            "_args_": [{"_target_": "amt.data.cache.Path", "_args_": ["OWNED"]}, "owned"],
        },
        {"_target_": "amt.data.dataset.np.load", "file": "OWNED", "allow_pickle": True},
    ],
)
def test_a_checkpoint_cannot_name_other_code_as_its_data(trained, source, tmp_path: Path) -> None:
    checkpoint = torch.load(trained[0] / "checkpoints" / "best.ckpt", weights_only=True)
    owned = str(tmp_path / "owned")
    evil = json.loads(json.dumps(source).replace("OWNED", owned))
    checkpoint["hyper_parameters"]["recipe"]["data"]["sources"] = {"evil": evil}
    torch.save(checkpoint, tmp_path / "evil.ckpt")
    done = run("evaluate.py", f"ckpt={tmp_path / 'evil.ckpt'}", fails=True)
    assert "refuses to call" in done.stderr and not Path(owned).exists()


def test_resuming_with_other_settings_is_refused(trained, cache: Path, tmp_path: Path) -> None:
    last = trained[0] / "checkpoints" / "last.ckpt"
    done = run(
        "train.py", *TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=csv",
        "model=cnn", f"resume={last}", fails=True,
    )  # fmt: skip
    assert "another model" in done.stderr and "Traceback" not in done.stderr


def test_resuming_goes_on_in_the_same_folder_and_wandb_run_with_moved_data_and_other_workers(
    trained, tmp_path: Path
) -> None:
    folder = tmp_path / "run (1)"
    shutil.copytree(trained[0], folder)
    last = folder / "checkpoints" / "last.ckpt"
    before = (folder / "metrics.csv").read_text().splitlines()
    words = [word for word in TINY if "workers" not in word]
    run(
        "train.py", *words, f"paths.cache={tmp_path / 'moved'}",
        f"hydra.run.dir={tmp_path / 'new'}", "data.loader_workers=1", "data.prepare_workers=1",
        f"resume={last}", "evaluate=false",
    )  # fmt: skip
    ids = [path.name.rpartition("-")[2] for path in (folder / "wandb").glob("offline-run-*")]
    assert len(ids) == 2 and len(set(ids)) == 1
    recipe = torch.load(last, weights_only=True)["hyper_parameters"]["recipe"]
    assert recipe["logger"]["wandb"]["id"] == ids[0]
    assert (folder / "metrics.csv").read_text().splitlines() == before
    # Hydra itself writes the configuration there.
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".hydra"]


def test_resuming_for_longer_is_refused_with_a_way_out(
    trained, cache: Path, tmp_path: Path
) -> None:
    last = trained[0] / "checkpoints" / "last.ckpt"
    done = run(
        "train.py", *TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=csv",
        "trainer.max_epochs=7", f"resume={last}", fails=True,
    )  # fmt: skip
    assert "init=PATH" in done.stderr and "Traceback" not in done.stderr


def test_a_run_can_start_from_the_weights_of_another(trained, cache: Path, tmp_path: Path) -> None:
    best = trained[0] / "checkpoints" / "best.ckpt"
    words = ("train.py", *TINY, f"data.cache={cache}", "logger=csv", "evaluate=false",
             "trainer.max_epochs=1", "optimizer.lr=1e-9", f"init={best}",
             "model.global_context=4", "model.skip_heads=true",
             "model.velocity_head=4")  # fmt: skip
    run(*words, f"hydra.run.dir={tmp_path}")
    before, after = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (best, tmp_path / "checkpoints" / "last.ckpt")
    )
    for name, tensor in before.items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(after[name], tensor)
    done = run(*words, f"hydra.run.dir={tmp_path}", "model=cnn", fails=True)
    assert f"{best}: its weights do not fit" in done.stderr and "Traceback" not in done.stderr


def test_fast_dev_run_ends_well_without_loggers(cache: Path, tmp_path: Path) -> None:
    done = run(
        "train.py", *TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "~logger",
        "+trainer.fast_dev_run=true",
    )  # fmt: skip
    assert "nothing was tuned or scored" in done.stdout.splitlines()[-1]
    assert not list(tmp_path.rglob("*.ckpt")) and not list(tmp_path.rglob("*.csv"))


def test_a_fitted_model_keeps_to_debugging_settings(cache: Path, tmp_path: Path) -> None:
    tiny = [word for word in TINY if "model." not in word]
    done = run(
        "train.py", *tiny, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=none",
        "model=svm", "+trainer.fast_dev_run=true",
    )  # fmt: skip
    assert "nothing was tuned or scored" in done.stdout.splitlines()[-1]
    # Of 768 segments; two in a batch.
    assert "48/48 [" in done.stderr and not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("first_seconds=-1", "first_seconds=-1: expected seconds, more than 0"),
        ("seed=-1", "seed=-1: expected a whole number from 0 to 4294967295"),
        ("decoder.onset_threshold=7", "decoder.onset_threshold=7: expected a number from 0 to 1"),
        ("init=bas", "no pretrained model is called 'bas'; use one of base, fast, open"),
        ("tags=[a (1),b]", "quote each text"),
    ],
)
def test_wrong_values_are_one_line_before_the_training(
    word: str, reason: str, cache: Path, tmp_path: Path
) -> None:
    words = (*TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=none", word)
    done = run("train.py", *words, fails=True)
    assert reason in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


@pytest.mark.slow
def test_jobs_of_a_multirun_can_run_at_once(cache: Path, tmp_path: Path) -> None:
    run(
        "train.py", "-m", *TINY, f"data.cache={cache}", f"hydra.sweep.dir={tmp_path}",
        "logger=none", "hydra/launcher=joblib", "seed=1,2", "+trainer.fast_dev_run=true",
    )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "multirun.yaml"}


@pytest.mark.slow
def test_a_multirun_of_two_processes_gives_two_trainings(cache: Path, tmp_path: Path) -> None:
    run(
        "train.py", "-m", *TINY, f"data.cache={cache}", f"hydra.sweep.dir={tmp_path}",
        "logger=none", "trainer=ddp", "trainer.accelerator=cpu", "seed=1,2", "evaluate=false",
    )  # fmt: skip
    for job in ("0", "1"):
        last = torch.load(tmp_path / job / "checkpoints" / "last.ckpt", weights_only=True)
        assert (
            last["global_step"] == 4 and last["hyper_parameters"]["recipe"]["seed"] == int(job) + 1
        )
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1", "multirun.yaml"}


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    done = run(
        "train.py", "experiment=open", "paths.pianos=/pianos", "paths.noises=/noises",
        f"hydra.run.dir={tmp_path / 'run'}", fails=True,
    )  # fmt: skip
    expected = "train.py: paths.rooms (a folder of impulse responses) is not set"
    assert expected in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()  # A run that did nothing leaves nothing.


def test_a_missing_gpu_is_one_line(cache: Path, tmp_path: Path) -> None:
    if torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    done = run(
        "train.py", *TINY, "trainer=mps", "logger=none", f"data.cache={cache}",
        f"hydra.run.dir={tmp_path}", fails=True,
    )  # fmt: skip
    assert "MPS" in done.stderr and "Traceback" not in done.stderr


def test_optuna_sweeps(cache: Path, tmp_path: Path) -> None:
    tiny = [word for word in TINY if "trunk.channels" not in word]
    run(
        "train.py", "sweep=optuna", *tiny, f"data.cache={cache}", "logger=csv", "evaluate=false",
        "trainer.max_epochs=1", "data.segments_per_epoch=2", "trainer.limit_val_batches=1",
        "hydra.sweeper.n_trials=2", f"hydra.sweep.dir={tmp_path}",
        f"hydra.sweeper.storage=sqlite:///{tmp_path}/trials.db",
    )  # fmt: skip
    assert (tmp_path / "optimization_results.yaml").is_file()
    with closing(sqlite3.connect(tmp_path / "trials.db")) as trials:
        assert trials.execute("SELECT count(*) FROM trials").fetchone() == (2,)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of this kind")
def test_a_full_disk_ends_in_one_line_and_leaves_no_half_checkpoint(
    trained, cache: Path, tmp_path: Path
) -> None:
    words = (*TINY, f"data.cache={cache}", f"hydra.run.dir={tmp_path}", "logger=csv")
    done = run("train.py", *words, fails=True, full_disk=True)
    assert "train.py: [Errno" in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("checkpoints/*"))
