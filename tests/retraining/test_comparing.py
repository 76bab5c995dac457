"""Two versions on the same recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from amt.inference.pretrained import pretrained_checkpoint
from amt.notes import Notes
from amt.retraining.comparing import Observed, observe_here, reasons_against, recordings_to_compare
from amt.retraining.settings import CompareSettings


def notes(pitch: int) -> Notes:
    return Notes(np.array([0.5]), np.array([1.0]), np.array([pitch]), np.array([64]))


GOOD = Observed(100, 0, (1.0, 1.0, 1.2), {0: notes(60), 1: notes(64)}, 0.9)
SETTINGS = CompareSettings()


def test_nothing_speaks_against_the_same() -> None:
    assert reasons_against(SETTINGS, GOOD, GOOD) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"errors": 5}, "errors: 0.0% -> 5.0%"),
        ({"seconds": (3.0,)}, "time: 3.00 times as long, 2 are allowed"),
        ({"notes": {0: notes(61), 1: notes(65)}}, "notes: F1 0.000 between both"),
        ({"certainty": 0.7}, "certainty: 0.900 -> 0.700"),
        ({"seconds": ()}, "the new version gave no answer"),
    ],
)
def test_reasons_against_the_new_version(changes: dict, reason: str) -> None:
    (found,) = reasons_against(SETTINGS, GOOD, replace(GOOD, **changes))
    assert found.startswith(reason)


def test_what_is_not_known_is_not_compared() -> None:
    assert reasons_against(SETTINGS, GOOD, replace(GOOD, certainty=None, notes={})) == []


def test_a_model_observed_here() -> None:
    recordings = recordings_to_compare(1)
    assert recordings == recordings_to_compare(1) and recordings[0].startswith(b"fLaC")
    found = observe_here(pretrained_checkpoint("fast"), recordings)
    assert found.requests == 1 and found.seconds[0] > 0 and len(found.notes[0]) > 10
    assert found.certainty is not None and 0.5 < found.certainty <= 1
