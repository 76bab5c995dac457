"""MIDI files to notes and back."""

import tempfile
import warnings
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.errors import FileWarning
from amt.io.midi import TICKS_PER_BEAT, MidiError, midi_bytes, read_midi, write_midi
from amt.io.smf import DEFAULT_TEMPO
from amt.notes import Notes, Pedal, extend_sustain, sustain_presses

TICK = DEFAULT_TEMPO / 1e6 / TICKS_PER_BEAT
Event = tuple[int, str, int, int]


def track(*events: Event, end: int | None = None, channel: int = 0) -> mido.MidiTrack:
    """Events (tick, "on" | "off" | "cc", number, value) as a track that ends at `end`."""
    result, now = mido.MidiTrack(), 0
    for tick, kind, number, value in events:
        time, now = tick - now, tick
        if kind == "cc":
            data = {"control": number, "value": value}
            message = mido.Message("control_change", channel=channel, time=time, **data)
        else:
            data = {"note": number, "velocity": value}
            message = mido.Message(f"note_{kind}", channel=channel, time=time, **data)
        result.append(message)
    result.append(mido.MetaMessage("end_of_track", time=max(0, (end or now) - now)))
    return result


def read(folder: Path, *tracks: mido.MidiTrack) -> Notes:
    """Notes read from the tracks; a tick is a second."""
    tempo = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=10_000_000)])
    file = mido.MidiFile(type=1, ticks_per_beat=10, tracks=[tempo, *tracks])
    file.save(folder / "a.mid")
    return read_midi(folder / "a.mid")


def rows(notes: Notes) -> list[tuple[float, float, int, int]]:
    columns = (notes.onset, notes.offset, notes.pitch, notes.velocity)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_notes_end_by_note_off_or_velocity_zero(tmp_path: Path) -> None:
    notes = read(
        tmp_path,
        track((0, "on", 60, 70), (1, "on", 62, 80), (3, "off", 60, 64), (4, "on", 62, 0)),
    )
    assert rows(notes) == [(0, 3, 60, 70), (1, 4, 62, 80)]


def test_a_new_note_ends_a_sounding_one_of_its_pitch(tmp_path: Path) -> None:
    notes = read(
        tmp_path,
        track((0, "on", 60, 70), (2, "on", 60, 80), (5, "off", 60, 0), (5, "off", 60, 0)),
    )
    assert rows(notes) == [(0, 2, 60, 70), (2, 5, 60, 80)]


@pytest.mark.parametrize("off_first", [True, False])
def test_note_off_and_note_on_within_one_tick(tmp_path: Path, off_first: bool) -> None:
    middle: list[Event] = [(2, "off", 60, 0), (2, "on", 60, 80)]
    events = [(0, "on", 60, 70), *(middle if off_first else middle[::-1]), (5, "off", 60, 0)]
    assert rows(read(tmp_path, track(*events))) == [(0, 2, 60, 70), (2, 5, 60, 80)]


def test_each_of_several_repeated_notes_ends_at_the_next_onset(tmp_path: Path) -> None:
    # Every note-off comes after the note-on of the next note, within its tick.
    repeated: list[Event] = [(0, "on", 60, 1)]
    for tick in range(1, 5):
        repeated += [(tick, "on", 60, tick + 1), (tick, "off", 60, 0)]
    notes = read(tmp_path, track(*repeated, (7, "off", 60, 0)))
    assert notes.offset.tolist() == [1, 2, 3, 4, 7]
    # The first note has no length here; without a note before it there is nothing else to end.
    notes = read(tmp_path, track(*repeated[1:], (7, "off", 60, 0)))
    assert notes.offset.tolist() == [2, 3, 4, 5]


def test_a_missing_note_off_ends_with_the_track(tmp_path: Path) -> None:
    hanging = track((0, "on", 60, 70), (1, "on", 62, 80), (2, "off", 62, 0), end=9)
    longer = track((0, "on", 40, 50), (20, "off", 40, 0))
    assert rows(read(tmp_path, hanging, longer)) == [
        (0, 20, 40, 50),
        (0, 9, 60, 70),
        (1, 2, 62, 80),
    ]


