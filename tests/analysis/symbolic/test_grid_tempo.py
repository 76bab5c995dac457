"""Tempo maps of metrical grids: bars line up, notes keep their times."""

import io
from dataclasses import replace
from itertools import pairwise

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.analysis.symbolic.grid import MetreSpan, MetricalGrid
from amt.analysis.symbolic.grid_tempo import tempo_map_of
from amt.io.midi import MidiError, midi_bytes, parse_midi
from amt.io.tempo_map import TempoMap
from amt.notes import Notes, Pedal, next_onsets

METRES = [(2, 4), (3, 4), (4, 4), (6, 8), (9, 8), (12, 8), (2, 2), (3, 8), (5, 4), (12, 16), (3, 2)]


def steady(
    first: float, count: int, metre: tuple[int, int] = (4, 4), pickup: int = 0
) -> MetricalGrid:
    """Beats every half second from `first` on, of which `pickup` come before the first downbeat."""
    span = MetreSpan(0, *metre)
    number = np.arange(count)
    downbeats = (number >= pickup) & ((number - pickup) % span.beats == 0)
    return MetricalGrid(first + 0.5 * number, downbeats, (span,))


def signatures(tempo_map: TempoMap) -> list[tuple[float, str]]:
    return [(one.quarter, f"{one.numerator}/{one.denominator}") for one in tempo_map.signatures]


def quarter_at(tempo_map: TempoMap, seconds: float) -> float:
    return float(np.interp(seconds, tempo_map.seconds, tempo_map.quarters))


def test_the_lead_in_is_a_whole_bar_where_there_is_time_for_one() -> None:
    found = tempo_map_of(steady(1.7, 9), 1.7, 5.0)
    assert signatures(found) == [(0.0, "4/4")]
    assert quarter_at(found, 1.7) == 4.0
    assert quarter_at(found, 3.7) == 8.0


def test_a_pickup_ends_the_first_bar() -> None:
    found = tempo_map_of(steady(1.5, 9, (3, 4), pickup=1), 1.5, 5.0)
    assert signatures(found) == [(0.0, "3/4")]
    assert quarter_at(found, 1.5) == pytest.approx(2.0)
    assert quarter_at(found, 2.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("first", "pickup", "quarter"),
    [(0.1, 0, 4), (0.5, 0, 4), (2.8, 0, 4), (3.0, 0, 8), (0.1, 1, 3), (1.3, 1, 3), (2.3, 3, 5)],
)
def test_the_lead_in_completes_bars_of_the_metre(first: float, pickup: int, quarter: int) -> None:
    found = tempo_map_of(steady(first, 13, pickup=pickup), first, 6.0)
    assert signatures(found) == [(0.0, "4/4")]
    assert quarter_at(found, first) == pytest.approx(quarter)
    assert quarter_at(found, first + 0.5) == pytest.approx(quarter + 1)


def test_a_lead_in_of_half_a_bar_of_6_8() -> None:
    found = tempo_map_of(steady(0.3, 9, (6, 8), pickup=1), 0.3, 4.0)
    assert signatures(found) == [(0.0, "6/8")]
    assert quarter_at(found, 0.3) == pytest.approx(1.5)


@pytest.mark.parametrize("first", [0.0, 0.02, 0.07])
def test_the_first_beat_begins_with_the_file_if_there_is_hardly_a_lead_in(first: float) -> None:
    found = tempo_map_of(steady(first, 9), first, 4.0)
    assert signatures(found) == [(0.0, "4/4")]
    assert quarter_at(found, first) <= 1 / 8
    assert quarter_at(found, first + 0.5) == pytest.approx(1.0)


@pytest.mark.parametrize("first", [0.0, 0.02])
def test_a_pickup_that_begins_with_the_file_is_a_bar_of_its_own(first: float) -> None:
    found = tempo_map_of(steady(first, 10, pickup=1), first, 4.0)
    assert signatures(found) == [(0.0, "1/4"), (1.0, "4/4")]
    assert quarter_at(found, first + 0.5) == pytest.approx(1.0)


