"""Formats that only ffmpeg reads, and the clock of films."""

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sound_files import chirps, delay, needs_ffmpeg, write
from sound_files import ffmpeg as run_ffmpeg

from amt.errors import FileWarning
from amt.io import ffmpeg
from amt.io.audio import SAMPLE_RATE, AudioError, TooLongError, load

SOUND = chirps(1.2)
FILM = ("-f", "lavfi", "-i", "testsrc=duration=2:size=32x32:rate=5")
FILM_25 = ("-f", "lavfi", "-i", "testsrc=duration=2:size=32x32:rate=25")


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["mkv", "mp4", "webm", "ts", "flv"])
def test_sound_that_starts_after_its_film(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "a.wav", SOUND)
    film = tmp_path / f"film.{kind}"
    run_ffmpeg(*FILM, "-itsoffset", 1.5, "-i", source, "-map", "0:v", "-map", "1:a", film)
    assert abs(delay(load(film), SOUND) - 1500) < 12


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["mkv", "mp4", "flv", "mpg", "ts"])
def test_joined_films_keep_the_clock_of_each(tmp_path: Path, kind: str) -> None:
    """The film lasts 2 s, its sound from 0.5 to 1.7 s."""
    source, film = write(tmp_path / "a.wav", SOUND), tmp_path / f"film.{kind}"
    run_ffmpeg(*FILM_25, "-itsoffset", 0.5, "-i", source, "-map", "0:v", "-map", "1:a", film)
    film.write_bytes(2 * film.read_bytes())
    if kind in ("mpg", "ts"):
        with pytest.warns(FileWarning, match=r"stamps start again at 1\.[67] s \(joined films\?\)"):
            assert abs(delay(load(film)[: 2 * SAMPLE_RATE], SOUND) - 500) < 30
        return
    audio = load(film)
    assert abs(delay(audio[: 2 * SAMPLE_RATE], SOUND) - 500) < 30
    assert abs(delay(audio[2 * SAMPLE_RATE :], SOUND) - 500) < 80


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["webm", "m4a", "mka"])
def test_a_gap_in_the_time_stamps_is_silence(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / f"a.{kind}", SOUND)
    shifted = "setts=ts='if(gt(TS*TB,0.6),TS+2/TB,TS)'"
    run_ffmpeg("-i", source, "-c", "copy", "-bsf:a", shifted, tmp_path / f"gap.{kind}")
    audio, first = load(tmp_path / f"gap.{kind}"), round(0.55 * SAMPLE_RATE)
    assert abs(delay(audio[:first], SOUND[: round(0.55 * 44100)])) < 1
    second = chirps(1.2)
    second[: round(0.65 * 44100)] = 0
    assert abs(delay(audio[first:], second) - 2000 + 550) < 25
    assert not audio[round(0.8 * SAMPLE_RATE) : round(2.5 * SAMPLE_RATE)].any()
    with pytest.raises(TooLongError):
        load(tmp_path / f"gap.{kind}", max_seconds=2)


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["aac", "ac3", "m4a", "webm"])
def test_the_delay_of_the_codec_is_removed(tmp_path: Path, kind: str) -> None:
    assert abs(delay(load(write(tmp_path / f"a.{kind}", SOUND)), SOUND)) < 0.5


@needs_ffmpeg
def test_a_film_that_is_cut_off_is_decoded_to_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webm", chirps(4))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.warns(FileWarning, match=r"a\.webm is damaged \(.+\); \d\.\d s of it could be dec"):
        assert len(load(path)) > 1.5 * SAMPLE_RATE
    with pytest.raises(AudioError, match=r"a\.webm: broken after \d\.\d s \([^\n\[]+\)$"):
        load(path, strict=True)


@needs_ffmpeg
def test_an_mp4_file_without_its_index_says_so(tmp_path: Path) -> None:
    run_ffmpeg("-i", write(tmp_path / "a.wav", SOUND), tmp_path / "a.m4a")
    path = tmp_path / "a.m4a"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match="its index is missing"):
        load(path)


@needs_ffmpeg
def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    run_ffmpeg(*FILM, tmp_path / "a.mp4")
    with pytest.raises(AudioError, match=r"a\.mp4: there is no sound in it; expected audio"):
        load(tmp_path / "a.mp4")


