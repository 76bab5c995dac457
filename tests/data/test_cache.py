import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_recordings import (
    ListSource,
    bad_piece,
    ramp_cache,
    ramp_piece,
    recorded_piece,
    scale,
    tone,
)

from amt.data import cache
from amt.data.cache import (
    CacheError,
    open_audio,
    open_notes,
    open_recording,
    prepare,
    read_manifest,
    verify,
)
from amt.data.manifest import JOURNAL, MANIFEST, audio_path, notes_path, read_audio
from amt.data.pieces import PieceError, Recording
from amt.data.sources.folder import Folder
from amt.errors import FileWarning
from amt.io.audio import save
from amt.io.midi import write_midi
from amt.notes import Notes, Pedal

THREE = [ramp_piece("a", 1.0), ramp_piece("b", 2.0, 1), ramp_piece("c", 1.5, 2, "test")]

# Folder of the test helpers, for programs that tests start.
SUPPORT = Path(__file__).parents[1] / "support"


def test_audio_notes_and_pedal_are_read_as_stored(tmp_path: Path) -> None:
    pedal = Pedal([0.1, 0.9], [64, 67], [127, 3])
    recording = Recording(tone(2.0), scale(2.0, pedal=pedal))
    report = prepare(ListSource([recorded_piece("a", recording)]), tmp_path, workers=0)
    entry = read_manifest(tmp_path)[0]
    assert report.entries == [entry]
    assert (entry.samples, entry.seconds, entry.notes, entry.gain) == (32000, 2.0, 7, 1.0)
    again = open_recording(tmp_path, entry)
    np.testing.assert_allclose(again.audio, recording.audio, atol=0.51 / 32767)
    np.testing.assert_array_equal(again.notes.onset, recording.notes.onset)
    np.testing.assert_array_equal(again.notes.offset, recording.notes.offset)
    np.testing.assert_array_equal(again.notes.pedal.time, pedal.time)
    np.testing.assert_array_equal(again.notes.pedal.controller, pedal.controller)
    np.testing.assert_array_equal(again.notes.pedal.value, pedal.value)


def test_channels_of_notes_and_pedal_are_kept(tmp_path: Path) -> None:
    pedal = Pedal([0.1, 0.9], [64, 64], [127, 0], [1, 1])
    notes = replace(scale(2.0, pedal=pedal), channel=np.array([1]))
    prepare(ListSource([recorded_piece("a", Recording(tone(2.0), notes))]), tmp_path, workers=0)
    (entry,) = read_manifest(tmp_path)
    again = open_notes(tmp_path, entry)
    assert again.channel.tolist() == [1] * len(notes) and again.pedal.channel.tolist() == [1, 1]
    # A cache of an earlier version has none.
    with np.load(notes_path(tmp_path, "a")) as table:
        columns = {name: table[name] for name in table.files if not name.endswith("channel")}
    np.savez(notes_path(tmp_path, "a"), **columns)
    again = open_notes(tmp_path, entry)
    assert again.channel.tolist() == [0] * len(notes) and again.pedal.channel.tolist() == [0, 0]


def test_damaged_midi_is_reported_and_remarks_are_shown(tmp_path: Path) -> None:
    drums = Notes([0.2, 0.4], [0.3, 0.5], [60, 62], [64, 64], channel=np.array([0, 9]))
    for name in ("drums", "damaged"):
        save(tmp_path / f"{name}.wav", tone(1.0))
        write_midi(tmp_path / f"{name}.mid", drums)
    (tmp_path / "damaged.mid").write_bytes((tmp_path / "drums.mid").read_bytes()[:-6])
    with pytest.warns(FileWarning) as caught:
        report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=1)
    assert [(entry.name, entry.notes) for entry in report.entries] == [("drums", 1)]
    assert [problem.name for problem in report.problems] == ["damaged"]
    assert "damaged.mid: track 0 is cut off" in report.problems[0].reason
    assert [str(one.message).rpartition(": ")[2] for one in caught] == [
        "drum notes of channel 10 (1)"
    ]


