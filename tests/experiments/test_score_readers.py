"""What is compared of scores by us, music21 and partitura: notes, groups of the metre, keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("partitura")
pytest.importorskip("music21")

from muster import WrittenNotes, muster
from muster_scores import Row, by_music21, by_partitura, from_score, seconds_at
from mv2h import mv2h
from mv2h_scores import groups, keys_of, our_score

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.io.midi import midi_bytes
from amt.io.tempo_map import TempoMap, TimeSignature
from amt.notes import Notes
from amt.score.make import make_score

BEATS = [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7]
LENGTH = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1, 1]
PITCH = [72, 74, 76, 77, 79, 77, 76, 74, 72, 74, 72]


def grid() -> MetricalGrid:
    """Eight beats of a performance that becomes slower, in 2/2."""
    times = 1.0 + np.cumsum(np.linspace(0.5, 0.7, 9))
    return MetricalGrid(times, np.arange(9) % 2 == 0, (MetreSpan(0, 2, 2),))


def notes() -> Notes:
    onset = grid().seconds(np.array(BEATS))
    offset = grid().seconds(np.array(BEATS) + np.array(LENGTH)) - 0.02
    return Notes(onset, offset, PITCH, np.full(len(BEATS), 70))


def test_our_score_of_a_simple_melody_has_its_notes_at_their_places() -> None:
    place = np.array(BEATS, dtype=float)
    columns = (place, 2 * place, 2 * np.array(LENGTH), np.array(PITCH), np.ones(len(place), int))
    written = from_score(make_score(notes(), grid()), grid())
    found = muster(WrittenNotes(*columns), written)
    assert (found.pitch, found.missing, found.extra, found.onset, found.staff) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("reader", [by_music21, by_partitura])
def test_other_packages_read_straight_notes_as_they_are(
    reader: Callable[[bytes], list[Row]],
) -> None:
    onset, length = np.array(BEATS) / 2, np.array(LENGTH) / 2
    straight = Notes(onset, onset + length, PITCH, np.full(len(onset), 70))
    signature = (TimeSignature(0, 4, 4),)
    tempo_map = TempoMap(np.array([0.0, 0.5]), np.array([0.0, 1.0]), signature)
    rows = sorted(reader(midi_bytes(straight, tempo_map=tempo_map)))
    assert rows == list(zip(BEATS, LENGTH, PITCH, strict=True))


def test_groups_are_bars_beats_and_sub_beats() -> None:
    found = groups(grid(), np.inf)
    assert len(found) == 4 + 8 + 16
    beats = np.rint(1000 * grid().beats).astype(int)
    for pair in ((0, 2), (0, 1), (6, 8)):
        assert beats[list(pair)].tolist() in found.tolist()
    assert [beats[0], round(1000 * grid().seconds(np.array([0.5]))[0])] in found.tolist()


def test_compound_beats_have_three_sub_beats() -> None:
    compound = MetricalGrid(np.arange(5.0), np.arange(5) % 2 == 0, (MetreSpan(0, 6, 8),))
    assert len(groups(compound, np.inf)) == 2 + 4 + 12
    assert len(groups(compound, 3.5)) == 1 + 3 + 10


def test_only_changes_of_key_are_kept() -> None:
    assert keys_of([(1.0, 0), (2.0, 0), (3.0, 1)]) == [(0, 0, True), (3000, 7, True)]


def test_times_go_on_after_the_last_beat() -> None:
    found = seconds_at(np.array([0.5, 3.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    assert found.tolist() == [0.5, 5.0]


def test_our_score_is_right_against_itself() -> None:
    ours = our_score(make_score(notes(), grid()), grid())
    assert mv2h(ours, ours).mean == 1
    assert (ours.onset == np.rint(1000 * notes().onset)).all()
