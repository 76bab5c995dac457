"""What runs on an Apple GPU uses no float64 there, which these GPUs lack.

No such GPU is needed: `pretend_gpu` computes on the CPU with tensors that report another device and
refuse float64 there. The tests prove that a batch is prepared, augmented, trained on, validated and
decoded without a float64 tensor on the device, and without mixing devices. They do not prove that
every operation exists on a real Apple GPU, nor what it computes there.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pretend_gpu import GPU, PretendGpu, PretendTensor

from amt.augment import Augmentation
from amt.data.datamodule import PianoDataModule
from amt.data.dataset import collate
from amt.decoding.peaks import Decoder
from amt.training.module import TranscriptionModule, notes_from_table
from amt.training.set_means import SetMeans

EVERYTHING = {
    "mixing": 1.0,
    "reverb": 1.0,
    "equalizer": 1.0,
    "band_limit": 1.0,
    "noise": 1.0,
    "compression": 1.0,
    "clipping": 1.0,
    "codec": 1.0,
}


@pytest.fixture(autouse=True)
def autocast_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch has no autocast for the pretended device."""
    original = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda _, **options: original("cpu", **options))


@pytest.fixture
def data(tiny_source, tiny_cache: Path) -> PianoDataModule:
    return PianoDataModule(
        {"synthetic": tiny_source},
        str(tiny_cache),
        batch_size=2,
        segment_seconds=2.048,
        augmentation=Augmentation(**EVERYTHING),
        loader_workers=0,
        prepare_workers=0,
    )


@pytest.fixture
def module(small_model) -> TranscriptionModule:
    temporal = {"_target_": "amt.models.temporal.Cnn", "layers": 2}
    heads = {"skip_heads": True, "velocity_head": 4, "pedal": True}
    module = TranscriptionModule({**small_model, **heads, "temporal": temporal})
    module.log = module.log_dict = lambda *args, **kwargs: None
    module.scores = SetMeans(["synthetic"])
    return module


def moved(module: TranscriptionModule) -> TranscriptionModule:
    """The module with parameters and buffers on the device."""
    for part in module.modules():
        for name, buffer in part._buffers.items():
            part._buffers[name] = None if buffer is None else PretendTensor(buffer)
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = torch.nn.Parameter(PretendTensor(parameter.detach()))
    return module


def to_device(batch: dict) -> dict:
    return {k: v.to(GPU) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


def test_training_and_validation_use_no_float64(data, module) -> None:
    module = moved(module)
    train, validation = next(iter(data.train_dataloader())), next(iter(data.val_dataloader()))
    generator = torch.Generator().manual_seed(0)
    with PretendGpu():
        batch = data.compute(to_device(train), module.front_end, generator)
        assert batch["spec"].device == batch["onset"].device == GPU
        loss = module.training_step(batch, 0)["loss"]
        assert loss.device == GPU and loss.dtype == torch.float32 and loss.isfinite().item()
        with torch.no_grad():
            batch = data.compute(to_device(validation), module.front_end)
            estimates = module.validation_step(batch, 0)["estimates"]
    assert len(estimates) == 1


def test_decoding_and_note_tables_use_no_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = dict.fromkeys(("onset", "offset", "frame", "velocity", "release"), (100, 88))
    posteriors = {
        name: torch.rand(shape, generator=generator)
        for name, shape in {**shapes, "pedal": (100, 1)}.items()
    }
    table = torch.tensor([[0.1, 0.4, 62.0, 80.0, 0.3], [0, 0, 0, 0, 0]])
    with PretendGpu():
        for ends in ("sound", "key"):
            expected = Decoder().decode(posteriors, 31.25, ends)
            found = Decoder().decode(to_device(posteriors), 31.25, ends)
            assert len(found) == len(expected) > 0
            assert (found.onset == expected.onset).all() and (found.offset == expected.offset).all()
        assert notes_from_table(table.to(GPU)).pitch.tolist() == [62]


def test_a_float64_tensor_on_the_device_is_noticed() -> None:
    with PretendGpu():
        values = torch.ones(3, device=GPU)
        assert values.device == GPU and (values * 2).cpu().device.type == "cpu"
        assert values.cpu().double().dtype == torch.float64
        for wrong in (
            lambda: values.double(),
            lambda: torch.zeros(2, device=GPU, dtype=torch.float64),
            lambda: torch.zeros(2, dtype=torch.float64).to(GPU),
            lambda: values + torch.ones(3),
        ):
            with pytest.raises(RuntimeError, match=r"float64|on the GPU and on the CPU"):
                wrong()


def test_batches_are_collated_without_float64(data) -> None:
    batch = collate([data.val_dataloader().dataset[0]])
    assert all(v.dtype != torch.float64 for v in batch.values() if isinstance(v, torch.Tensor))