def test_a_note_without_length_gets_one_tick(tmp_path: Path) -> None:
    notes = read(tmp_path, track((3, "on", 60, 70), (3, "off", 60, 0), (9, "on", 61, 1)))
    assert rows(notes) == [(3, 4, 60, 70), (9, 10, 61, 1)]


def test_a_note_off_without_a_note_does_nothing(tmp_path: Path) -> None:
    notes = read(tmp_path, track((1, "off", 60, 0), (2, "on", 60, 70), (3, "off", 60, 0)))
    assert rows(notes) == [(2, 3, 60, 70)]


def test_two_tracks_are_merged(tmp_path: Path) -> None:
    left = track((0, "on", 60, 70), (4, "off", 60, 0), (10, "on", 60, 72), (12, "off", 60, 0))
    right = track((2, "on", 60, 90), (6, "off", 60, 0), (10, "on", 60, 71), (19, "off", 60, 0))
    assert rows(read(tmp_path, left, right)) == [(0, 2, 60, 70), (2, 6, 60, 90), (10, 19, 60, 71)]


def test_channels_are_merged_but_drums_left_out(tmp_path: Path) -> None:
    drums = track((0, "on", 36, 99), (1, "off", 36, 0), (1, "cc", 64, 127), channel=9)
    other = track((0, "on", 60, 70), (1, "off", 60, 0), channel=3)
    with pytest.warns(FileWarning, match=r"a.mid: left out: drum notes of channel 10 \(1\)$"):
        notes = read(tmp_path, drums, other)
    assert rows(notes) == [(0, 1, 60, 70)]
    assert len(notes.pedal) == 0


def test_pitches_off_the_piano_are_left_out(tmp_path: Path) -> None:
    events: list[Event] = [(0, "on", pitch, 64) for pitch in (20, 21, 108, 109)]
    with pytest.warns(FileWarning, match=r"left out: notes outside 21 to 108 \(2\)$"):
        assert read(tmp_path, track(*events, end=5)).pitch.tolist() == [21, 108]


def test_other_instruments_are_read_as_a_piano_with_a_warning(tmp_path: Path) -> None:
    organ, violin = (mido.Message("program_change", program=number) for number in (19, 40))
    piano, note = mido.Message("program_change", program=0), track((0, "on", 60, 70), end=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(tmp_path, mido.MidiTrack([violin, piano, *note]))) == 1
    with pytest.warns(
        FileWarning, match=r"other instruments \(programs 20, 41\) are read as piano"
    ):
        notes = read(tmp_path, mido.MidiTrack([organ, *note, violin, *note]))
    assert len(notes) == 2


def test_pedal_movements_are_kept_as_they_are(tmp_path: Path) -> None:
    notes = read(
        tmp_path,
        track((0, "cc", 64, 127), (1, "cc", 66, 1), (1, "cc", 7, 99), (2, "cc", 67, 0)),
        track((2, "cc", 64, 63)),
    )
    assert len(notes) == 0
    assert notes.pedal.time.tolist() == [0, 1, 2, 2]
    assert notes.pedal.controller.tolist() == [64, 66, 67, 64]
    assert notes.pedal.value.tolist() == [127, 1, 0, 63]


def test_offsets_are_key_releases(tmp_path: Path) -> None:
    events: list[Event] = [(0, "cc", 64, 127), (1, "on", 60, 70), (2, "off", 60, 0)]
    assert read(tmp_path, track(*events, end=9)).offset.tolist() == [2]


