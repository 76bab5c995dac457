"""The hand of each note by the network: its bundled weights, and a piece read in windows."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from amt.inference.pretrained import WEIGHTS, verify_bundled
from amt.models.checkpoint import WEIGHTS_SUFFIX, read_checkpoint
from amt.notes import Notes
from amt.score.hand_features import hand_features
from amt.score.hand_network import HandNetwork

HAND_WEIGHTS = WEIGHTS / "hands"
# A piece is read in windows of so many notes, at so many notes from each other; at the borders
# between two, half of what they share is of the one and half of the other.
WINDOW, HOP = 320, 192
WINDOWS_AT_ONCE = 16


@cache
def load_hand_network(name: str) -> HandNetwork:
    """The bundled network `name`.

    Raises CheckpointError if there is none or its file differs from its checksum.
    """
    path = HAND_WEIGHTS / f"{name}{WEIGHTS_SUFFIX}"
    checkpoint = read_checkpoint(path)
    verify_bundled(path)
    network = HandNetwork(**checkpoint["hyper_parameters"]["model"])
    network.load_state_dict(checkpoint["state_dict"])
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def hand_logits(notes: Notes, network: HandNetwork) -> np.ndarray:
    """The logit of the right hand for each note: (N,)."""
    features = torch.from_numpy(hand_features(notes))
    last = max(len(features) - WINDOW, 0)
    starts = [*range(0, last, HOP), last]
    found = np.zeros(len(features), dtype=np.float32)
    for first in range(0, len(starts), WINDOWS_AT_ONCE):
        own = starts[first : first + WINDOWS_AT_ONCE]
        logits = network(torch.stack([features[start : start + WINDOW] for start in own])).numpy()
        for start, row in zip(own, logits, strict=True):
            skipped = (WINDOW - HOP) // 2 if start else 0
            found[start + skipped : start + WINDOW] = row[skipped:]
    return found
