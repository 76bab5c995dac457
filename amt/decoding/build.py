"""The decoder of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amt.decoding.hmm import StateDecoder
from amt.decoding.peaks import Decoder

AnyDecoder = Decoder | StateDecoder


def build_decoder(config: Mapping[str, Any]) -> AnyDecoder:
    """A `StateDecoder` where the config has its transition rates, else a `Decoder`.

    Raises TypeError or ValueError where the settings fit neither.
    """
    return StateDecoder(**config) if "attack" in config else Decoder(**config)