@needs_ffmpeg
@pytest.mark.parametrize("lost", [300, 5000, 20_000])
def test_flac_without_its_beginning_starts_with_its_first_whole_frame(
    tmp_path: Path, lost: int
) -> None:
    """Frames of 4608 samples, 0.104 s, so that one that is lost is longer than codecs delay."""
    source = write(tmp_path / "a.wav", chirps(2) + np.random.default_rng(0).normal(0, 0.01, 88200))
    path = tmp_path / "a.flac"
    run_ffmpeg("-i", source, "-frame_size", 4608, path)
    path.write_bytes(path.read_bytes()[lost:])
    run_ffmpeg("-i", path, tmp_path / "b.wav")
    with pytest.warns(FileWarning, match=r"a\.flac is damaged"):
        np.testing.assert_allclose(load(path), load(tmp_path / "b.wav"), atol=1e-4)


@needs_ffmpeg
def test_flac_that_is_damaged_within_is_read_past_it_by_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 44100))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 99] = bytes(99)
    path.write_bytes(data)
    with pytest.warns(FileWarning, match=r"a\.flac is damaged"):
        assert len(load(path)) > 0.9 * SAMPLE_RATE
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.warns(FileWarning, match=r"install ffmpeg, which may decode more\); 0\.[345] s of"):
        assert len(load(path)) < 0.6 * SAMPLE_RATE


def test_an_ffmpeg_that_stalls_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xyz").write_bytes(b"\1nothing that libsndfile reads")
    stalled = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(ffmpeg, "_command", lambda *_: stalled)
    monkeypatch.setattr(ffmpeg, "_STALL_SECONDS", 0.2)
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)
    begin = time.perf_counter()
    with pytest.raises(AudioError, match="expected audio"):
        load(tmp_path / "a.xyz")
    assert time.perf_counter() - begin < 20


@needs_ffmpeg
def test_messages_of_ffmpeg_are_one_line_without_addresses(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ac3", SOUND)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.warns(FileWarning) as caught:
        load(path)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "\n" not in text and "0x" not in text and "[" not in text


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["mka", "mp4"])
def test_further_tracks_of_sound_are_not_read_but_named(tmp_path: Path, kind: str) -> None:
    source = write(tmp_path / "a.wav", SOUND)
    silence = ("-f", "lavfi", "-t", 1, "-i", "anullsrc", "-metadata", "title=[error] corrupt")
    run_ffmpeg("-i", source, *silence, "-map", "0:a", "-map", "1:a", tmp_path / f"a.{kind}")
    command = r"for the second: ffmpeg -i FILE -map 0:a:1 OUT\.wav"
    expected = rf"a\.{kind}: it has 2 tracks of sound, the first is read; {command}$"
    with pytest.warns(FileWarning, match=expected) as caught:
        assert abs(delay(load(tmp_path / f"a.{kind}", strict=True), SOUND)) < 24
    assert len(caught) == 1


@pytest.mark.skipif(os.name != "posix", reason="makes a program of a shell script")
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("#!/bin/sh\necho 'ffmpeg: no library libx.so.5' >&2\nexit 127\n", "no library libx.so.5"),
        ("#!/no/such/shell\n", "No such file or directory"),
        ("\x7fELF", "Exec format error"),
    ],
)
def test_an_ffmpeg_that_does_not_run_is_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    (tmp_path / "ffmpeg").write_text(program)
    (tmp_path / "ffmpeg").chmod(0o755)
    (tmp_path / "a.xyz").write_bytes(b"\1nothing that libsndfile reads")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    expected = rf"^cannot decode .*a\.xyz: ffmpeg does not run \(.*{reason}.*\); install it again"
    with pytest.raises(AudioError, match=expected):
        load(tmp_path / "a.xyz")


@needs_ffmpeg
def test_ffmpeg_leaves_the_standard_input_to_the_shell(tmp_path: Path) -> None:
    path, before = write(tmp_path / "a.mka", SOUND), os.dup(0)
    reader, writer = os.pipe()
    os.write(writer, b"next.mka\n")
    try:
        os.dup2(reader, 0)
        load(path)
        assert os.read(0, 100) == b"next.mka\n"
    finally:
        os.dup2(before, 0)
