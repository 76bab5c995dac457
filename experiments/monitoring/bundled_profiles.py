"""Make the reference profile of a pretrained model: amt/weights/NAME.profile.json.

python experiments/monitoring/bundled_profiles.py NAME MIDI_FOLDER --pianos FOLDER ... \
    --rooms FILE ... --real FOLDER --cache DIR --origin TEXT

Performances on which the model was not trained, played on sampled pianos under random conditions of
recording, and real recordings with note tables: excerpts of 15 to 60 s (`excerpts.py`). Their
numbers are kept in DIR. The duration is left out of the profile, since excerpts have none that
means anything. The checksum is written to SHA256SUMS.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from excerpts import Studio, real_excerpts, rendered_excerpts
from measured import Measured, measure_excerpts

from amt.inference.model_version import model_version
from amt.inference.pretrained import WEIGHTS, pretrained_checkpoint, record_checksum
from amt.inference.transcriber import Transcriber
from amt.monitoring.profile import SUFFIX, make_profile, write_profile


def main(words: Sequence[str]) -> None:
    options = _parser().parse_args(words)
    torch.set_num_threads(1)
    found = measured(options)
    version = model_version(pretrained_checkpoint(options.model))
    profile = make_profile(
        [one.numbers for one in found],
        options.model,
        version,
        options.origin,
        [one.f1 for one in found],
        leave_out=("seconds",),
        pieces=[one.piece for one in found],
    )
    path = WEIGHTS / f"{options.model}{SUFFIX}"
    write_profile(path, profile)
    record_checksum(path)
    assert profile.f1
    print(f"{path}: {len(found)} excerpts, {path.stat().st_size} bytes")
    print(f"F1 of a recording is estimated within {profile.f1.error:.3f} on average")


def measured(options: argparse.Namespace) -> list[Measured]:
    """The numbers of all excerpts, piece after piece."""
    transcriber = Transcriber.from_pretrained(options.model)
    paths = sorted(options.performances.rglob("*.mid*"))
    studio = cache(lambda: Studio.load(options.pianos, options.rooms))
    options.cache.mkdir(parents=True, exist_ok=True)
    sets = {
        "valA": lambda: rendered_excerpts(paths[::2], options.each, studio(), 0),
        "valB": lambda: rendered_excerpts(paths[1::2], options.each, studio(), 0),
        "real": lambda: real_excerpts(options.real, options.each_real, 0),
    }
    files = {name: options.cache / f"{options.model}_{name}.jsonl" for name in sets}
    return [
        one
        for name, made in sets.items()
        for one in measure_excerpts(transcriber, made, files[name])
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model")
    add("performances", type=Path, help="folder of MIDI files on which the model was not trained")
    add("--pianos", type=Path, nargs="+", required=True, help="folders of sampled pianos")
    add("--rooms", type=Path, nargs="*", default=[], help="impulse responses of usual rooms")
    add("--real", type=Path, required=True, help="folder of real recordings with note tables")
    add("--each", type=int, default=8, help="excerpts of a performance (default: %(default)s)")
    add("--each-real", type=int, default=3, help="of a real recording (default: %(default)s)")
    add("--cache", type=Path, default=Path("monitoring"), help="folder for the numbers")
    add("--origin", required=True, help="what the recordings are, for readers")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
