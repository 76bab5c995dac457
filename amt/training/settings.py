"""Settings of train.py and evaluate.py that are checked before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amt.data.pieces import SPLITS, SourceError

# Places that are null where there are none; an empty one is a variable of a shell that is not set.
PLACES = ("ckpt", "resume", "init", "upload", "output")


@dataclass(frozen=True)
class Number:
    """What a setting must be, as a message names it: a kind of number, from least to most."""

    expected: str
    least: float = -math.inf
    most: float = math.inf
    whole: bool = False
    null: bool = False

    def accepts(self, value: object) -> bool:
        """Whether the value is such a number."""
        if value is None:
            return self.null
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.least <= value <= self.most


_POSITIVE = math.ulp(0.0)
_COUNT = Number("a whole number, 1 or more", 1, whole=True)
_LIMIT = Number("a whole number, -1 for no limit", -1, whole=True, null=True)
_RATE = Number("a number above 0", _POSITIVE, 1e9)
NUMBERS = {
    "seed": Number(f"a whole number from 0 to {2**32 - 1}", 0, 2**32 - 1, whole=True),
    "first_seconds": Number("seconds, more than 0, or null for all", _POSITIVE, null=True),
    "worst_pieces": Number("a whole number, 0 or more", 0, whole=True),
    "optimizer.lr": _RATE,
    "trainer.max_epochs": _LIMIT,
    "trainer.max_steps": _LIMIT,
    "trainer.accumulate_grad_batches": _COUNT,
}


def check_settings(config: Mapping[str, Any]) -> None:
    """Raises SourceError, one line, for a number of a wrong kind or out of its range, for an empty
    place and for an unknown split.
    """
    for key, number in NUMBERS.items():
        group, _, name = key.rpartition(".")
        settings = config.get(group) if group else config
        if settings and name in settings and not number.accepts(settings[name]):
            raise SourceError(f"{key}={settings[name]}: expected {number.expected}")
    for key in PLACES:
        if config.get(key) == "":
            raise SourceError(f"{key}= is empty; expected a path, or leave it out")
    if config.get("split", SPLITS[0]) not in SPLITS:
        raise SourceError(f"split={config.get('split')}: expected one of {', '.join(SPLITS)}")
