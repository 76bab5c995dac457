"""A checkpoint to ship: weights in half precision and settings, no optimiser, no paths.

python experiments/weights/ship.py CKPT amt/weights/NAME.safetensors --licence "DATA (LICENCE): WHAT FOR"

Its checksum goes into SHA256SUMS beside it. The posteriors of half a minute of the built-in piano
must stay the same within a hundredth; their largest difference is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from amt.data.sources.synthetic import Synthetic
from amt.inference.pretrained import checksum, record_checksum
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import read_checkpoint, write_weights

MOST_BYTES = 5e6
TOLERANCE = 0.01


def main(source: Path, target: Path, licence: str) -> None:
    write_weights(target, read_checkpoint(source), target.stem, licence)
    size, difference = target.stat().st_size, largest_difference(source, target)
    if size > MOST_BYTES or difference > TOLERANCE:
        target.unlink()
        raise SystemExit(f"{target}: not kept; {size} bytes, posteriors differ by {difference:.4f}")
    record_checksum(target)
    print(f"{target}: {size / 1e6:.2f} MB, posteriors differ by at most {difference:.5f}")
    print(f"SHA-256 {checksum(target)}")


def largest_difference(one: Path, other: Path) -> float:
    """Between the posteriors that two checkpoints give for one piece, in 32 bits."""
    audio = Synthetic(seconds=30.0).pieces()[0].load().audio
    ours, theirs = (Transcriber.load(p, "cpu", "float32").posteriors(audio) for p in (one, other))
    return max(float((ours[name].float() - theirs[name].float()).abs().max()) for name in ours)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a checkpoint small enough to ship.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--licence", required=True, help="what it was trained on, and what for")
    main(**vars(parser.parse_args()))
