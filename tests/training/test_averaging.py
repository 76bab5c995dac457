"""The moving average that keeps a share of the first weights."""

from __future__ import annotations

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch import Tensor, nn
from torch.utils.data import DataLoader

from amt.training.averaging import AnchoredAverage

STEPS, DECAY = 12, 0.8


class Line(L.LightningModule):
    """A linear network with a batch norm, whose buffers are averaged too."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return (self.network(batch) - 1).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trained(average: EMAWeightAveraging) -> dict[str, Tensor]:
    """The weights that a training ends with."""
    data = torch.randn(4 * STEPS, 3, generator=torch.Generator().manual_seed(1))
    trainer = L.Trainer(
        accelerator="cpu", max_steps=STEPS, callbacks=[average], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Line(), DataLoader(data, batch_size=4))
    return floats(trainer.lightning_module)


def floats(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, without counters."""
    return {k: v.clone() for k, v in module.state_dict().items() if v.is_floating_point()}


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_result_is_a_mixture_of_the_average_and_the_start(share: float) -> None:
    start = floats(Line())
    average = trained(EMAWeightAveraging(decay=DECAY))
    found = trained(AnchoredAverage(DECAY, share))
    assert any((average[name] - start[name]).abs().max() > 0.01 for name in start)
    for name, values in found.items():
        expected = share * start[name] + (1 - share) * average[name]
        assert torch.allclose(values, expected, atol=1e-5), name


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        AnchoredAverage(DECAY, share)
