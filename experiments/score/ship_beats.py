"""Put a trained beat network into the package: its weights in 16 bits, and their checksum.

python experiments/score/ship_beats.py RUN/averaged.safetensors NAME --licence "DATA (LICENCE): USE"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from amt.analysis.symbolic.beat_weights import BEAT_WEIGHTS
from amt.inference.pretrained import checksum, record_checksum
from amt.models.checkpoint import WEIGHTS_SUFFIX, read_checkpoint, write_weights

MAX_BYTES = 2e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("name")
    parser.add_argument("--licence", required=True, help="training data and permitted use")
    options = parser.parse_args()
    BEAT_WEIGHTS.mkdir(parents=True, exist_ok=True)
    target = BEAT_WEIGHTS / f"{options.name}{WEIGHTS_SUFFIX}"
    write_weights(target, read_checkpoint(options.source), options.name, options.licence)
    size = target.stat().st_size
    if size > MAX_BYTES:
        target.unlink()
        raise SystemExit(f"{target}: deleted; {size} bytes, expected at most {MAX_BYTES:.0f}")
    record_checksum(target)
    print(f"{target}: {size / 1e6:.2f} MB, SHA-256 {checksum(target)}")


if __name__ == "__main__":
    main()
