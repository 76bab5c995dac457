"""The `amt` command."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from small_model import small_checkpoint
from small_recordings import write_pair

from amt.cli import _parser, main
from amt.commands import prepare
from amt.data.cache import cache_folder
from amt.data.manifest import audio_path, read_manifest
from amt.data.sources.folder import Folder
from amt.inference import pretrained, transcriber
from amt.inference.writers import FORMATS, endings
from amt.io.audio import save
from amt.io.midi import write_midi
from amt.io.note_tables import write_table
from amt.notes import Notes

TUNE = Notes([0.0, 0.5], [0.5, 1.0], [60, 64], [80, 90])


@pytest.fixture(autouse=True)
def leave_no_trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.chdir(tmp_path)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_checkpoint(tmp_path_factory.mktemp("weights") / "small.ckpt"))


def noise(samples: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(samples) * 0.1).astype(np.float32)


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_transcribe_to_every_format(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    save("a.wav", noise(32000))
    formats = ",".join(FORMATS)
    assert main(["transcribe", "a.wav", "--ckpt", checkpoint, "--format", formats]) == 0
    names = sorted(path.name for path in Path("transcriptions").iterdir())
    assert names == sorted(f"a{ending}" for ending in endings(FORMATS))
    document = json.loads(Path("transcriptions/a.json").read_text())
    assert document["seconds"] == 2.0 and len(document["notes"]) > 10
    assert f"{len(document['notes'])} notes" in only_line(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("rate", "seconds", "subtype"),
    [
        (16000, 1.0, "PCM_U8"),
        (96000, 1.0, "PCM_24"),
        (44100, 0.1, "PCM_16"),
        (16000, 0.01, "FLOAT"),
    ],
)
def test_odd_recordings_give_results(
    checkpoint: str, rate: int, seconds: float, subtype: str
) -> None:
    audio = noise(round(rate * seconds))
    soundfile.write("odd.wav", np.stack([audio, audio], axis=1), rate, subtype=subtype)
    assert main(["transcribe", "odd.wav", "--ckpt", checkpoint, "--output", "out"]) == 0
    assert Path("out/odd.mid").is_file()


def test_one_bad_file_fails_the_command_but_not_the_others(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.mp3").write_text("hello\n")
    save("good.wav", np.zeros(8000, dtype=np.float32))
    words = ["transcribe", "text.mp3", "good.wav", "--ckpt", checkpoint, "--output", "out"]
    assert main(words) == 1
    output, errors = capsys.readouterr()
    assert "good.wav" in only_line(output) and "text.mp3" in only_line(errors)


def test_describing_gives_a_page_and_json(
    checkpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save("audio.wav", noise(16000))
    write_midi("read.mid", TUNE)
    words = ["describe", "audio.wav", "read.mid", "--ckpt", checkpoint, "--output", "out"]
    assert main(words) == 0
    names = {path.name for path in Path("out").iterdir()}
    assert names == {"audio.html", "audio.json", "read.html", "read.json"}
    audio, read = (json.loads(Path(f"out/{name}.json").read_text()) for name in ("audio", "read"))
    assert audio["origin"] == "transcribed by amt, model small.ckpt"
    assert [note["pitch"] for note in read["notes"]] == TUNE.pitch.tolist()
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_page_says_that_the_tuning_was_corrected(checkpoint: str) -> None:
    turns = np.arange(6 * 16000) * 440 * 2 ** (40 / 1200) / 16000
    save("a.wav", (0.3 * np.sin(2 * np.pi * turns)).astype(np.float32))
    for tuning, expected in (("auto", "; 40 cents sharp, corrected"), ("off", "")):
        words = ["--ckpt", checkpoint, "--format", "json", "--tuning", tuning]
        assert main(["describe", "a.wav", *words, "--output", "out"]) == 0
        origin = json.loads(Path("out/a.json").read_text())["origin"]
        assert origin == f"transcribed by amt, model {Path(checkpoint).name}{expected}"


def test_midi_is_described_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    write_midi("read.mid", TUNE.select(slice(1)))
    words = ["describe", "read.mid", "--ckpt", "missing.ckpt", "--format", "json"]
    assert main(words) == 0
    assert [path.name for path in Path("descriptions").iterdir()] == ["read.json"]
    assert "read.mid: 1 note, 0.5 s in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--ckpt", "missing.ckpt"], "missing.ckpt: no such checkpoint"),
        (["--ckpt", "a.wav"], "expected a checkpoint"),
        (["--output", "a.wav"], "--output a.wav is the name of a file; expected a folder"),
        (["--output", "notes.mid"], "--output notes.mid is the name of a file; expected a folder"),
        (["--output", "a.wav/out"], "--output a.wav/out: Not a directory"),
        (["--ckpt", "bas"], "bas: no such checkpoint, and no pretrained model is called 'bas'"),
        (["--device", "abacus"], "device abacus cannot be used here"),
        (["--piano", "missing", "--format", "wav"], "missing"),
    ],
)
def test_errors_of_transcribe_are_one_line(
    checkpoint: str, words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save("a.wav", np.zeros(8000, dtype=np.float32))
    if "--ckpt" not in words:
        words = ["--ckpt", checkpoint, *words]
    assert main(["transcribe", "a.wav", *words]) == 1
    line = only_line(capsys.readouterr().err)
    assert line.startswith("amt: ") and reason in line
    assert [path.name for path in Path().rglob("*")] == ["a.wav"]


def test_a_folder_where_nothing_can_be_written_is_noticed_before_transcribing(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "out/tmpx")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    save("a.wav", noise(1600))
    assert main(["transcribe", "a.wav", "--ckpt", checkpoint, "--output", "out"]) == 1
    assert "--output out: Permission denied; choose another" in only_line(capsys.readouterr().err)


def test_paths_are_taken_as_they_are_typed(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    names = ["-take.wav", "a=b, (1) [x] it's $1 #%.wav", "\u65e5\u672c \u00e9.wav"]
    for name in [*names, "home/mine.wav"]:
        Path(name).parent.mkdir(exist_ok=True)
        save(name, noise(1600))
    Path(checkpoint).rename("home/small.ckpt")
    try:
        words = ["transcribe", *names, "~/mine.wav", "--ckpt", "~/small.ckpt", "--output", "~/out"]
        assert main(words) == 0
    finally:
        Path("home/small.ckpt").rename(checkpoint)
    stems = {Path(name).stem for name in names}
    assert {path.stem for path in Path("home/out").iterdir()} == {*stems, "mine"}


def test_a_name_that_the_terminal_cannot_show_is_no_error(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    save("\u65e5.wav", noise(1600))
    assert main(["transcribe", "\u65e5.wav", "--ckpt", checkpoint]) == 0
    stdout.seek(0)
    assert "\\u65e5.wav: " in stdout.read()


@pytest.mark.parametrize("words", [["", "b.wav"], ["b.wav", "--output", ""], ["b.wav", "--ckpt="]])
def test_an_empty_path_is_not_the_current_folder(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["transcribe", *words])
    assert "a path is empty" in capsys.readouterr().err


def test_the_threshold_of_onsets(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    save("a.wav", noise(32000))
    found = {}
    for threshold in ("0.3", "0.8"):
        words = ["--ckpt", checkpoint, "--onset-threshold", threshold, "--format", "json"]
        assert main(["transcribe", "a.wav", *words]) == 0
        document = json.loads(Path("transcriptions/a.json").read_text())
        found[threshold] = len(document["notes"])
    assert found["0.3"] > found["0.8"]
    for wrong in ("0", "1", "7", "nan", "high"):
        with pytest.raises(SystemExit):
            main(["transcribe", "a.wav", "--onset-threshold", wrong])


def test_the_tuning(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A tone 40 cents sharp is corrected and said to be so, unless it is to be left as it is."""
    turns = np.arange(6 * 16000) * 440 * 2 ** (40 / 1200) / 16000
    save("a.wav", (0.3 * np.sin(2 * np.pi * turns)).astype(np.float32))
    words = ["transcribe", "a.wav", "--ckpt", checkpoint, "--format", "json", "--tuning"]
    heard = {"cents": pytest.approx(40, abs=1), "corrected": True}
    for tuning, said, expected in (
        ("auto", "; 40 cents sharp, corrected", heard),
        ("off", "", heard | {"corrected": False}),
        ("415", "; taken as A4 = 415 Hz", heard | {"a4": 415}),
        ("440", "", heard | {"corrected": False, "a4": 440}),
    ):
        assert main([*words, tuning]) == 0
        line = capsys.readouterr().out.partition(" real time)")[2]
        assert line.startswith(f"{said} ->")
        document = json.loads(Path("transcriptions/a.json").read_text())
        assert document["tuning"] == expected
    for wrong in ("on", "nan", "44100"):
        with pytest.raises(SystemExit):
            main([*words, wrong])
        assert "the frequency of A4, 294 to 660 Hz" in capsys.readouterr().err