def test_the_pedal_of_a_channel_holds_no_notes_of_others(tmp_path: Path) -> None:
    held = track((0, "cc", 64, 127), (0, "on", 60, 70), (1, "off", 60, 0), (8, "cc", 64, 0))
    other: list[Event] = [
        (0, "on", 72, 70),
        (2, "off", 72, 0),
        (4, "cc", 64, 127),
        (5, "cc", 64, 0),
    ]
    notes = read(tmp_path, held, track(*other, channel=1))
    assert extend_sustain(notes).offset.tolist() == [8, 2]
    assert notes.channel.tolist() == [0, 1]
    # The pedal counts as down while that of one channel is.
    assert sustain_presses(notes).tolist() == [[0, 8]]
    assert extend_sustain(through_file(notes)).offset.tolist() == [8, 2]


def test_tracks_of_one_channel_share_its_pedal(tmp_path: Path) -> None:
    left = track((0, "on", 40, 70), (1, "off", 40, 0), channel=2)
    right = track((0, "cc", 64, 127), (0, "on", 60, 70), (9, "cc", 64, 0), channel=2)
    assert extend_sustain(read(tmp_path, left, right)).offset.tolist() == [9, 9]


def test_a_pedal_on_a_channel_without_notes_holds_all(tmp_path: Path) -> None:
    pedal = track((0, "cc", 64, 127), (8, "cc", 64, 0), channel=2)
    hands = [track((0, "on", 60, 70), (1, "off", 60, 0), channel=hand) for hand in (0, 1)]
    assert extend_sustain(read(tmp_path, pedal, *hands)).offset.tolist() == [8]
    # Unless other channels have pedals of their own.
    own = track((2, "on", 72, 70), (3, "off", 72, 0), (4, "cc", 64, 0))
    notes = extend_sustain(read(tmp_path, pedal, *hands, own))
    assert notes.offset.tolist() == [1, 3]
    assert len(notes.pedal) == 1


@pytest.mark.parametrize("number", [120, 123, 124, 125, 126, 127])
def test_all_notes_off_ends_the_notes_of_its_channel(tmp_path: Path, number: int) -> None:
    played = track(
        (0, "on", 60, 70), (2, "on", 62, 70), (4, "cc", number, 0), (5, "on", 64, 70), end=9
    )
    other = track((0, "on", 72, 70), end=8, channel=1)
    ending = track((6, "cc", number, 0))
    assert read(tmp_path, played, other, ending).offset.tolist() == [4, 8, 4, 6]


def test_all_notes_off_within_the_tick_of_an_onset_belongs_to_earlier_notes(tmp_path: Path) -> None:
    events: list[Event] = [(0, "on", 60, 70), (3, "on", 62, 70), (3, "cc", 123, 0)]
    assert read(tmp_path, track(*events, (5, "off", 62, 0))).offset.tolist() == [3, 5]


def test_the_pedal_holds_notes_beyond_all_notes_off_but_not_beyond_all_sound_off(
    tmp_path: Path,
) -> None:
    down: list[Event] = [(0, "cc", 64, 127), (0, "on", 60, 70)]
    for number, stop in ((123, 9), (120, 4)):
        notes = read(tmp_path, track(*down, (4, "cc", number, 0), (9, "cc", 64, 0)))
        assert extend_sustain(notes).offset.tolist() == [stop]


def test_a_reset_of_controllers_lifts_the_pedals_that_are_down(tmp_path: Path) -> None:
    down: list[Event] = [(0, "cc", 121, 0), (0, "cc", 64, 127), (0, "cc", 67, 0)]
    notes = read(
        tmp_path,
        track(*down, (1, "on", 60, 70), (2, "off", 60, 0), (3, "cc", 121, 0), end=9),
        track((0, "cc", 64, 99), channel=9),
    )
    assert movements(notes) == [(0, 64, 127), (0, 67, 0), (3, 64, 0)]
    assert extend_sustain(notes).offset.tolist() == [3]


