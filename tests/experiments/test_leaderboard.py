"""The leaderboard: excerpts, running and caching systems, mistakes, and the tables."""

from __future__ import annotations

import csv
import sys
import wave
from pathlib import Path

import leaderboard
import numpy as np
import pytest
import score_tables as tables
import soundfile
import system_runner
import systems
from recordings import find_pairs, make_excerpts, read_audio
from systems import ExternalSystem, RunError, System, run_system, select_systems

from amt.data.pieces import SourceError
from amt.evaluation.mistakes import compare, count_mistakes, sounding
from amt.inference.pretrained import pretrained_checkpoint
from amt.io.midi import write_midi
from amt.io.note_tables import write_table
from amt.notes import SUSTAIN, Notes, Pedal

RATE = 16000
FAKE = """
import json, shutil, sys
jobs = json.load(sys.stdin)
print("a warning", file=sys.stderr)
{start}
print(json.dumps({{"load_seconds": 1.0, "parameters": 7}}), flush=True)
for audio, midi in jobs:
    {job}
    figures = {{"took": 0.5, "processor": 0.4, "others": 0.0, "peak_bytes": 1000000}}
    print(json.dumps(figures), flush=True)
"""


def notes(*rows: tuple[float, float, int, int]) -> Notes:
    return Notes(*np.array(rows, dtype=float).reshape(-1, 4).T)


TWO = notes((0.1, 0.6, 60, 80), (0.7, 1.2, 64, 70))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of two seconds, stereo, and one that is none."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 2 * RATE, 2))
    for name, samples in zip("ab", noise, strict=True):
        (tmp_path / "set").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "set" / f"{name}.flac", samples, RATE)
        write_table(tmp_path / "set" / f"{name}.tsv", TWO)
    (tmp_path / "set" / "c.wav").write_bytes(b"no sound")
    write_table(tmp_path / "set" / "c.tsv", TWO)
    return tmp_path / "set"


@pytest.fixture
def external(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """A system `fake` that answers every recording with TWO, in this environment."""
    write_midi(tmp_path / "two.mid", TWO)
    monkeypatch.setattr(systems, "EXTERNAL_SYSTEMS", {"fake": ExternalSystem("fake", "1", ())})
    monkeypatch.setattr(leaderboard, "EXTERNAL_SYSTEMS", systems.EXTERNAL_SYSTEMS)
    monkeypatch.setattr(systems, "python_environment", lambda name, cache: Path(sys.executable))
    become(tmp_path, monkeypatch)
    return System("fake", "fake", "1")


def become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str = "", job: str = "") -> None:
    """Replace the program of the system `external`."""
    job = job or f"shutil.copyfile({str(tmp_path / 'two.mid')!r}, midi)"
    (tmp_path / "runner.py").write_text(FAKE.format(start=start, job=job), "utf-8")
    monkeypatch.setattr(systems, "RUNNER", tmp_path / "runner.py")


def test_pairs_are_found_lossless_first_and_with_tables_before_midi(folder: Path) -> None:
    soundfile.write(folder / "a.mp3", np.zeros(RATE), RATE)
    write_midi(folder / "a.mid", TWO)
    (folder / "alone.wav").write_bytes(b"")
    found = find_pairs(folder)
    assert [sound.name for sound, _ in found] == ["a.flac", "b.flac", "c.wav"]
    assert {labels.suffix for _, labels in found} == {".tsv"}
    with pytest.raises(SourceError, match="no pairs"):
        find_pairs(folder.parent / "nowhere")


def test_excerpts_are_the_beginning_as_it_was_recorded(folder: Path, tmp_path: Path) -> None:
    found, errors = make_excerpts(folder, tmp_path / "work", first_seconds=1.0)
    assert [excerpt.name for excerpt in found] == ["a", "b"]
    assert list(errors) == ["c"] and "cannot decode" in errors["c"]
    samples, rate = soundfile.read(found[0].audio, dtype="int16", always_2d=True)
    assert (samples.shape, rate) == ((RATE, 2), RATE)
    assert np.array_equal(samples, read_audio(folder / "a.flac")[0][:RATE])
    assert found[0].reference.offset.tolist() == [0.6, 1.0]
    assert found[0].audio != found[1].audio
    again, _ = make_excerpts(folder, tmp_path / "work", first_seconds=1.0, limit=1)
    assert [excerpt.audio for excerpt in again] == [found[0].audio]