def test_without_pretrained_models_the_error_says_how_to_train_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretrained, "WEIGHTS", Path("nowhere"))
    assert main(["transcribe", "a.wav"]) == 1
    line = only_line(capsys.readouterr().err)
    assert "python train.py model=lstm" in line and "--ckpt" in line


def test_models_are_called_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["transcribe", "a.wav", "--model", "violin"])
    assert caught.value.code == 2
    assert "'violin'" in (error := capsys.readouterr().err) and "base" in error
    save("a.wav", noise(16000))
    assert main(["transcribe", "a.wav", "--model", "base", "--precision", "float32"]) == 0
    assert Path("transcriptions/a.mid").is_file()


def test_help_shows_the_licences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit):
        main(["transcribe", "--help"])
    assert "not for commercial use" in capsys.readouterr().out
    monkeypatch.setattr(pretrained, "WEIGHTS", Path("nowhere"))
    with pytest.raises(SystemExit) as caught:
        main(["transcribe", "--help"])
    assert caught.value.code == 0


def test_an_interruption_is_one_line(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transcriber.Transcriber, "run", interrupt)
    save("a.wav", np.zeros(8000, dtype=np.float32))
    assert main(["transcribe", "a.wav", "--ckpt", checkpoint]) == 130
    assert only_line(capsys.readouterr().err).startswith("amt: interrupted")
    assert not list(Path("transcriptions").iterdir())


