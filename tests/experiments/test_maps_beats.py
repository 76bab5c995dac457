"""Beats of a sequenced piece from its seconds alone."""

from __future__ import annotations

import csv
from pathlib import Path

import maps_beats
import numpy as np
import pytest
from asap import read_annotations
from maps_beats import TABLE, find, long_enough, read_sections, sharpness
from maps_grid import QUARTER, Metre, distinct_onsets, position_costs, tempo_unit

BARS = 8


def sequenced(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Onsets and pitches (N, 2), rounded to 0.1 ms, and the beats of a piece in 3/4.

    A bass note on the first beat, chords on the others, and eighths above. The tempo is another
    whole number of beats a minute on each beat, and falls in every fourth bar.
    """
    rng = np.random.default_rng(seed)
    tempo = 96 + rng.integers(-4, 5, 3 * BARS)
    tempo[11::12] -= 24
    beats = np.append(0, np.cumsum(60 / tempo)) + 0.5
    rows = []
    for number in range(3 * BARS):
        below = [40 + number // 3] if number % 3 == 0 else [55, 59, 62]
        rows += [(beats[number], pitch) for pitch in [*below, 70 + rng.integers(8)]]
        rows.append(((beats[number] + beats[number + 1]) / 2, 70 + rng.integers(8)))
    return np.round(np.array(rows), 4), beats[:-1]


def section(bars: int) -> maps_beats.Section:
    return maps_beats.Section(0.0, Metre("3/4", QUARTER, 3 * QUARTER, 0, 0.62), bars)


def test_beats_and_bars_of_a_sequenced_piece_are_found() -> None:
    notes, beats = sequenced()
    found = find(notes, section(BARS))
    assert found.kept.all() and found.last_bar < BARS
    np.testing.assert_allclose(found.beats, beats, atol=2e-4)
    np.testing.assert_array_equal(found.number, np.arange(len(beats)))
    assert found.sharp == 1 and found.on_unit[0] > 0.9 > 2 * found.on_unit[1]


def test_nothing_is_kept_if_the_number_of_bars_is_not_that_of_the_score() -> None:
    notes, _ = sequenced()
    assert not find(notes, section(BARS + 4)).kept.any()


def test_onsets_at_random_are_not_sharp() -> None:
    beats = np.arange(50.0)
    times = np.random.default_rng(1).uniform(0, 49, 400)
    assert sharpness(times, beats) < 0.3


def test_files_have_the_format_of_asap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notes, beats = sequenced()
    maps, table = tmp_path / "maps", tmp_path / "table.tsv"
    maps.mkdir()
    lines = [f"{onset}\t{onset + 0.2}\t{pitch:.0f}\t64\n" for onset, pitch in notes]
    (maps / "MAPS_MUS-piece_AkPnBcht.tsv").write_text("onset\toffset\tpitch\tvelocity\n" + "".join(lines))
    head = "name\tfrom\tmetre\tpickup\tquarter\tparts\tbars\ttitle\n"
    table.write_text(f"{head}piece\t0\t3/4\t0\t0.62\t2\t{BARS}\tA piece\n")
    monkeypatch.setattr(maps_beats, "TABLE", table)
    monkeypatch.setattr("sys.argv", ["maps_beats.py", str(maps), str(tmp_path / "out")])
    maps_beats.main()
    assert "piece\t3/4" in capsys.readouterr().out
    annotations = read_annotations(tmp_path / "out" / "piece.txt")
    np.testing.assert_allclose(annotations.beats, beats, atol=2e-4)
    np.testing.assert_array_equal(np.flatnonzero(annotations.downbeats), np.arange(0, 3 * BARS, 3))
    assert annotations.strict.all() and annotations.metres == ((0, "3/4"),)


def test_short_runs_are_left_out() -> None:
    kept = np.array([1, 1, 0, 1, 1, 1, 0, 1], dtype=bool)
    np.testing.assert_array_equal(long_enough(kept, 3), [0, 0, 0, 1, 1, 1, 0, 0])


def test_hands_set_apart_by_a_tick_are_one_onset() -> None:
    np.testing.assert_array_equal(distinct_onsets(np.array([1.002, 1, 1.5, 1])), [1, 1.5])


def test_beats_are_cheapest_and_unusual_parts_are_not_possible() -> None:
    cost = position_costs(Metre("6/8", 72, 144, 0, 0.5))
    assert cost[0] == cost[72] == 0 < cost[24] < cost[12]
    assert np.isinf(cost[1])


def test_the_unit_of_tempi_is_found() -> None:
    tempo = np.random.default_rng(0).integers(80, 120, 200) * 1.044
    times = np.append(0, np.cumsum(60 / tempo))
    assert tempo_unit(times, QUARTER * np.arange(201)) == pytest.approx(1.044, rel=0.002)


def test_the_table_has_sections_in_order_and_possible_pickups() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        assert all(line["title"] for line in csv.DictReader(file, delimiter="\t"))
    for sections in read_sections(TABLE).values():
        assert [one.start for one in sections] == sorted({one.start for one in sections})
        assert all(abs(one.metre.pickup) < one.metre.bar for one in sections if one.metre)