def test_audio_is_memory_mapped_and_plain_reads_agree(tmp_path: Path) -> None:
    root = ramp_cache(tmp_path, [1.0])
    entry = read_manifest(root)[0]
    mapped = open_audio(root, entry)
    assert isinstance(mapped, np.memmap) and mapped.dtype == np.int16
    for start, samples in ((0, 16000), (5, 100), (15990, 100), (16000, 10)):
        expected = mapped[start : start + samples] / np.float32(32767)
        np.testing.assert_allclose(read_audio(root, entry, start, samples), expected, atol=1e-7)


def test_loud_audio_is_scaled_down(tmp_path: Path) -> None:
    loud = Recording(4 * tone(1.0, level=1.0), scale(1.0))
    prepare(ListSource([recorded_piece("loud", loud)]), tmp_path, workers=0)
    entry = read_manifest(tmp_path)[0]
    assert entry.gain == pytest.approx(0.25, rel=1e-3)
    np.testing.assert_allclose(
        open_recording(tmp_path, entry).audio, loud.audio * entry.gain, atol=1e-4
    )


def test_only_changed_pieces_are_decoded_again(tmp_path: Path) -> None:
    assert prepare(ListSource(THREE), tmp_path, workers=0).decoded == 3
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("a*/*")}
    report = prepare(ListSource(THREE), tmp_path, workers=0)
    assert (report.decoded, report.reused) == (0, 3)
    report = prepare(ListSource([*THREE[:2], ramp_piece("c", 1.0, 3, "test")]), tmp_path, workers=0)
    assert (report.decoded, report.reused) == (1, 2)
    changed = {path for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert changed == {audio_path(tmp_path, "c")}
    assert read_manifest(tmp_path)[2].seconds == 1.0


def test_split_and_composition_follow_the_source_without_decoding(tmp_path: Path) -> None:
    prepare(ListSource(THREE), tmp_path, workers=0)
    moved = replace(THREE[0], split="validation", composition="other")
    report = prepare(ListSource([moved]), tmp_path, workers=0)
    assert (report.decoded, report.removed) == (0, ["b", "c"])
    (entry,) = read_manifest(tmp_path)
    assert (entry.name, entry.split, entry.composition) == ("a", "validation", "other")
    # The files of removed pieces are kept.
    report = prepare(ListSource(THREE), tmp_path, workers=0)
    assert (report.decoded, len(report.entries)) == (0, 3)
    assert [entry.name for entry in read_manifest(tmp_path, "test")] == ["c"]


def test_notes_may_end_a_while_after_the_audio(tmp_path: Path) -> None:
    pieces = [
        recorded_piece(f"{end}", Recording(tone(2.0), Notes([0.5], [end], [60], [64])))
        for end in (31.9, 33.0)
    ]
    report = prepare(ListSource(pieces), tmp_path, workers=0)
    assert [entry.name for entry in report.entries] == ["31.9"]
    (problem,) = report.problems
    assert problem.reason == "a note ends at 33.00 s, the audio ends at 2.00 s"


def test_the_reason_names_the_file_of_a_piece_with_another_name(tmp_path: Path) -> None:
    save(tmp_path / "вальс.wav", np.zeros(16000, dtype=np.float32))
    write_midi(tmp_path / "вальс.mid", scale(1.0))
    report = prepare(Folder(str(tmp_path)), tmp_path / "cache", workers=0)
    assert report.problems[0].reason == f"its audio is silent ({tmp_path / 'вальс.wav'})"


def test_bad_pieces_are_reported_and_the_others_decoded(tmp_path: Path) -> None:
    pieces = [bad_piece("broken", "value"), bad_piece("unexpected", "unexpected"), *THREE]
    report = prepare(ListSource(pieces), tmp_path, workers=0)
    assert [entry.name for entry in read_manifest(tmp_path)] == ["a", "b", "c"]
    reasons = {problem.name: problem.reason for problem in report.problems}
    assert reasons["broken"] == "it is broken"
    assert reasons["unexpected"].startswith("KeyError") and "\n" not in reasons["unexpected"]
    assert "2 pieces could not be used:\n  broken: it is broken" in str(report)


def test_a_crashed_worker_loses_only_its_piece(tmp_path: Path) -> None:
    pieces = [THREE[0], bad_piece("crash", "crash"), THREE[1], bad_piece("x", "value"), THREE[2]]
    report = prepare(ListSource(pieces), tmp_path, workers=2)
    assert [entry.name for entry in read_manifest(tmp_path)] == ["a", "b", "c"]
    reasons = {problem.name: problem.reason for problem in report.problems}
    assert "died" in reasons["crash"] and reasons["x"] == "it is broken"
    assert verify(tmp_path) == []


def _notes(onset: float, pitch: int = 60) -> Notes:
    return Notes([onset], [onset + 0.1], [pitch], [80])


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        (Recording(tone(1.0), Notes.empty()), "no notes"),
        (Recording(tone(1.0), _notes(0.5, pitch=20)), "none of its notes is a piano key"),
        (Recording(tone(1.0, level=0.0), _notes(0.5)), "silent"),
        (Recording(np.zeros(0, np.float32), _notes(0.5)), "silent"),
        (Recording(tone(1.0), _notes(-0.1)), "before the audio"),
        (Recording(tone(1.0), _notes(1.2)), r"begins at 1.20 s, the audio ends at 1.00 s"),
        (Recording(tone(40.0), _notes(1.0)), r"cover 1.0 to 1.1 s of 40.0 s"),
        (Recording(tone(40.0), _notes(39.0)), r"cover 39.0 to 39.1 s of 40.0 s"),
    ],
)
def test_errors_give_the_reason_for_unusable_recordings(recording: Recording, reason: str) -> None:
    with pytest.raises(PieceError, match=reason):
        cache.check_recording(recording)


