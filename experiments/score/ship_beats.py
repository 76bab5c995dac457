"""Put a trained beat network into the package: its weights in 16 bits, and their checksum.

python experiments/score/ship_beats.py RUN/averaged.safetensors NAME --licence "DATA (LICENCE): USE"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ship_weights import ship

from amt.analysis.symbolic.beat_weights import BEAT_WEIGHTS
from amt.models.checkpoint import read_checkpoint

MAX_BYTES = 2e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("name")
    parser.add_argument("--licence", required=True, help="training data and permitted use")
    options = parser.parse_args()
    checkpoint = read_checkpoint(options.source)
    ship(BEAT_WEIGHTS, options.name, checkpoint, options.licence, MAX_BYTES)


if __name__ == "__main__":
    main()
