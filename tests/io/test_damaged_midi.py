"""MIDI files that are damaged: read as far as players do, with a warning, or refused in one line.

AMT_FUZZ=10000 python -m pytest tests/io/test_damaged_midi.py -k mutated -s
"""

import resource
import struct
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from mutations import count, mutated

from amt.errors import FileWarning
from amt.io.midi import MidiError, midi_bytes, read_midi
from amt.notes import Notes, Pedal, extend_sustain

END = bytes.fromhex("00 ff 2f 00")
# 96 ticks are half a second: 0.5-1 s, then 1.5-2 s.
NOTES = bytes.fromhex("60 90 3c 40  60 80 3c 00  60 90 3e 40  60 80 3e 00")
READ = [(0.5, 1.0, 60), (1.5, 2.0, 62)]
FIRST = READ[:1]


def track(body: bytes = NOTES + END, length: int | None = None) -> bytes:
    return b"MTrk" + struct.pack(">L", len(body) if length is None else length) + body


def header(kind: int = 1, tracks: int = 1, division: int = 96, size: int = 6) -> bytes:
    return b"MThd" + struct.pack(">LHHh", size, kind, tracks, division)


def read(folder: Path, data: bytes, strict: bool = False) -> list[tuple[float, float, int]]:
    (folder / "a.mid").write_bytes(data)
    notes = read_midi(folder / "a.mid", strict)
    times = (np.round(column, 6).tolist() for column in (notes.onset, notes.offset))
    return list(zip(*times, notes.pitch.tolist(), strict=True))


OTHER = track(bytes.fromhex("00 91 48 40  60 81 48 00") + END)
BOTH = [(0.0, 0.5, 72), *READ]
MAC_BINARY = bytes(65) + b"Midi" + bytes(59)
RIFF = b"RIFF" + struct.pack("<L", 0) + b"RMIDdata" + struct.pack("<L", 60)


@pytest.mark.parametrize(
    ("data", "expected", "warning"),
    [
        (header() + track(length=3), READ, "track 0 is 20 bytes long; its length is given as 3"),
        (header() + track(length=0), READ, "its length is given as 0"),
        (header() + track(length=25), READ, "is 20 bytes long; its length is given as 25"),
        (header() + track(length=2**32 - 1), READ, "its length is given as 4294967295"),
        (header(tracks=2) + track(length=3) + OTHER, BOTH, "its length is given as 3"),
        (header(tracks=2) + track(length=25) + OTHER, BOTH, "its length is given as 25"),
        (header(tracks=2) + track(length=40) + OTHER, BOTH, "its length is given as 40"),
        (header(tracks=2) + track(length=2**31) + OTHER, BOTH, "its length is given as 2147483648"),
        (header(tracks=2) + track(NOTES, length=25) + OTHER, BOTH, "its length is given as 25"),
        (header(tracks=2) + track(NOTES, length=36) + OTHER, BOTH, "its length is given as 36"),
        (header(tracks=2) + track() + b"\0" + OTHER, BOTH, "1 bytes before a track are not MIDI"),
        (header(tracks=2) + track() + bytes(99) + OTHER, BOTH, "99 bytes before a track"),
        (header(tracks=1) + track() + OTHER, BOTH, "it has 2 tracks; its header gives 1"),
        (header(tracks=0) + track() + OTHER, BOTH, "it has 2 tracks; its header gives 0"),
        (header(tracks=9) + track() + OTHER, BOTH, "truncated: it has 2 of 9 tracks"),
        (header() + track(NOTES[:10], length=99), FIRST, "track 0 is cut off"),
        (header() + track(length=20)[:-2], READ, "track 0 is cut off"),
        (header() + track(NOTES[:-1]), [*FIRST, (1.5, 1.505208, 62)], "ends within a message"),
        (header(size=0) + track(), READ, "its header is 0 bytes long; expected 6"),
        (header(size=2**32 - 1) + track(), READ, "its header is 4294967295 bytes long"),
        (header(size=100) + track(), READ, "its header is 100 bytes long"),
        (header(kind=7) + track(), READ, "of type 7, read as type 1"),
        (MAC_BINARY + header() + track(), READ, "128 bytes before its header"),
        (header() + track() + header() + OTHER, READ, "another MIDI file follows"),
        (header() + track() + b"junk\n" + header() + OTHER, READ, "another MIDI file follows"),
        (header() + track(NOTES[:8] + b"\0\xff\x01\x7f"), FIRST, "ends within a message"),
        (header() + track(NOTES[:8] + 8 * b"\xff" + NOTES), FIRST, "a time or a length of over"),
        (header() + track(NOTES[:8] + 5 * b"\x9f" + NOTES), FIRST, "ticks long"),
        (header() + track(NOTES[:8] + b"\0\xf0\x7f" + NOTES), FIRST, "ends within a message"),
        (header(division=-96 * 256 + 2) + track(), READ, "96 frames a second; expected 24"),
    ],
)
def test_what_is_there_is_read_with_a_warning(
    tmp_path: Path, data: bytes, expected: list[tuple[float, float, int]], warning: str
) -> None:
    with pytest.warns(FileWarning, match=f"a.mid: read as far as possible: .*{warning}"):
        found = read(tmp_path, data)
    assert found == expected
    with pytest.raises(MidiError, match=rf"^cannot read .*a\.mid: .*{warning}"):
        read(tmp_path, data, strict=True)


