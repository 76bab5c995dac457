"""Thresholds before and after tuning, and scores against the onset threshold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from oracle import FRAME_RATE, Oracle, random_notes, silence

from amt.evaluation.thresholds import threshold_document, write_thresholds
from amt.evaluation.tuning import tuning_examples


def test_the_document_has_thresholds_scores_and_a_curve(tmp_path: Path) -> None:
    notes = random_notes(0, 30, 10)
    oracle = Oracle(notes)
    examples = tuning_examples(oracle, [("piece", silence(10), notes)])
    before, after = replace(oracle.decoder, onset_threshold=0.999), oracle.decoder
    write_thresholds(tmp_path, threshold_document(examples, before, after, FRAME_RATE))
    found = json.loads((tmp_path / "thresholds.json").read_text())
    assert found["thresholds"]["onset_threshold"] == [0.999, after.onset_threshold]
    assert found["note_f1"][0] < found["note_f1"][1] == 1.0
    grid = [point["onset_threshold"] for point in found["curve"]]
    assert grid == sorted(grid) and {0.1, 0.9, 0.999, after.onset_threshold} <= set(grid)
    assert {"note_f1", "note_precision", "note_recall"} < set(found["curve"][0])
