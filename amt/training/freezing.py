"""Train only some modules of a network, such as a head on a trained trunk."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch import nn


class TrainOnly(L.Callback):
    """Trains the named modules; all others stay as they are, the means of batch norms too.

    modules: names in the network, e.g. pedal_head or temporal.lstm. renew: start them with new
    random weights, rather than with those of `init`. Of frozen modules no gradients are computed,
    so a head on a trunk trains several times as fast as the whole. An average of weights
    (callbacks.ema) changes the frozen ones by its rounding, about 1e-5. Raises
    MisconfigurationException for names that the network does not have.
    """

    def __init__(self, modules: str | Sequence[str], renew: bool = False) -> None:
        self.modules = (modules,) if isinstance(modules, str) else tuple(modules)
        self.renew = renew

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        chosen = self._chosen(pl_module)
        pl_module.requires_grad_(False)
        for module in chosen:
            module.requires_grad_(True)
            if self.renew and stage == "fit":
                for part in module.modules():
                    reset = getattr(part, "reset_parameters", None)
                    if callable(reset):
                        reset()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._set_modes(pl_module)  # A run that is resumed within an epoch does not start one.

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._set_modes(pl_module)

    def _set_modes(self, pl_module: L.LightningModule) -> None:
        chosen = self._chosen(pl_module)
        pl_module.eval()
        # Gradients pass recurrent layers of cuDNN only in training mode; these have no dropout.
        recurrent = [part for part in pl_module.modules() if isinstance(part, nn.RNNBase)]
        for module in chosen + recurrent:
            module.train()

    def _chosen(self, pl_module: L.LightningModule) -> list[nn.Module]:
        parts = dict(pl_module.get_submodule("network").named_modules())
        unknown = [name for name in self.modules if name not in parts]
        if unknown or not self.modules:
            known = ", ".join(name for name in parts if name and "." not in name)
            raise MisconfigurationException(
                f"callbacks.only.modules={list(self.modules)}: expected modules of the network, "
                f"such as {known}"
            )
        return [parts[name] for name in self.modules]