@pytest.mark.parametrize(
    "data",
    [
        RIFF + header() + track() + b"LIST" + struct.pack("<L", 4) + b"INFO",
        header(size=10) + b"more" + track(),
        header() + b"XFIH" + struct.pack(">L", 2) + b"??" + track(),
        header() + track(NOTES),
        header() + track(bytes.fromhex("00 ff 01 04") + b"MTrk" + NOTES + END),
        header() + track(NOTES + END + b"after the end"),
        header() + track() + b"tail",
        # A system exclusive message as it is sent: without a length, so that 0x41 is no length.
        header() + track(bytes.fromhex("00 f0 41 10 42 12 f7") + NOTES + END),
        header() + track(bytes.fromhex("00 f0 03 41 10 42") + NOTES + END),
        header(kind=2) + track(),
    ],
)
def test_what_other_programs_write_is_no_damage(tmp_path: Path, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path, data, strict=True) == READ


def test_tracks_of_type_2_follow_one_another_each_in_its_own_tempo(tmp_path: Path) -> None:
    slow = track(bytes.fromhex("00 ff 51 03 0f4240") + NOTES + END)
    data = header(kind=2, tracks=2) + slow + track()
    with pytest.warns(FileWarning, match=r"a\.mid: a MIDI file of type 2: its 2 tracks were"):
        found = read(tmp_path, data)
    assert found == [(1, 2, 60), (3, 4, 62), (4.5, 5, 60), (5.5, 6, 62)]
    with pytest.raises(MidiError, match="of type 2"):
        read(tmp_path, data, strict=True)


def test_several_faults_are_one_line(tmp_path: Path) -> None:
    with pytest.warns(FileWarning) as caught:
        read(tmp_path, b"junk" + header(tracks=5) + track(length=3) + OTHER)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "4 bytes before its header are not MIDI (and 2 more)" in text and "\n" not in text


def test_a_track_that_cannot_be_read_loses_no_other(tmp_path: Path) -> None:
    no_status = track(bytes.fromhex("00 3c 40"))
    with pytest.warns(FileWarning, match="track 0 has data bytes where a message should begin"):
        assert read(tmp_path, header(tracks=2) + no_status + track()) == READ


def seeds() -> list[bytes]:
    """Small files of several kinds: one or more tracks, running status, pedals, SMPTE, RIFF."""
    pitch = np.arange(40, 80)
    pedal = Pedal([0.1, 0.9, 1.5, 2.0], [64, 64, 67, 64], [127, 0, 90, 100])
    written = midi_bytes(Notes(pitch / 20, pitch / 20 + 0.3, pitch, pitch, pedal))
    meta = bytes.fromhex("00 ff 03 04 6e616d65  00 ff 51 03 07a120  00 ff 58 04 04021808")
    running = b"".join(bytes((12, key, 64, 12, key, 0)) for key in range(40, 60))
    rich = meta + bytes.fromhex("00 c1 30  00 b1 40 7f  00 91 24 40") + running
    rich += bytes.fromhex("00 f0 05 7e7f0901f7  00 b1 7b 00  10 b1 79 00  00 e1 00 40") + END
    parts = [track(meta + END), track(), track(rich), OTHER]
    return [
        written,
        header(tracks=4) + b"".join(parts),
        header(tracks=2, division=-25 * 256 + 40) + track(rich) + OTHER,
        header(kind=2, tracks=3) + b"".join(parts[1:]),
        RIFF + header(kind=0) + track(rich),
    ]


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    rng, originals, outcomes, longest = Random(0), seeds(), Counter[str](), 0.0
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "a.mid"
    for _ in range(count(500)):
        path.write_bytes(mutated(originals, rng))
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                outcome = "read" if len(extend_sustain(read_midi(path))) else "without notes"
            except MidiError as error:
                outcome = "refused"
                assert "\n" not in str(error)
        longest = max(longest, time.perf_counter() - start)
        assert [one.category for one in caught] in ([], [FileWarning])
        outcomes[outcome + " with a warning" * len(caught)] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(dict(outcomes), f"longest {longest:.3f} s, {grown / 1024:.0f} MiB more")
    assert outcomes["read with a warning"] and outcomes["refused"]
    assert longest < 30 and grown < 1 << 20  # Kilobytes: 1 GiB.


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html><head></head></html>", "a web page, not the file itself"),
        (b"<HTML><body>404</body></HTML>", "a web page, not the file itself"),
        (b"nothing", "it does not begin with MThd"),
    ],
)
def test_what_a_download_left_instead_is_named(tmp_path: Path, data: bytes, found: str) -> None:
    with pytest.raises(MidiError, match=rf"^cannot read .*: not a MIDI file \(.*{found}.*\)$"):
        read(tmp_path, data)
