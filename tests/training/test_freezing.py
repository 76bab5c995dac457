"""Training some modules only leaves all others as they are."""

from __future__ import annotations

import lightning as L
import pytest
import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import Tensor, nn
from torch.utils.data import DataLoader

from amt.training.freezing import TrainOnly


class Small(L.LightningModule):
    """A network with a batch norm and two heads; its loss needs both."""

    rate = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.ModuleDict(
            {
                "trunk": nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)),
                "one": nn.Linear(8, 1),
                "other": nn.Linear(8, 1),
            }
        )

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        features = self.network["trunk"](batch)
        assert not features.requires_grad
        return (self.network["one"](features) + self.network["other"](features)).square().mean()

    validation_step = training_step  # type: ignore[assignment]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.rate)


def fit(module: Small, only: TrainOnly, epochs: int = 2) -> None:
    data = DataLoader(torch.randn(16, 4, generator=torch.Generator().manual_seed(0)), 4)
    trainer = L.Trainer(
        max_epochs=epochs,
        callbacks=[only],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        val_check_interval=2,
    )
    trainer.fit(module, data, data)


def test_only_the_named_module_changes() -> None:
    module = Small()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    fit(module, TrainOnly(["one"]))
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]) == ("one" not in name), name


def test_new_weights_replace_those_of_a_dead_head() -> None:
    module = Small()
    module.rate = 0.0
    nn.init.zeros_(module.network["other"].weight)
    fit(module, TrainOnly("other"), epochs=1)
    assert not module.network["other"].weight.any()
    fit(module, TrainOnly("other", renew=True), epochs=1)
    assert module.network["other"].weight.all()


@pytest.mark.parametrize("modules", [["three"], [], ["one", "trunk.9"]])
def test_unknown_modules_are_refused(modules: list[str]) -> None:
    with pytest.raises(MisconfigurationException, match="such as trunk, one, other"):
        fit(Small(), TrainOnly(modules))
