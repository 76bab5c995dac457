"""Wrong settings of train.py and evaluate.py are refused with what is expected."""

from __future__ import annotations

import pytest

from amt.data.pieces import SourceError
from amt.training.settings import check_settings

GOOD = {
    "seed": 1,
    "first_seconds": None,
    "optimizer": {"lr": 8e-3},
    "trainer": {"max_epochs": 4, "max_steps": -1},
    "resume": None,
    "output": None,
    "split": "test",
}


def test_usual_settings_are_accepted() -> None:
    for change in ({}, {"first_seconds": 0.5}, {"trainer": {"max_epochs": None}}, {"init": "base"}):
        check_settings({**GOOD, **change})
    check_settings({"seed": 1, "first_seconds": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1.5}, "seed=1.5: expected a whole number from 0 to 4294967295"),
        ({"seed": -1}, "seed=-1: expected a whole number"),
        ({"first_seconds": 0}, "first_seconds=0: expected seconds, more than 0"),
        ({"first_seconds": True}, "first_seconds=True: expected seconds"),
        ({"optimizer": {"lr": 0}}, "optimizer.lr=0: expected a number above 0"),
        ({"optimizer": {"lr": -0.1}}, "optimizer.lr=-0.1: expected a number above 0"),
        ({"optimizer": {"lr": float("nan")}}, "optimizer.lr=nan: expected a number above 0"),
        ({"optimizer": {"lr": "fast"}}, "optimizer.lr=fast: expected a number above 0"),
        ({"trainer": {"max_epochs": "abc"}}, "trainer.max_epochs=abc: expected a whole number"),
        ({"trainer": {"max_epochs": 1.5}}, "trainer.max_epochs=1.5: expected a whole number"),
        (
            {"trainer": {"accumulate_grad_batches": 0}},
            "batches=0: expected a whole",
        ),
        ({"resume": ""}, "resume= is empty; expected a path"),
        ({"init": ""}, "init= is empty"),
        ({"output": ""}, "output= is empty"),
        ({"split": "dev"}, "split=dev: expected one of train, validation, test"),
    ],
)
def test_wrong_settings_are_named_with_what_is_expected(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        check_settings({**GOOD, **change})