@pytest.mark.parametrize(("first", "start"), [(0.3, 0.25), (0.504, 0.495), (1.9, 1.8)])
def test_a_note_a_little_before_the_first_beat_begins_it(first: float, start: float) -> None:
    found = tempo_map_of(steady(first, 9), start, 4.0)
    assert signatures(found) == [(0.0, "4/4")]
    assert quarter_at(found, start) == pytest.approx(4.0)
    assert quarter_at(found, first + 0.5) == pytest.approx(5.0)


def test_the_first_note_may_differ_from_the_beat_by_rounding() -> None:
    found = tempo_map_of(steady(0.5, 9), 0.5 - 1e-12, 4.0)
    assert quarter_at(found, 0.5) == pytest.approx(4.0)


def test_notes_long_before_the_first_beat_have_the_beat_before_it() -> None:
    found = tempo_map_of(steady(0.3, 9), 0.05, 4.0)
    assert signatures(found) == [(0.0, "1/4"), (1.0, "4/4")]
    assert quarter_at(found, 0.3) == pytest.approx(1.0)


def test_notes_before_the_first_beat_get_beats() -> None:
    found = tempo_map_of(steady(2.0, 9), 0.1, 6.0)
    # Beats at 1.5, 1.0, 0.5 and 0.0 complete the bar before.
    assert signatures(found) == [(0.0, "4/4")]
    assert quarter_at(found, 2.0) == pytest.approx(4.0)
    assert quarter_at(found, 0.5) == pytest.approx(1.0)


def test_irregular_bars_and_changes_of_metre() -> None:
    beats = 0.5 * np.arange(14)
    downbeats = np.isin(np.arange(14), [0, 3, 7, 10])
    grid = MetricalGrid(beats, downbeats, (MetreSpan(0, 3, 4), MetreSpan(3, 6, 8)))
    found = tempo_map_of(grid, 0.0, 6.4)
    # The second bar has four beats; the last one two beats too many, which are a bar.
    assert signatures(found) == [(0, "3/4"), (3, "4/4"), (7, "3/4"), (10, "6/8")]


def test_compound_beats_are_dotted_quarters() -> None:
    found = tempo_map_of(steady(0.0, 9, (6, 8)), 0.0, 4.0)
    np.testing.assert_allclose(np.diff(found.quarters)[:4], 1.5)
    assert found.slowest_quarter == pytest.approx(1 / 3)


def test_a_beat_that_midi_cannot_hold() -> None:
    grid = MetricalGrid(np.array([0.0, 20.0, 21.0]), np.array([1, 0, 0]), (MetreSpan(0, 4, 4),))
    with pytest.raises(MidiError, match=r"a quarter note lasts 20\.0 s; MIDI has 16\.7 s at most"):
        tempo_map_of(grid, 0.0, 21.0)


@st.composite
def performances(draw: st.DrawFn) -> tuple[MetricalGrid, Notes]:
    """A grid with rubato, pauses and changes of metre, up to an hour, and notes around it."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count = draw(st.sampled_from([2, 3, 20, 300, 3000]))
    metre = draw(st.sampled_from(METRES))
    period = draw(st.floats(0.15, 1.5))
    intervals = period * np.exp(rng.normal(0, draw(st.sampled_from([0.0, 0.1, 0.4])), count))
    intervals[rng.random(count) < 0.02] *= 3
    beats = draw(st.floats(0, 5)) + np.cumsum(np.minimum(intervals, 5.0))
    downbeats = rng.random(count) < draw(st.sampled_from([0.0, 0.25, 0.6]))
    bars = len(np.union1d([0], np.flatnonzero(downbeats)))
    metres = [MetreSpan(0, *metre)]
    if bars > 2:
        metres.append(MetreSpan(bars // 2, *draw(st.sampled_from(METRES))))
    grid = MetricalGrid(beats, downbeats, tuple(metres))
    onset = np.sort(rng.uniform(max(0.0, beats[0] - 3), beats[-1] + 3, 300))
    pedal = Pedal(np.sort(rng.uniform(0, beats[-1], 40)), np.full(40, 64), np.tile([127, 0], 20))
    pitch = 21 + np.arange(300) % 88
    notes = Notes(onset, onset + rng.exponential(0.4, 300) + 0.002, pitch, pitch, pedal)
    return grid, replace(notes, offset=np.minimum(notes.offset, next_onsets(notes)))


def onsets_by_mido(data: bytes) -> np.ndarray:
    """Seconds of the note-ons, by mido's own reading of the tempo map."""
    clock, found = 0.0, []
    for message in mido.MidiFile(file=io.BytesIO(data)):
        clock += message.time
        if message.type == "note_on" and message.velocity:
            found.append(clock)
    return np.array(found)


