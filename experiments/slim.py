"""A checkpoint to ship: weights and settings only, no optimiser, no paths of where it was trained.

python experiments/slim.py runs/NAME/checkpoints/best.ckpt amt/weights/NAME.ckpt
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from amt.files import whole
from amt.transcriber import Transcriber, read_checkpoint

KEPT = ("model", "decoder")


def main(source: Path, target: Path) -> None:
    checkpoint = read_checkpoint(source)
    settings = {name: checkpoint["hyper_parameters"][name] for name in KEPT}
    slim = {"state_dict": checkpoint["state_dict"], "hyper_parameters": settings}
    with whole(target) as temporary:
        torch.save(slim, temporary)
    Transcriber.load(target)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