def test_only_notes_outside_of_the_keyboard_are_removed() -> None:
    notes = Notes([0.0, 0.5, 1.05], [0.2, 0.6, 1.2], [20, 21, 108], [1, 127, 64])
    kept = cache.check_recording(Recording(tone(1.0), notes)).notes
    np.testing.assert_array_equal(kept.pitch, [21, 108])


def test_an_interrupted_run_resumes(tmp_path: Path) -> None:
    """After a kill during the third piece, the first two are not decoded again."""
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[2])\n"
        "from functools import partial\n"
        "from small_recordings import *\n"
        "third = Piece('c', 'train', 'c', partial(time.sleep, 60), 'c')\n"
        "prepare(ListSource([ramp_piece('a', 1.0), ramp_piece('b', 2.0), third]), sys.argv[1], 0)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(SUPPORT)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        journal = tmp_path / JOURNAL
        wait_for(lambda: journal.is_file() and journal.read_text().count("\n") == 2)
        process.kill()
    with pytest.raises(CacheError, match="not finished"):
        read_manifest(tmp_path)
    # A journal line and an audio file that were cut by the kill.
    with journal.open("a") as file:
        file.write('{"name": "c", "spl')
    leftover = tmp_path / "audio" / ".c.1.part.npy"
    leftover.write_bytes(b"half")
    pieces = [ramp_piece("a", 1.0), ramp_piece("b", 2.0), ramp_piece("c", 1.0)]
    report = prepare(ListSource(pieces), tmp_path, workers=0)
    assert (report.decoded, report.reused) == (1, 2)
    assert not leftover.exists() and verify(tmp_path) == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_end_when_the_run_is_killed(tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    script = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from functools import partial\n"
        "from small_recordings import *\n"
        "load = partial(write_heartbeat, Path(sys.argv[1]) / 'heartbeat')\n"
        "piece = Piece('a', 'train', 'a', load, 'a')\n"
        "prepare(ListSource([piece]), sys.argv[1], 1)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(SUPPORT)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        wait_for(heartbeat.is_file)
        process.kill()

    def unchanged() -> bool:
        before = heartbeat.stat().st_mtime_ns
        time.sleep(0.5)
        return heartbeat.stat().st_mtime_ns == before

    wait_for(unchanged)


def test_two_runs_on_one_cache_decode_each_piece_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(prepare, ListSource(THREE), tmp_path, 0) for _ in range(2)]
        reports = [run.result() for run in runs]
    assert sorted(report.decoded for report in reports) == [0, 3]
    assert verify(tmp_path) == []