def test_an_external_system_runs_once_and_again_only_when_asked(
    external: System, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = [excerpt.audio for excerpt in make_excerpts(folder, tmp_path / "work")[0]]
    first = run_system(external, audio, tmp_path / "cache")
    assert list(first) == audio
    assert all(r.took == 0.5 and r.parameters == 7 and r.midi.is_file() for r in first.values())
    become(tmp_path, monkeypatch, start="sys.exit('it must not run')")
    assert run_system(external, audio, tmp_path / "cache") == first
    with pytest.raises(RunError, match="fake does not start: it must not run"):
        run_system(external, audio, tmp_path / "cache", again=True)
    newer = System("fake", "fake", "2")
    with pytest.raises(RunError, match="does not start"):
        run_system(newer, audio, tmp_path / "cache")


def test_one_recording_that_fails_stops_no_other(
    external: System, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = [excerpt.audio for excerpt in make_excerpts(folder, tmp_path / "work")[0]]
    fails = f"""
    if audio == {str(audio[0])!r}:
        print(json.dumps({{"error": "too loud"}}), flush=True)
        continue
    shutil.copyfile({str(tmp_path / "two.mid")!r}, midi)"""
    become(tmp_path, monkeypatch, job=fails)
    results = run_system(external, audio, tmp_path / "cache")
    assert results[audio[0]] == "too loud"
    assert not isinstance(results[audio[1]], str)


def test_a_process_that_ends_early_gives_the_reason(
    external: System, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = [excerpt.audio for excerpt in make_excerpts(folder, tmp_path / "work")[0]]
    become(tmp_path, monkeypatch, job="sys.exit('out of memory')")
    results = run_system(external, audio, tmp_path / "cache")
    assert set(results.values()) == {"its process ended (out of memory)"}


def test_an_external_system_that_cannot_be_installed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="transkun cannot be installed: no such index"):
        systems._call("transkun", [sys.executable, "-c", "import sys; sys.exit('no such index')"])


def test_systems_are_chosen_by_name_and_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "new.ckpt"
    checkpoint.write_bytes(b"weights")
    names = [system.name for system in select_systems(["amt", "transkun"], [f"new={checkpoint}"])]
    assert names == ["amt", "transkun", "new"]
    for wrong in ((["amd"], []), (["amt"], ["new=nowhere.ckpt"]), (["amt", "amt"], []), ([], [])):
        with pytest.raises(RunError):
            select_systems(*wrong)


def test_the_runner_times_what_it_transcribes_and_names_what_fails(tmp_path: Path) -> None:
    transcribe, parameters = system_runner.load_amt(str(pretrained_checkpoint()))
    assert parameters > 1000
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE))
    measured = system_runner.measured(transcribe, str(tmp_path / "a.wav"), str(tmp_path / "a.mid"))
    assert (tmp_path / "a.mid").is_file()
    assert measured["took"] > 0 and measured["peak_bytes"] > 1e7
    broken = system_runner.measured(transcribe, str(tmp_path / "b.wav"), str(tmp_path / "b.mid"))
    assert "no such file" in broken["error"]