def test_times_follow_the_tempo_of_any_track(tmp_path: Path) -> None:
    notes = track((0, "on", 60, 70), (15, "off", 60, 0), (30, "on", 61, 70), (40, "off", 61, 0))
    tempo = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=5_000_000, time=10),
            mido.MetaMessage("set_tempo", tempo=15_000_000, time=20),
        ]
    )
    assert rows(read(tmp_path, notes, tempo)) == [(0, 12.5, 60, 70), (20, 35, 61, 70)]


def table(
    played: list[tuple[float, float, int, int]], moved: list[tuple[float, int, int]]
) -> Notes:
    onset, length, pitch, velocity = np.array(played, dtype=float).reshape(-1, 4).T
    time, controller, value = np.array(moved, dtype=float).reshape(-1, 3).T
    return Notes(onset, onset + length, pitch, velocity, Pedal(time, controller, value))


# Times on ticks and between them, close enough for notes to overlap.
times = st.one_of(
    st.floats(0, 0.02), st.floats(0, 4000), st.integers(0, 30).map(lambda tick: tick * TICK)
)
tables = st.builds(
    table,
    st.lists(
        st.tuples(
            times,
            times,
            st.one_of(st.integers(60, 61), st.integers(21, 108)),
            st.integers(1, 127),
        ),
        max_size=20,
    ),
    st.lists(st.tuples(times, st.sampled_from([64, 66, 67]), st.integers(0, 127)), max_size=10),
)


def to_ticks(notes: Notes, tick: float = TICK) -> list[tuple[int, int, int, int]]:
    """Notes in ticks, cut one by one where the next of the pitch begins."""
    rounded = sorted(
        (pitch, round(onset / tick), round(offset / tick), velocity)
        for onset, offset, pitch, velocity in rows(notes)
    )
    result = []
    for index, (pitch, onset, offset, velocity) in enumerate(rounded):
        next_pitch, next_onset = rounded[index + 1][:2] if index + 1 < len(rounded) else (0, 0)
        if next_pitch == pitch:
            offset = min(max(offset, onset + 1), next_onset)
        if next_pitch != pitch or next_onset > onset:
            result.append((onset, max(offset, onset + 1), pitch, velocity))
    return sorted(result, key=lambda note: (note[0], note[2]))


def movements(notes: Notes) -> list[tuple[float, int, int]]:
    pedal = notes.pedal
    columns = (pedal.time.tolist(), pedal.controller.tolist(), pedal.value.tolist())
    return list(zip(*columns, strict=True))


def through_file(notes: Notes, **options: int) -> Notes:
    with tempfile.TemporaryDirectory() as folder:
        write_midi(Path(folder) / "a.mid", notes, **options)
        return read_midi(Path(folder) / "a.mid")


@settings(deadline=None)
@given(tables)
def test_notes_to_midi_to_notes_is_exact_to_the_tick(notes: Notes) -> None:
    back = through_file(notes)
    expected = [(onset * TICK, offset * TICK, *rest) for onset, offset, *rest in to_ticks(notes)]
    assert rows(back) == expected
    moved = sorted(movements(notes), key=lambda movement: round(movement[0] / TICK))
    assert movements(back) == [(round(time / TICK) * TICK, *rest) for time, *rest in moved]


@settings(deadline=None)
@given(tables, st.sampled_from([1, 96, 480, 10_000]), st.sampled_from([20_000, 500_000]))
def test_writing_and_reading_again_changes_nothing(
    notes: Notes, ticks_per_beat: int, tempo: int
) -> None:
    grid = {"ticks_per_beat": ticks_per_beat, "tempo": tempo}
    once = through_file(notes, **grid)
    twice = through_file(once, **grid)
    assert rows(once) == rows(twice)
    assert movements(once) == movements(twice)


events = st.tuples(
    st.integers(0, 40),
    st.sampled_from(["on", "off", "cc"]),
    st.one_of(st.integers(60, 67), st.integers(0, 127)),
    st.integers(0, 127),
)
tracks = st.builds(
    lambda listed, channel: track(*sorted(listed, key=lambda event: event[0]), channel=channel),
    st.lists(events, max_size=25),
    st.sampled_from([0, 1, 9]),
)


