"""Tune the thresholds of a checkpoint on other validation pieces than those of its training.

python experiments/weights/tune.py CKPT data=thresholds
python experiments/weights/tune.py CKPT data=thresholds '~data.sources.maps' --parts ends pedal

--parts: only these of onsets, ends (of sounds) and pedal (with the releases of keys). The folders
are those of conf/paths/default.yaml. The thresholds are written into the checkpoint. The first
minute of each piece is used. `train.py` does the same at the end of a run, with the validation
pieces of its own data.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from amt.data.locations import require_folders
from amt.data.manifest import CacheError
from amt.data.pieces import SourceError
from amt.device import pick_device
from amt.evaluation.tuning import PARTS
from amt.models.checkpoint import CheckpointError
from amt.training.finish import tune_checkpoint

CONF = Path(__file__).resolve().parents[2] / "conf"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path, metavar="CKPT")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="of the configuration")
    options = parser.parse_intermixed_args(arguments)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", ["augment=none", *options.overrides])
    try:
        used = OmegaConf.masked_copy(config, ["paths", "data", "augment", "seed"])
        require_folders(OmegaConf.to_container(used), OmegaConf.to_container(used, resolve=True))
        data = instantiate(config.data, _convert_="all")
        data.prepare_data()
        print(tune_checkpoint(options.checkpoint, data, pick_device(), parts=options.parts))
    except (SourceError, CacheError, CheckpointError, OSError, ValueError) as error:
        sys.exit(f"tune.py: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
