"""One batch overfits, a resumed run equals an uninterrupted one, checkpoints are plain."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from amt.augment import Augmentation
from amt.data.datamodule import PianoDataModule
from amt.data.sources.synthetic import Synthetic
from amt.inference.transcriber import Transcriber
from amt.training.module import TranscriptionModule, notes_from_table, parameter_groups
from amt.training.muon import Muon
from amt.training.schedules import cosine, onecycle, trapezoid

STEPS_AN_EPOCH = 2


def make_data(source: Synthetic, cache: Path, **options) -> PianoDataModule:
    settings = {
        "batch_size": 2,
        "segment_seconds": 2.048,
        "segments_per_epoch": 2 * STEPS_AN_EPOCH,
        "validation_seconds": 3.0,
        "loader_workers": 0,
        "prepare_workers": 1,
        **options,
    }
    return PianoDataModule({"synthetic": source}, str(cache), **settings)


def make_trainer(folder: Path, epochs: int, *callbacks: L.Callback, **options) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=epochs * STEPS_AN_EPOCH,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
        callbacks=[
            ModelCheckpoint(folder, "best", "val/note_f1", save_last=True, mode="max"),
            EMAWeightAveraging(decay=0.9),
            *callbacks,
        ],
        **options,
    )


def fit(
    trainer: L.Trainer, module: TranscriptionModule, data: PianoDataModule, **options
) -> TranscriptionModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, datamodule=data, weights_only=True, **options)
    return module


class StopAfter(L.Callback):
    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, Muon])
def test_resumed_run_equals_uninterrupted_run(
    optimizer, tiny_source, tiny_cache, small_model, tmp_path
):
    def run(folder: Path, *callbacks: L.Callback, **options) -> TranscriptionModule:
        L.seed_everything(5, verbose=False)
        data = make_data(tiny_source, tiny_cache, augmentation=Augmentation())
        trainer = make_trainer(folder, 3, *callbacks)
        return fit(
            trainer,
            TranscriptionModule(small_model, optimizer=partial(optimizer, lr=8e-3)),
            data,
            **options,
        )

    straight = run(tmp_path / "straight")
    run(tmp_path / "halves", StopAfter(1))
    torch.manual_seed(99)
    resumed = run(tmp_path / "halves", ckpt_path=str(tmp_path / "halves" / "last.ckpt"))
    for name, tensor in straight.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("first", [0, 7])
def test_processes_that_begin_at_different_steps_end(first: int, small_model: dict) -> None:
    """Otherwise they would wait for each other, or mix the weights of two runs."""
    module = TranscriptionModule(small_model)
    strategy = SimpleNamespace(
        broadcast=lambda step: first, reduce_boolean_decision=lambda same: same
    )
    trainer = SimpleNamespace(world_size=2, strategy=strategy, global_step=0, global_rank=1)
    module._trainer = trainer
    torch.manual_seed(3)
    if first:
        with pytest.raises(MisconfigurationException, match="goes on after 7 steps"):
            module.on_train_start()
    else:
        module.on_train_start()
        assert torch.initial_seed() == 3 + module.global_rank


def test_one_batch_overfits(tiny_source, tiny_cache, small_model):
    L.seed_everything(0, verbose=False)
    data = make_data(tiny_source, tiny_cache)
    data.prepare_data()
    module = TranscriptionModule(small_model)
    batch = data.compute(next(iter(data.train_dataloader())), module.front_end)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = module.loss(module(batch["spec"]), batch)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.35 * losses[0]


def test_checkpoint_is_plain_and_rebuilds_the_network(
    tiny_source, tiny_cache, small_model, tmp_path
):
    data = make_data(tiny_source, tiny_cache)
    recipe = {"data": {"root": None}, "seed": 1}
    trainer = make_trainer(tmp_path, 1)
    module = fit(trainer, TranscriptionModule(small_model, recipe=recipe), data)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["hyper_parameters"]["recipe"] == recipe
    assert not [name for name in checkpoint["state_dict"] if name.startswith("front_end")]
    transcriber = Transcriber.load(tmp_path / "last.ckpt", precision="float32")
    spec = torch.randn(1, module.front_end.shape.channels, 20, module.front_end.shape.num_bins)
    with torch.inference_mode():
        expected, found = module.network.eval()(spec), transcriber.model.network(spec)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, atol=1e-4, rtol=1e-4)


def test_gradients_are_clipped_before_the_step(tiny_source, tiny_cache, small_model, tmp_path):
    class PlainSteps(TranscriptionModule):
        def training_step(self, batch, batch_idx):
            return 1000 * super().training_step(batch, batch_idx)["loss"]

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1.0)

    class Watch(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            self.before = flat(pl_module)

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            after = flat(pl_module)
            steps.append((after - self.before).norm().item())

    def flat(module: torch.nn.Module) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    steps: list[float] = []
    data = make_data(tiny_source, tiny_cache)
    fit(make_trainer(tmp_path, 1, Watch()), PlainSteps(small_model), data)
    assert steps == pytest.approx([1.0] * STEPS_AN_EPOCH, rel=1e-3)


@pytest.mark.parametrize("schedule", [onecycle, cosine, trapezoid])
def test_learning_rate_rises_then_falls(schedule, tiny_source, tiny_cache, small_model, tmp_path):
    rates = []

    class Watch(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    module = TranscriptionModule(small_model, schedule=partial(schedule, warmup=0.3))
    fit(make_trainer(tmp_path, 5, Watch()), module, make_data(tiny_source, tiny_cache))
    peak = rates.index(max(rates))
    assert 0 < peak < len(rates) - 1
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert (rates.count(max(rates)) >= 4) == (schedule is trapezoid)


def test_torchs_own_optimizer_and_schedule_can_be_used(
    tiny_source, tiny_cache, small_model, tmp_path
):
    module = TranscriptionModule(
        small_model,
        optimizer=partial(torch.optim.SGD, lr=1e-2),
        schedule=partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=1e-2),
    )
    fit(make_trainer(tmp_path, 1), module, make_data(tiny_source, tiny_cache))
    settings = torch.load(tmp_path / "last.ckpt", weights_only=True)["hyper_parameters"]
    assert set(settings) == {"model", "decoder", "loss", "recipe"}


def test_vectors_have_no_weight_decay_and_muon_takes_the_hidden_weights(small_model):
    network = TranscriptionModule(small_model).network
    matrices, vectors = parameter_groups(network)
    assert all(p.ndim > 1 for _, p in matrices["params"])
    assert all(p.ndim <= 1 for _, p in vectors["params"]) and vectors["weight_decay"] == 0
    rest, biases, hidden = Muon([matrices, vectors]).param_groups
    assert hidden["orthogonal"] and not any("heads" in name for name in hidden["param_names"])
    assert len(rest["params"]) + len(hidden["params"]) == len(matrices["params"])
    assert len(biases["params"]) == len(vectors["params"])


def test_table_keeps_only_notes_that_begin_inside():
    table = torch.tensor([[-0.5, 0.2, 60, 80, 0.1], [0.1, 0.4, 62, 0, 0.3], [0, 0, 0, 0, 0]])
    notes = notes_from_table(table)
    assert notes.pitch.tolist() == [62] and notes.velocity.tolist() == [1]