@pytest.mark.filterwarnings("ignore::amt.errors.FileWarning")
@settings(deadline=None)
@given(st.lists(tracks, max_size=3))
def test_midi_to_notes_to_midi_is_exact(written: list[mido.MidiTrack]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=written)
        file.save(Path(folder) / "a.mid")
        notes = read_midi(Path(folder) / "a.mid")
    played_onsets = {
        (start, message.note)
        for played in written
        for start, message in zip(np.cumsum([m.time for m in played]), played, strict=True)
        if message.type == "note_on" and message.velocity and message.channel != 9
        if 21 <= message.note <= 108
    }
    assert {(round(onset / TICK), pitch) for onset, _, pitch, _ in rows(notes)} == played_onsets
    assert len(notes) == len(played_onsets)
    back = through_file(notes)
    assert rows(back) == rows(notes)
    assert movements(back) == movements(notes)


def test_messages_are_written_in_order_of_time(tmp_path: Path) -> None:
    notes = table([(0, 1, 60, 70), (1, 1, 60, 80)], [(1, 64, 127), (0.5, 67, 3)])
    write_midi(tmp_path / "a.mid", notes)
    played = list(mido.MidiFile(tmp_path / "a.mid"))
    clock = np.cumsum([message.time for message in played])
    found = [
        (round(float(time), 6), message.type, *message.bytes()[1:])
        for time, message in zip(clock, played, strict=True)
        if not message.is_meta
    ]
    assert found == [
        (0, "program_change", 0),
        (0, "note_on", 60, 70),
        (0.5, "control_change", 67, 3),
        (1, "control_change", 64, 127),
        (1, "note_off", 60, 0),
        (1, "note_on", 60, 80),
        (2, "note_off", 60, 0),
    ]


def test_a_table_without_notes(tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", Notes.empty())
    assert len(read_midi(tmp_path / "a.mid")) == 0


@pytest.mark.parametrize(
    ("played", "moved", "message"),
    [
        ([(-1, 1, 60, 64)], [], "times must be 0"),
        ([], [(-1, 64, 0)], "times must be 0"),
        ([(0, 1e300, 60, 64)], [], "times must be 0 to 143165577 s, got 0 to 1e\\+300"),
    ],
)
def test_times_that_midi_cannot_represent_are_errors(
    tmp_path: Path,
    played: list[tuple[float, float, int, int]],
    moved: list[tuple[float, int, int]],
    message: str,
) -> None:
    with pytest.raises(MidiError, match=message):
        write_midi(tmp_path / "a.mid", table(played, moved))
    assert not list(tmp_path.iterdir())


def test_the_error_for_unreadable_files_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    write_midi(tmp_path / "good.mid", table([(0, 1, 60, 64)], []))
    whole_file = (tmp_path / "good.mid").read_bytes()
    (tmp_path / "text.mid").write_text("not music")
    (tmp_path / "empty.mid").touch()
    (tmp_path / "cut.mid").write_bytes(whole_file[:25])
    (tmp_path / "folder.mid").mkdir()
    for name in ("text", "empty", "cut", "folder", "missing"):
        with pytest.raises(MidiError, match=rf"^cannot read .*{name}\.mid: [^\n]+$"):
            read_midi(tmp_path / f"{name}.mid")


def test_the_error_for_unwritable_files_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.mid").mkdir()
    with pytest.raises(MidiError, match=r"^cannot write .*a\.mid: [^\n]+$"):
        write_midi(tmp_path / "a.mid", Notes.empty())


def test_midi_bytes_gives_the_content_of_the_file(tmp_path: Path) -> None:
    notes = Notes([0.0, 0.5], [0.4, 1.0], [60, 64], [80, 90])
    write_midi(tmp_path / "a.mid", notes)
    assert midi_bytes(notes) == (tmp_path / "a.mid").read_bytes()