def test_each_mistake_counts_once() -> None:
    reference = notes(
        (1.0, 1.5, 60, 80),  # found, with an octave, a twelfth and two octaves added
        (2.0, 4.0, 65, 80),  # found, struck twice in the estimate
        (5.0, 5.5, 50, 80),  # found 100 ms late
        (6.0, 7.0, 62, 80),  # found
        (6.8, 7.5, 62, 80),  # repeated, missed
        (8.0, 8.5, 48, 80),  # found
        (8.0, 8.5, 60, 80),  # beside its octave, missed
        (9.0, 9.5, 70, 20),  # soft, missed
        (10.0, 10.5, 71, 80),  # missed
    )
    estimate = notes(
        (1.0, 1.5, 60, 80),
        (1.0, 1.5, 72, 80),
        (1.0, 1.5, 79, 80),
        (1.0, 1.5, 84, 80),
        (2.0, 3.0, 65, 80),
        (3.0, 4.0, 65, 80),
        (5.1, 5.5, 50, 80),
        (6.0, 7.0, 62, 80),
        (8.0, 8.5, 48, 80),
        (11.0, 11.5, 90, 80),
    )
    comparison = compare(reference, estimate)
    assert count_mistakes(comparison) == {
        "onset out of tolerance": 1,
        "added: octave": 1,
        "added: fifth": 1,
        "added: other harmonic": 1,
        "added: struck twice": 1,
        "added: other": 1,
        "missed: repeated": 1,
        "missed: beside its octave": 1,
        "missed: soft": 1,
        "missed: other": 1,
    }
    assert comparison.onset_errors == pytest.approx([0, 0, 0.1, 0, 0])
    assert not sum(count_mistakes(compare(reference, reference)).values())


def test_polyphony_counts_what_sounds_and_what_begins_with_it() -> None:
    chord = notes((1.0, 3.0, 60, 80), (1.02, 2.0, 64, 80), (2.5, 3.0, 67, 80), (4.0, 5.0, 60, 80))
    assert sounding(chord).tolist() == [2, 2, 2, 1]


def row(system: str, piece: str, f1: float, **more: float) -> tables.Row:
    figures = {"seconds": 10.0, "took": 2.0, "processor": 1.0, "others": 0.0, "peak_bytes": 5e6}
    return {
        "system": system,
        "piece": piece,
        "note_f1": f1,
        "parameters": 12345,
        **figures,
        **more,
    }


def test_means_are_over_the_pieces_that_all_systems_have() -> None:
    rows = [row("x", "a", 0.5), row("x", "b", 1.0), row("y", "a", 0.7)]
    rows = tables.rows_of_common_pieces(rows)
    assert [(r["system"], r["piece"]) for r in rows] == [("x", "a"), ("y", "a")]
    assert tables.mean(rows, "note_f1") == pytest.approx(0.6)
    assert tables.mean(rows, "pedal_f1") is None


def test_a_speed_on_a_busy_machine_is_marked() -> None:
    lines = tables.score_table([row("x", "a", 0.5), row("y", "a", 0.5, others=1.4)]).splitlines()
    assert "5.00 " in lines[2] and "12,345" in lines[2]
    assert "5.00* " in lines[3]


def test_reports_contain_scores_and_failures(
    external: System, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "board"
    options = ["--systems", "fake", "--output", str(output), "--cache", str(tmp_path / "cache")]
    leaderboard.main([str(folder), *options])
    text = (output / "leaderboard.md").read_text("utf-8")
    assert "| fake   |         1.000 |" in text and "2 recordings" in text
    assert "- c: cannot decode" in text
    assert "c: cannot decode" in capsys.readouterr().err
    with (output / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["piece"], r["note_f1"], r["took"]) for r in rows] == [
        ("a", "1.0000", "0.5000"),
        ("b", "1.0000", "0.5000"),
    ]
    pictures = {path.stem for path in output.glob("*.png")}
    assert pictures == {"register", "velocity", "polyphony", "onset_errors", "mistakes"}


def test_ends_are_scored_as_written_and_with_the_pedal(
    external: System, folder: Path, tmp_path: Path
) -> None:
    pedal = Pedal([0.0, 1.5], [SUSTAIN, SUSTAIN], [127, 0])
    short = Notes(TWO.onset, TWO.onset + 0.1, TWO.pitch, TWO.velocity, pedal)
    write_midi(tmp_path / "two.mid", short)
    long = Notes(TWO.onset, np.full(2, 1.5), TWO.pitch, TWO.velocity)
    write_table(folder / "a.tsv", long)
    options = leaderboard.parser("").parse_args([str(folder), "--cache", str(tmp_path / "cache")])
    board = leaderboard.measure(folder, [external], options)
    assert board.rows[0]["note_offset_f1"] == 1.0
    assert board.rows[0]["written_note_offset_f1"] == 0.0
    assert "keys_note_offset_f1" not in board.rows[0]
