"""What only a GPU shows: the same results as on a CPU. Skipped without one."""

from __future__ import annotations

import pytest
import torch
from front_ends import front_end

from amt.inference.transcriber import Transcriber
from amt.models.build import build_model
from amt.notes import Notes

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def noise(seconds: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(round(seconds * 16000), generator=generator)


@pytest.mark.parametrize("kind", ["mel", "cqt", "logfreq"])
def test_front_ends_agree(kind: str) -> None:
    """On the GPU mel and cqt are nnAudio's convolutions, on the CPU FFTs."""
    audio = noise()[None]
    expected = front_end(kind)(audio)
    found = front_end(kind).cuda()(audio.cuda()).cpu()
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ["base", "fast", "open"])
def test_posteriors_agree(name: str) -> None:
    audio = noise(20.0).numpy()
    on_cpu = Transcriber.from_pretrained(name, "cpu", "float32").posteriors(audio)
    on_gpu = Transcriber.from_pretrained(name, "cuda", "float32").posteriors(audio)
    for output, values in on_cpu.items():
        found = on_gpu[output].cpu().float()
        torch.testing.assert_close(found, values.float(), atol=5e-3, rtol=0)


def test_a_training_step_in_bfloat16_lowers_the_loss() -> None:
    from amt.data.dataset import NoteTable
    from amt.data.targets import make_targets
    from amt.training.losses import Loss

    features = {"_target_": "amt.features.frontends.LogFrequency"}
    trunk = {"_target_": "amt.models.trunk.HarmonicTrunk", "channels": 16, "blocks": 1}
    temporal = {"_target_": "amt.models.temporal.Lstm", "hidden": 8}
    spectrum, network = build_model({"features": features, "trunk": trunk, "temporal": temporal})
    spec = spectrum.cuda()(noise()[None].cuda())
    rows = NoteTable.from_notes(Notes([0.2, 0.9], [0.7, 1.8], [60, 64], [80, 50])).rows
    table = torch.from_numpy(rows).float()[None].cuda()
    targets = make_targets(table, spec.shape[2], spectrum.frame_rate)
    targets |= {"mask": torch.ones(1, spec.shape[2]).cuda(), "pedal_known": torch.ones(1).cuda()}
    network = network.cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        with torch.autocast("cuda", torch.bfloat16):
            loss = Loss()(network(spec), targets)["total"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
