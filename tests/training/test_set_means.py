"""Means of validation scores over all pieces and over those of each set, on several ranks."""

from __future__ import annotations

import pytest

from amt.training.set_means import SetMeans


def test_pieces_count_alike_and_each_set_has_its_means() -> None:
    means = SetMeans(["maps", "empty", "maestro"])
    means.add(0, {"note_f1": 0.5, "loss": 1.0})
    means.add(0, {"loss": 2.0, "note_f1": 0.7})
    means.add(2, {"note_f1": 0.9, "loss": 6.0})
    assert means.means(lambda table: table) == pytest.approx(
        {
            "note_f1": 0.7,
            "loss": 3.0,
            "maps/note_f1": 0.6,
            "maps/loss": 1.5,
            "maestro/note_f1": 0.9,
            "maestro/loss": 6.0,
        }
    )


def test_one_set_is_not_repeated() -> None:
    means = SetMeans(["maps", "maestro"])
    means.add(1, {"note_f1": 0.5})
    assert means.means(lambda table: table) == {"note_f1": 0.5}


def test_ranks_that_saw_other_sets_give_the_same_means() -> None:
    ranks = [SetMeans(["a", "b"]) for _ in range(2)]
    ranks[0].add(0, {"note_f1": 0.2})
    ranks[0].add(0, {"note_f1": 0.4})
    ranks[1].add(1, {"note_f1": 0.9})
    tables: list = []
    for rank in ranks:
        rank.means(lambda table: (tables.append(table), table)[1])
    together = [rank.means(lambda _: tables[0] + tables[1]) for rank in ranks]
    assert (
        together[0]
        == together[1]
        == pytest.approx({"note_f1": 0.5, "a/note_f1": 0.3, "b/note_f1": 0.9})
    )
