"""Build a decoder from its settings in a checkpoint or a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amt.decoding.hmm import HmmDecoder
from amt.decoding.peaks import Decoder

AnyDecoder = Decoder | HmmDecoder


def build_decoder(config: Mapping[str, Any]) -> AnyDecoder:
    """A `HmmDecoder` if the settings contain transition probabilities, else a `Decoder`.

    Raises TypeError for an unknown setting, ValueError for a value that is not allowed.
    """
    return HmmDecoder(**config) if "attack" in config else Decoder(**config)