@settings(deadline=None, max_examples=40)
@given(performances())
def test_every_note_keeps_its_time_to_the_millisecond(case: tuple[MetricalGrid, Notes]) -> None:
    grid, notes = case
    tempo_map = tempo_map_of(grid, float(notes.onset[0]), notes.end)
    data = midi_bytes(notes, tempo_map=tempo_map)
    back, _ = parse_midi(data)
    np.testing.assert_allclose(np.sort(back.onset), notes.onset, atol=6e-4)
    np.testing.assert_allclose(np.sort(onsets_by_mido(data)), notes.onset, atol=6e-4)
    np.testing.assert_allclose(np.sort(back.offset), np.sort(notes.offset), atol=1.2e-3)
    np.testing.assert_allclose(back.pedal.time, notes.pedal.time, atol=6e-4)


@settings(deadline=None, max_examples=40)
@given(performances())
def test_downbeats_are_where_a_sequencer_begins_bars(case: tuple[MetricalGrid, Notes]) -> None:
    grid, notes = case
    found = tempo_map_of(grid, float(notes.onset[0]), notes.end)
    edges = [one.quarter for one in found.signatures] + [float(found.quarters[-1]) + 1e-9]
    bars = np.concatenate(
        [
            np.arange(start, stop, 4 * one.numerator / one.denominator)
            for (start, stop), one in zip(pairwise(edges), found.signatures, strict=True)
        ]
    )
    # The first beat may begin a bit earlier, with the first note or with the file.
    first = float(grid.beats[grid.beats > 0][1])
    downbeats = grid.beats[grid.downbeats & (grid.beats >= first)]
    at = np.interp(downbeats, found.seconds, found.quarters)
    assert np.abs(at[:, None] - bars).min(1).max(initial=0.0) < 1e-6
    starts = np.array(edges[1:-1])
    assert edges[0] == 0
    assert all(np.abs(bars - start).min() < 1e-6 for start in starts)


def bar_and_beat(data: bytes) -> list[tuple[int, float]]:
    """Of each note-on the bar, from 1, and the beat in it, from 1, as a sequencer shows them."""
    file = mido.MidiFile(file=io.BytesIO(data))
    tick, bar, bar_tick, bar_ticks = 0, 1, 0, 4 * file.ticks_per_beat
    found = []
    for message in file.tracks[0]:
        tick += message.time
        while tick >= bar_tick + bar_ticks:
            bar, bar_tick = bar + 1, bar_tick + bar_ticks
        if message.type == "time_signature":
            assert tick == bar_tick
            bar_ticks = 4 * file.ticks_per_beat * message.numerator // message.denominator
        if message.type == "note_on" and message.velocity:
            found.append((bar, round(1 + (tick - bar_tick) / file.ticks_per_beat, 2)))
    return found


@pytest.mark.parametrize(
    ("first", "pickup", "bars"),
    [
        (1.3, 1, [(1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]),
        (0.1, 2, [(1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]),
        (0.0, 1, [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]),
        (0.9, 0, [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2)]),
    ],
)
def test_a_pickup_in_the_file_ends_a_bar(
    first: float, pickup: int, bars: list[tuple[int, float]]
) -> None:
    grid = steady(first, 8, (3, 4), pickup)
    notes = Notes(grid.beats[:5], grid.beats[:5] + 0.2, np.arange(60, 65), np.full(5, 70))
    data = midi_bytes(notes, tempo_map=tempo_map_of(grid, first, notes.end))
    assert bar_and_beat(data) == bars
    np.testing.assert_allclose(onsets_by_mido(data), notes.onset, atol=6e-4)
    np.testing.assert_allclose(parse_midi(data)[0].onset, notes.onset, atol=6e-4)