def test_a_full_disk_is_one_line_and_keeps_decoded_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, saved = np.save, []

    def full(path: Path, array: np.ndarray, allow_pickle: bool) -> None:
        if saved:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        saved.append(path)
        save(path, array, allow_pickle=allow_pickle)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(CacheError, match=r"No space left on device.*run again"):
        prepare(ListSource(THREE), tmp_path, workers=0)
    assert [path.name for path in (tmp_path / "audio").iterdir()] == ["a.npy"]
    monkeypatch.undo()
    assert prepare(ListSource(THREE), tmp_path, workers=0).decoded == 2


def test_verify_finds_missing_and_altered_files(tmp_path: Path) -> None:
    prepare(ListSource(THREE), tmp_path, workers=0)
    with audio_path(tmp_path, "a").open("r+b") as file:
        file.seek(1000)
        file.write(b"\x55\xaa")
    (tmp_path / "notes" / "b.npz").unlink()
    errors = verify(tmp_path)
    assert len(errors) == 2
    assert "a.npy differs" in errors[0] and "b.npz is missing" in errors[1]
    for path in (audio_path(tmp_path, "a"),):
        path.unlink()
    assert prepare(ListSource(THREE), tmp_path, workers=0).decoded == 2
    assert verify(tmp_path) == []


def test_a_truncated_audio_file_is_an_error(tmp_path: Path) -> None:
    entry = read_manifest(ramp_cache(tmp_path, [1.0]))[0]
    with audio_path(tmp_path, entry.name).open("r+b") as file:
        file.truncate(10000)
    with pytest.raises(CacheError, match="does not have 16000 samples"):
        read_audio(tmp_path, entry, 0, 100)
    with pytest.raises((CacheError, ValueError)):
        open_audio(tmp_path, entry)


def test_errors_for_missing_and_damaged_caches_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="amt prepare"):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text('{"name": 1}\n')
    with pytest.raises(CacheError, match="damaged"):
        read_manifest(tmp_path)


def test_a_cache_of_another_version_is_one_line_and_is_rebuilt(tmp_path: Path) -> None:
    """Entries once had the field `work` instead of `composition`."""
    prepare(ListSource(THREE), tmp_path, workers=0)
    for name in (MANIFEST, JOURNAL):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace('"composition"', '"work"'))
    with pytest.raises(CacheError, match=r"another version .* run `amt prepare`") as error:
        read_manifest(tmp_path)
    assert "\n" not in str(error.value)
    report = prepare(ListSource(THREE), tmp_path, workers=0)
    assert (report.decoded, report.problems) == (3, [])
    assert read_manifest(tmp_path) == report.entries and verify(tmp_path) == []


def test_the_manifest_is_json_sorted_by_name(tmp_path: Path) -> None:
    prepare(ListSource(THREE[::-1]), tmp_path, workers=0)
    lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [line["name"] for line in lines] == ["a", "b", "c"]
    assert all(len(line["audio_sha256"]) == 64 for line in lines)
    assert open_notes(tmp_path, read_manifest(tmp_path)[1]).pitch[0] == 60
