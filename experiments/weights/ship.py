"""Convert a checkpoint to a weight file of the package: 16-bit weights and settings only.

python experiments/weights/ship.py CKPT amt/weights/NAME.safetensors --licence "DATA (LICENCE): USE"

Its checksum is written to SHA256SUMS in the same folder. The posteriors of 30 s of the built-in
piano must not change by more than 0.02; the largest difference is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from amt.data.sources.synthetic import Synthetic
from amt.inference.pretrained import checksum, record_checksum
from amt.inference.transcriber import Transcriber
from amt.models.checkpoint import read_checkpoint, write_weights

MAX_BYTES = 5e6
TOLERANCE = 0.02


def main(source: Path, target: Path, licence: str) -> None:
    write_weights(target, read_checkpoint(source), target.stem, licence)
    size, difference = target.stat().st_size, largest_difference(source, target)
    if size > MAX_BYTES or difference > TOLERANCE:
        target.unlink()
        raise SystemExit(
            f"{target}: deleted; {size} bytes (at most {MAX_BYTES:.0f}), posteriors differ by "
            f"{difference:.4f} (at most {TOLERANCE})"
        )
    record_checksum(target)
    print(f"{target}: {size / 1e6:.2f} MB, posteriors differ by at most {difference:.5f}")
    print(f"SHA-256 {checksum(target)}")


def largest_difference(one: Path, other: Path) -> float:
    """Largest difference between the posteriors of two checkpoints for one piece, in 32 bits."""
    audio = Synthetic(seconds=30.0).pieces()[0].load().audio
    ours, theirs = (Transcriber.load(p, "cpu", "float32").posteriors(audio) for p in (one, other))
    return max(float((ours[name].float() - theirs[name].float()).abs().max()) for name in ours)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a checkpoint small enough to ship.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--licence", required=True, help="training data and permitted use")
    main(**vars(parser.parse_args()))
