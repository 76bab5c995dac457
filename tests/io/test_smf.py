"""The parser of Standard MIDI Files, compared with mido."""

import io
import struct

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amt.io.smf import MidiError, parse

data_byte = st.integers(0, 127)
channel = st.integers(0, 15)
delta = st.one_of(st.integers(0, 3), st.integers(0, 300_000))
messages = st.one_of(
    st.builds(mido.Message, st.just("note_on"), channel=channel, note=data_byte,
              velocity=data_byte, time=delta),
    st.builds(mido.Message, st.just("note_off"), channel=channel, note=data_byte,
              velocity=data_byte, time=delta),
    st.builds(mido.Message, st.just("control_change"), channel=channel, control=data_byte,
              value=data_byte, time=delta),
    st.builds(mido.Message, st.just("polytouch"), channel=channel, note=data_byte, time=delta),
    st.builds(mido.Message, st.just("program_change"), channel=channel, time=delta),
    st.builds(mido.Message, st.just("aftertouch"), channel=channel, time=delta),
    st.builds(mido.Message, st.just("pitchwheel"), channel=channel, time=delta),
    st.builds(mido.Message, st.just("songpos"), time=delta),
    st.builds(mido.Message, st.just("song_select"), time=delta),
    st.builds(mido.Message, st.just("sysex"), data=st.lists(data_byte, max_size=200), time=delta),
    st.builds(mido.MetaMessage, st.just("text"), text=st.text("abc", max_size=200), time=delta),
    st.builds(mido.MetaMessage, st.just("set_tempo"), tempo=st.integers(1, 2**24 - 1), time=delta),
    st.builds(mido.MetaMessage, st.just("key_signature"), time=delta),
)  # fmt: skip
KEPT = ("note_off", "note_on", "polytouch", "control_change", "program_change")


@settings(deadline=None)
@given(
    st.lists(st.lists(messages, max_size=20), max_size=3),
    st.sampled_from([1, 96, 480, 32767]),
)
def test_parse_agrees_with_mido(tracks: list[list[mido.Message]], ticks_per_beat: int) -> None:
    file = mido.MidiFile(ticks_per_beat=ticks_per_beat, tracks=[mido.MidiTrack(t) for t in tracks])
    buffer = io.BytesIO()
    file.save(file=buffer)
    events = parse(buffer.getvalue())
    read = mido.MidiFile(file=io.BytesIO(buffer.getvalue()))

    merged = [(message, message.time) for message in read.merged_track]
    ticks = np.cumsum([time for _, time in merged], dtype=np.int64)
    kept = [index for index, (message, _) in enumerate(merged) if message.type in KEPT]
    assert events.tick.tolist() == ticks[kept].tolist()
    columns = np.stack([events.status, events.first, events.second], axis=1).tolist()
    assert columns == [[*merged[index][0].bytes(), 0][:3] for index in kept]
    assert not events.faults
    assert events.ends.tolist() == [sum(message.time for message in track) for track in read.tracks]

    seconds = np.cumsum([message.time for message in read])
    np.testing.assert_allclose(events.seconds(events.tick), seconds[kept], rtol=1e-9)


END = bytes.fromhex("00 ff 2f 00")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">L", len(body)) + body


def header(kind: int = 1, tracks: int = 1, division: int = 480) -> bytes:
    return chunk(b"MThd", struct.pack(">HHh", kind, tracks, division))


def test_running_status_continues_after_a_meta_message() -> None:
    body = bytes.fromhex("00 90 3c 40  0a 3e 41  00 ff 01 01 61  8100 3c 00  00 ff 2f 00")
    events = parse(header() + chunk(b"MTrk", body))
    assert events.tick.tolist() == [0, 10, 138]
    assert events.status.tolist() == [0x90] * 3
    assert events.first.tolist() == [0x3C, 0x3E, 0x3C]
    assert events.second.tolist() == [0x40, 0x41, 0]
    assert events.ends.tolist() == [138]


def test_tracks_are_merged_in_order_within_a_tick() -> None:
    first = chunk(b"MTrk", bytes.fromhex("05 90 3c 40  05 80 3c 00  00 ff 2f 00"))
    second = chunk(b"MTrk", bytes.fromhex("05 91 3c 40  00 81 3c 00  00 ff 2f 00"))
    events = parse(header(tracks=2) + first + second)
    assert events.tick.tolist() == [5, 5, 5, 10]
    assert events.status.tolist() == [0x90, 0x91, 0x81, 0x80]
    assert events.track.tolist() == [0, 1, 1, 0]


