"""Tempo maps in MIDI files: resolution, rounding, and what MIDI cannot hold."""

import io
from pathlib import Path

import mido
import numpy as np
import pytest

from amt.io.midi import midi_bytes, parse_midi, write_midi
from amt.io.tempo_map import MidiError, TempoMap, TimeSignature, changes, tick_clock
from amt.notes import Notes


def notes_at(seconds: np.ndarray) -> Notes:
    count = len(seconds)
    return Notes(seconds, seconds + 0.1, 21 + np.arange(count) % 88, np.full(count, 60))


def meta(data: bytes, kind: str) -> list[tuple[int, mido.MetaMessage]]:
    """The messages of a kind with their ticks."""
    track = mido.MidiFile(file=io.BytesIO(data)).tracks[0]
    ticks = np.cumsum([message.time for message in track])
    return [(int(at), one) for at, one in zip(ticks, track, strict=True) if one.type == kind]


def test_a_steady_tempo_changes_no_time() -> None:
    notes = notes_at(np.sort(np.random.default_rng(0).uniform(0, 600, 88)))
    data = midi_bytes(notes, tempo_map=TempoMap.steady(93.7))
    back, issues = parse_midi(data)
    assert issues == []
    np.testing.assert_allclose(back.onset, notes.onset, atol=5e-4)
    assert [one.tempo for _, one in meta(data, "set_tempo")] == [round(6e7 / 93.7)]
    assert meta(data, "time_signature") == []


def test_120_a_minute_is_the_file_without_a_tempo_map() -> None:
    notes = notes_at(np.array([0.1, 0.7, 3.33]))
    assert midi_bytes(notes, tempo_map=TempoMap.steady(120)) == midi_bytes(notes)


@pytest.mark.parametrize(("bpm", "ticks"), [(120, 960), (60, 960), (40, 1920), (4, 15360)])
def test_slow_tempi_have_finer_ticks(bpm: float, ticks: int) -> None:
    assert TempoMap.steady(bpm).ticks_per_beat == ticks


def test_roundings_of_the_tempo_do_not_add_up() -> None:
    # A third of a microsecond is lost at each of an hour's beats, if nothing makes good for it.
    quarters = np.arange(7201.0)
    tempo_map = TempoMap(quarters * (0.5 + 0.33e-6), quarters)
    clock = tick_clock(tempo_map)
    exact = np.interp(clock.tick, 960 * quarters, tempo_map.seconds)
    assert np.abs(clock.seconds - exact).max() < 1e-6


def test_changes_of_tempo_and_signatures_are_written_at_their_beats() -> None:
    signatures = (TimeSignature(0.0, 3, 4), TimeSignature(3.0, 6, 8))
    tempo_map = TempoMap(np.array([0.0, 1.0, 3.0, 4.0]), np.array([0.0, 1.0, 3.0, 6.0]), signatures)
    data = midi_bytes(notes_at(np.array([0.5, 3.5])), tempo_map=tempo_map)
    assert [(at, one.tempo) for at, one in meta(data, "set_tempo")] == [
        (0, 1_000_000),
        (2880, 333_333),
    ]
    assert [(at, one.numerator, one.denominator) for at, one in meta(data, "time_signature")] == [
        (0, 3, 4),
        (2880, 6, 8),
    ]


def test_signatures_that_repeat_are_left_out() -> None:
    given = [TimeSignature(0, 4, 4), TimeSignature(4, 4, 4), TimeSignature(8, 2, 4)]
    assert changes(given) == (given[0], given[2])


@pytest.mark.parametrize(
    ("seconds", "quarters", "message"),
    [
        ([0.0], [0.0], "two are needed"),
        ([0.0, 1.0, 1.0], [0.0, 1.0, 2.0], "seconds of a tempo map begin with 0 and rise"),
        ([0.5, 1.0], [0.0, 1.0], "seconds of a tempo map begin with 0"),
        ([0.0, 1.0], [0.0, -1.0], "quarters of a tempo map begin with 0"),
        ([0.0, 1.0, 2.0], [0.0, 1.0], "as many seconds as quarters"),
        ([0.0, 17.0], [0.0, 1.0], r"a quarter note lasts 17\.0 s; MIDI has 16\.7 s at most"),
    ],
)
def test_what_midi_cannot_hold(seconds: list[float], quarters: list[float], message: str) -> None:
    with pytest.raises(MidiError, match=message):
        TempoMap(np.array(seconds), np.array(quarters))


def test_times_before_0_are_refused() -> None:
    with pytest.raises(MidiError, match="times must be 0 to"):
        midi_bytes(notes_at(np.array([-0.5])), tempo_map=TempoMap.steady(60))


def test_the_file_is_what_the_bytes_are(tmp_path: Path) -> None:
    notes, tempo_map = notes_at(np.array([0.5, 3.5])), TempoMap.steady(60)
    write_midi(tmp_path / "a.mid", notes, tempo_map=tempo_map)
    assert (tmp_path / "a.mid").read_bytes() == midi_bytes(notes, tempo_map=tempo_map)
