"""Score tables."""

from __future__ import annotations

from amt.evaluation.tables import score_table


def test_scores_as_a_table() -> None:
    rows = [{"name": "waltz", "note_f1": 0.91234, "frame_f1": 1.0}, {"name": "a", "note_f1": 0.5}]
    means = {"note_f1": 0.70617, "frame_f1": 1.0}
    assert score_table(rows, means, ["note_f1", "frame_f1"]) == (
        "| piece    | note_f1 | frame_f1 |\n"
        "| -------- | ------: | -------: |\n"
        "| waltz    |   0.912 |    1.000 |\n"
        "| a        |   0.500 |        - |\n"
        "| **mean** |   0.706 |    1.000 |"
    )