def test_many_messages_of_one_tick_keep_their_order() -> None:
    # Ten notes a tick in each of two tracks.
    played = b"".join(bytes([n % 10 == 0, 0x90, n % 10, 64]) for n in range(1000))
    events = parse(header(tracks=2) + 2 * chunk(b"MTrk", played + END))
    assert events.first.tolist() == 200 * list(range(10))
    assert events.track.tolist() == 100 * ([0] * 10 + [1] * 10)


def test_a_tempo_change_applies_to_all_tracks() -> None:
    notes = chunk(b"MTrk", bytes.fromhex("00 90 3c 40  64 80 3c 00  64 90 3c 40  00 ff 2f 00"))
    tempo = chunk(b"MTrk", bytes.fromhex("32 ff 51 03 0f4240  64 ff 51 03 000000  00 ff 2f 00"))
    events = parse(header(tracks=2, division=100) + notes + tempo)
    # 50 ticks of 5 ms (120 beats a minute), then of 10 ms; a tempo of 0 is no tempo.
    np.testing.assert_allclose(events.seconds(events.tick), [0, 0.25 + 0.5, 0.25 + 1.5])


@pytest.mark.parametrize(("frames", "rate"), [(24, 24), (25, 25), (29, 30 / 1.001), (30, 30)])
def test_smpte_time_code(frames: int, rate: float) -> None:
    body = bytes.fromhex("00 ff 51 03 0f4240  64 90 3c 40  00 ff 2f 00")
    events = parse(header(division=-frames * 256 + 40) + chunk(b"MTrk", body))
    np.testing.assert_allclose(events.seconds(events.tick), [100 / 40 / rate])


def test_common_errors_of_other_programs_are_tolerated() -> None:
    body = bytes.fromhex("00 90 3c ff  0a 80 3c 00")
    junk = bytes.fromhex("00 ff 2f 00") + b"after the end"
    long_header = chunk(b"MThd", struct.pack(">HHh", 1, 1, 480) + b"more")
    events = parse(long_header + chunk(b"XFIH", b"??") + chunk(b"MTrk", body + junk) + b"tail")
    assert events.second.tolist() == [127, 0]
    assert events.ends.tolist() == [10]
    assert parse(header() + chunk(b"MTrk", body)).tick.tolist() == [0, 10]
    time_code, no_tempo = bytes.fromhex("00 f1 7f"), bytes.fromhex("00 ff 51 09" + 9 * "ff")
    events = parse(header() + chunk(b"MTrk", time_code + no_tempo + body))
    assert events.tick.tolist() == [0, 10]
    np.testing.assert_allclose(events.seconds(events.tick), [0, 10 * 0.5 / 480])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a MIDI file"),
        (b"some text", "not a MIDI file"),
        (b"MThd\0\0\0\6", "truncated within its header"),
        (header(division=0) + chunk(b"MTrk", END), "0 ticks a beat"),
        (header(division=-25 * 256) + chunk(b"MTrk", END), "0 ticks a frame"),
        (header(tracks=2) + chunk(b"MTrk", END), "1 of 2 tracks"),
        (header() + chunk(b"MTrk", END)[:-1], "track 0 is cut off by the end of the file"),
        (header() + chunk(b"MTrk", bytes.fromhex("00 90 3c")), "track 0 ends within"),
        (header() + chunk(b"MTrk", bytes.fromhex("00 ff 01 7f 61")), "track 0 ends within"),
        (header() + chunk(b"MTrk", bytes.fromhex("00 f0 7f 61")), "track 0 ends within"),
        (header() + chunk(b"MTrk", bytes.fromhex("81")), "track 0 ends within"),
        (header() + chunk(b"MTrk", bytes.fromhex("00 3c 40")), "where a message should begin"),
        (header() + chunk(b"MTrk", b"\xff" * 8 + bytes.fromhex("00 90 3c 40")), "a time or a"),
    ],
)
def test_files_of_which_nothing_can_be_read_are_errors(data: bytes, message: str) -> None:
    with pytest.raises(MidiError, match=message):
        parse(data)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_parsed_or_an_error(noise: bytes) -> None:
    for data in (header() + chunk(b"MTrk", noise), header() + noise):
        try:
            events = parse(data)
        except MidiError as error:
            assert "\n" not in str(error)
        else:
            assert (np.diff(events.tick) >= 0).all()
            assert np.isfinite(events.seconds(events.tick)).all()
