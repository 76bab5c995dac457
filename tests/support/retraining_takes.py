"""Corrections of a piano that is flat, and settings with which a real retraining is short."""

from __future__ import annotations

from small_lake import write_corrections

from amt.cloud.folder_lake import FolderLake
from amt.inference.pretrained import pretrained_checkpoint
from amt.inference.transcriber import Transcriber

# The gate lets everything through: what is tested is the way, not what is learnt in a minute.
TINY = """
model: fast
train:
  overrides:
    - data=corrections_synthetic
    - data.segments_per_epoch=24
    - data.batch_size=4
    - data.sources.synthetic.train=3
    - data.sources.synthetic.validation=1
    - data.sources.synthetic.seconds=8
    - data.loader_workers=0
    - data.prepare_workers=1
gate:
  corrections: {gain: -1.0}
  sets:
    synthetic:
      margin: 0.9
      overrides:
        - data=synthetic
        - data.sources.synthetic.train=0
        - data.sources.synthetic.validation=0
        - data.sources.synthetic.test=5
        - data.sources.synthetic.seconds=8
        - data.prepare_workers=1
compare: {recordings: 1, slowdown: 100.0, agreement: 0.0, certainty: 1.0}
"""


def write_flat_takes(lake: FolderLake, count: int = 6) -> None:
    """Pairs of ten seconds."""
    write_corrections(lake, Transcriber.load(pretrained_checkpoint("fast")), count, 10.0)
