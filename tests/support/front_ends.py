"""Front ends for the tests, each created once, since constant-Q kernels take half a second."""

from __future__ import annotations

from functools import lru_cache

from amt.features.frontends import ConstantQ, FrontEnd, LogFrequency, Mel

SAMPLE_RATE = 16000
KINDS = {"mel": Mel, "cqt": ConstantQ, "logfreq": LogFrequency}
LOGARITHMIC = ("cqt", "logfreq")
HOPS = (160, 320, 512)


@lru_cache
def front_end(kind: str, hop_length: int = 512, **options: str) -> FrontEnd:
    """The front end `kind` with its default options and this hop length."""
    return KINDS[kind](sample_rate=SAMPLE_RATE, hop_length=hop_length, **options)


def key_frequency(pitch: float) -> float:
    """Frequency in Hz of a MIDI pitch."""
    return 440.0 * 2 ** ((pitch - 69) / 12)