@pytest.mark.parametrize("words", ["", "transcribe", "synth a.mid", "prepare", "prepare moon"])
def test_invalid_arguments_give_usage(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2
    assert "usage: amt" in capsys.readouterr().err


def test_an_unknown_format_gives_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["transcribe", "a.wav", "--format", "mid,docx"])
    assert "expected one or more of mid,json,csv,tsv,png,wav" in capsys.readouterr().err


def test_synth_plays_a_midi_file(capsys: pytest.CaptureFixture[str]) -> None:
    write_midi("tune.mid", TUNE)
    assert main(["synth", "tune.mid", "tune.wav"]) == 0
    audio, rate = soundfile.read("tune.wav")
    assert rate == 16000 and len(audio) > 16000 and np.abs(audio).max() > 0.01
    assert only_line(capsys.readouterr().out) == f"tune.wav: 2 notes, {len(audio) / 16000:.1f} s"


def test_damaged_midi_is_played_with_a_warning_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_midi("tune.mid", TUNE)
    Path("tune.mid").write_bytes(Path("tune.mid").read_bytes()[:-6])
    assert main(["synth", "tune.mid", "tune.wav"]) == 0
    expected = "amt: tune.mid: read as far as possible: track 0 is cut off"
    assert only_line(capsys.readouterr().err).startswith(expected)


