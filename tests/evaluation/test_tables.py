"""Score tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from amt.evaluation.evaluate import Evaluation, Row
from amt.evaluation.tables import score_table, write_report


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


def test_a_report_has_the_worst_first_groups_and_links(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"name": "a", "set": "maps", "seconds": 1.0, "took": 0.1, "note_f1": 0.9},
        {"name": "b", "set": "maps", "seconds": 1.0, "took": 0.1, "note_f1": 0.5},
        {"name": "a", "set": "maestro", "seconds": 1.0, "took": 0.1, "note_f1": 0.7},
    ]
    links = {"maps-b": "test_worst/maps-b.png"}
    printed = write_report(tmp_path, Evaluation(rows), "test", links)
    lines = printed.splitlines()
    assert [line.split()[1] for line in lines[2:]] == [
        "b",
        "a",
        "a",
        "*maps*",
        "*maestro*",
        "**mean**",
    ]
    assert (
        "png" not in printed and "[b](test_worst/maps-b.png)" in (tmp_path / "test.md").read_text()
    )
    scores = [row["note_f1"] for row in csv.DictReader((tmp_path / "test.csv").open())]
    assert scores == ["0.5", "0.7", "0.9"]
    document = json.loads((tmp_path / "test.json").read_text())
    assert document["pieces"] == 3 and document["means"] == pytest.approx({"note_f1": 0.7})
    assert document["group_means"]["maestro"] == {"note_f1": 0.7}