def test_synth_by_seed() -> None:
    write_midi("tune.mid", TUNE)
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["synth", "tune.mid", f"{name}.flac", "--seed", seed]) == 0
    a, b, c = (Path(f"{name}.flac").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("empty.mid out.wav", "empty.mid has no piano notes"),
        ("missing.mid out.wav", "missing.mid"),
        ("text.mid out.wav", "text.mid"),
        ("missing.tsv out.wav", "missing.tsv: No such file"),
        ("early.tsv out.wav", "early.tsv: a note begins at -0.5 s; expected 0 s or later"),
        ("tune.mid out.docx", "out.docx"),
        ("tune.mid text.mid/out.wav", "text.mid"),
        ("tune.mid out.wav --piano missing", "missing"),
    ],
)
def test_errors_of_synth_are_one_line(
    words: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_midi("empty.mid", Notes.empty())
    write_midi("tune.mid", TUNE)
    Path("text.mid").write_text("hello\n")
    write_table(Path("early.tsv"), Notes([-0.5], [1], [60], [64]))
    assert main(["synth", *words.split()]) == 1
    line = only_line(capsys.readouterr().err)
    assert line.startswith("amt: ") and reason in line
    assert not list(Path().glob("*out*"))


def pairs(folder: Path) -> Path:
    for name in ("one", "two"):
        folder.mkdir(exist_ok=True)
        save(folder / f"{name}.wav", noise(32000))
        write_midi(folder / f"{name}.mid", TUNE)
    save(folder / "lonely.wav", noise(1600))
    return folder


def test_prepare_fills_a_cache_and_verifies_it(capsys: pytest.CaptureFixture[str]) -> None:
    folder = pairs(Path("music"))
    words = ["prepare", "folder", "--root", str(folder), "--test", "1.0", "--workers", "0"]
    assert main(words) == 0
    report = capsys.readouterr().out
    assert "2 pieces" in report and "lonely" in report
    cache = cache_folder("cache", Folder(str(folder), test=1.0))
    entries = read_manifest(cache)
    assert [(entry.split, entry.seconds) for entry in entries] == [("test", 2.0)] * 2
    assert main([*words, "--verify"]) == 0
    assert "2 pieces, all files unchanged" in capsys.readouterr().out
    with audio_path(cache, entries[0].name).open("r+b") as file:
        file.seek(200)
        file.write(b"xx")
    assert main([*words, "--verify"]) == 1
    printed = capsys.readouterr()
    line = only_line(printed.out)
    assert "differs from its checksum" in line
    assert "type the same command without --verify" in only_line(printed.err)
    Path(line.partition(" differs")[0]).unlink()
    assert main(words) == 0 and main([*words, "--verify"]) == 0


@pytest.mark.parametrize("source", prepare.SOURCES)
def test_every_source_has_help(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["prepare", source, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--cache" in text and "--verify" in text
    assert ("--seconds" in text) == (source == "synthetic")


def test_prepare_names_a_recording_in_two_splits(capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "test"):
        write_pair(Path("data", split), split)
    words = ["prepare", "folder", "--root", "data", "--split", "folder", "--workers", "0"]
    assert main([*words, "--cache", "cache"]) == 0
    assert "are the same; scores of test will be too high\n" in capsys.readouterr().err


def test_errors_of_prepare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "maps", "--root", "missing"]) == 1
    assert "missing" in only_line(capsys.readouterr().err)
    assert main(["prepare", "maps", "--root", "x", "--verify", "--cache", "nowhere"]) == 1
    assert "nowhere" in only_line(capsys.readouterr().err)
    assert main(["prepare", "synthetic", "--workers", "-1"]) == 1
    assert "--workers -1: expected 0 or more" in only_line(capsys.readouterr().err)
    with pytest.raises(SystemExit):
        main(["prepare", "maps"])
    assert "give --root" in capsys.readouterr().err


def test_serve_takes_a_model_as_the_other_commands_do(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amt.serving.model import find_model

    monkeypatch.setenv("HOME", "/home/clara")
    monkeypatch.setenv("USERPROFILE", "/home/clara")
    for typed, uri in (
        ("~/a.ckpt", "/home/clara/a.ckpt"),
        ("gs://bucket/model/", "gs://bucket/model/"),
    ):
        words = ["serve", "--ckpt", typed]
        assert _parser(words).parse_args(words).storage_uri == uri
    assert find_model(Path(checkpoint)) == Path(checkpoint)


def test_help_does_not_import_large_packages() -> None:
    heavy = "{'torch', 'lightning', 'scipy', 'matplotlib'}"
    code = f"import sys, amt.cli; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_module_runs_as_a_program() -> None:
    words = [sys.executable, "-m", "amt.cli", "synth", "missing.mid", "out.wav"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert only_line(done.stderr).startswith("amt: ")


def test_closed_streams_are_no_error(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save("a.wav", noise(8000))
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["transcribe", "a.wav", "--ckpt", checkpoint]) == 0
    assert Path("transcriptions/a.mid").is_file()


@pytest.mark.parametrize("error", [ImportError("libtorch_cpu.so: failed to map"), MemoryError()])
def test_libraries_that_do_not_load_are_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("amt.commands.transcribe.load_transcriber", broken)
    assert main(["transcribe", "a.wav"]) == 1
    line = only_line(capsys.readouterr().err)
    assert line.startswith(f"amt: {type(error).__name__}:") and str(error) in line


def test_names_in_another_encoding(checkpoint: str) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    try:
        Path(name).touch()
    except OSError:
        pytest.skip("this file system only has names in Unicode")
    save(name, noise(8000))
    words = ["transcribe", name, "--ckpt", checkpoint, "--format", "mid,png,wav"]
    assert main(words) == 0
    suffixes = sorted(path.suffix for path in Path("transcriptions").iterdir())
    assert suffixes == [".mid", ".png", ".wav"]
    assert main(["describe", name, "--ckpt", checkpoint]) == 0
    (document,) = Path("descriptions").glob("*.json")
    assert json.loads(document.read_text("utf-8"))["title"] == "caf\ufffd"
