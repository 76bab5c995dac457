"""Audio files to samples and back."""

import os
import shutil
import struct
import subprocess
import tempfile
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amt.errors import FileWarning
from amt.io.audio import SAMPLE_RATE, AudioError, TooLongError, load, load_bytes, save

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
EXACT = (".wav", ".flac")
LOSSY = (".ogg", ".opus", ".mp3")


def tone(seconds: float, rate: int = SAMPLE_RATE, frequency: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def pluck(seconds: float = 3, onset: float = 0.5) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE - onset
    return np.where(time < 0, 0, 0.5 * np.exp(-8 * time) * np.sin(2 * np.pi * 440 * time))


def lag(first: np.ndarray, second: np.ndarray, most: int = 2000) -> int:
    """Delay of `second` relative to `first` in samples."""
    size = min(len(first), len(second))
    correlation = np.correlate(np.pad(second[:size], most), first[:size], "valid")
    return int(np.argmax(correlation)) - most


@pytest.mark.parametrize("suffix", [*EXACT, *LOSSY])
def test_saved_audio_is_loaded_without_delay(tmp_path: Path, suffix: str) -> None:
    samples = pluck()
    save(tmp_path / f"a{suffix}", samples)
    back = load(tmp_path / f"a{suffix}")
    assert back.dtype == np.float32
    assert len(back) == len(samples)
    assert lag(samples, back) == 0
    assert np.abs(back - samples).max() < (0.5 / 2**14 if suffix in EXACT else 0.05)
    assert [file.name for file in tmp_path.iterdir()] == [f"a{suffix}"]


@example(11025, 5, 65537)  # A rest of few samples, whose phases are chance.
@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000]),
    st.integers(1, 6),
    st.integers(10, 200_000),
)
def test_sample_rates_and_channel_counts(rate: int, channels: int, length: int) -> None:
    rng = np.random.default_rng(length)
    samples = rng.uniform(-0.5, 0.5, (length, channels)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        soundfile.write(f"{folder}/a.wav", samples, rate, subtype="FLOAT")
        back = load(f"{folder}/a.wav")
    whole = samples.mean(axis=1)
    expected = whole if rate == SAMPLE_RATE else soxr.resample(whole, rate, SAMPLE_RATE)
    assert abs(len(back) - length * SAMPLE_RATE / rate) <= 1
    np.testing.assert_allclose(back, expected, atol=1e-6)


def test_another_sample_rate(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", tone(1), SAMPLE_RATE)
    back = load(tmp_path / "a.wav", sample_rate=22050)
    np.testing.assert_allclose(back[500:-500], tone(1, 22050)[500:-500], atol=1e-3)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 1 / 127), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("PCM_32", 1e-6), ("DOUBLE", 1e-6)],
)
def test_sample_formats(tmp_path: Path, subtype: str, tolerance: float) -> None:
    soundfile.write(tmp_path / "a.wav", tone(0.5), SAMPLE_RATE, subtype=subtype)
    np.testing.assert_allclose(load(tmp_path / "a.wav"), tone(0.5), atol=tolerance)


def test_a_tenth_of_a_second_of_silence(tmp_path: Path) -> None:
    save(tmp_path / "a.flac", np.zeros((9600, 2)), 96000)
    back = load(tmp_path / "a.flac")
    assert len(back) == 1600
    assert not back.any()


def test_stereo_is_saved_as_stereo(tmp_path: Path) -> None:
    both = np.stack([tone(1), -tone(1)], axis=1)
    save(tmp_path / "a.wav", both)
    np.testing.assert_allclose(soundfile.read(tmp_path / "a.wav")[0], both, atol=1e-4)


def test_decoding_needs_little_more_memory_than_its_result(tmp_path: Path) -> None:
    minutes = 4
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 44100, 2) as file:
        for _ in range(minutes * 60):
            file.write(np.stack([tone(1, 44100)] * 2, axis=1))
    tracemalloc.start()
    back = load(tmp_path / "a.flac")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(back) == minutes * 60 * SAMPLE_RATE
    assert peak < 1.07 * back.nbytes + 3e6


@pytest.fixture
def m4a(tmp_path: Path) -> Path:
    """Stereo of 3 s at 44.1 kHz, its channels of unequal level."""
    left = soxr.resample(pluck(), SAMPLE_RATE, 44100)
    soundfile.write(tmp_path / "a.wav", np.stack([left, left / 2], axis=1), 44100)
    command = ["ffmpeg", "-v", "error", "-i", "a.wav", "-movflags", "faststart", "a.m4a"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path / "a.m4a"


@needs_ffmpeg
def test_ffmpeg_reads_other_formats(m4a: Path) -> None:
    back = load(m4a)
    assert lag(pluck(), back) == 0
    assert 0 <= len(back) - 3 * SAMPLE_RATE < 1024
    np.testing.assert_allclose(np.abs(back).max(), 0.75 * np.abs(pluck()).max(), rtol=0.05)


@needs_ffmpeg
def test_a_truncated_file_read_by_ffmpeg_is_damaged(m4a: Path) -> None:
    data = m4a.read_bytes()
    m4a.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(AudioError, match=r"^cannot decode .*a\.m4a: broken after \d\.\d s [^\n]+$"):
        load(m4a, strict=True)
    with pytest.warns(FileWarning, match=r"a\.m4a is damaged \([^\n]+\); \d\.\d s of it could be"):
        assert 1.5 < len(load(m4a)) / SAMPLE_RATE < 2.5


@needs_ffmpeg
def test_the_error_without_ffmpeg_advises_to_install_it(
    m4a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AudioError, match=r"a\.m4a: .* install ffmpeg"):
        load(m4a)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg", ".opus"])
def test_a_download_that_is_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * 48000)
    save(path, noise, 48000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError, match=r"^cannot decode .*: broken after [345]\.\d s [^\n]+$"):
        load(path, strict=True)
    with pytest.warns(FileWarning, match=r"is damaged \([^\n]+\); [345]\.\d s of it could be"):
        assert 3 < len(load(path)) / SAMPLE_RATE < 5.1


@pytest.mark.parametrize("with_ffmpeg", [True, False])
def test_flac_of_unknown_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_ffmpeg: bool
) -> None:
    if not with_ffmpeg:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    path = tmp_path / "a.flac"
    save(path, np.random.default_rng(0).uniform(-0.5, 0.5, (70001, 2)))
    whole, data = load(path), bytearray(path.read_bytes())
    # The number of samples is 36 bits of STREAMINFO; 0: not known when a pipe was written.
    assert int.from_bytes(data[18:26], "big") & (1 << 36) - 1 == 70001
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    np.testing.assert_array_equal(load(path, strict=True), whole)


def test_a_warning_about_bytes_names_no_file(tmp_path: Path) -> None:
    save(tmp_path / "a.flac", tone(2))
    data = (tmp_path / "a.flac").read_bytes()
    found: list[str] = []
    assert len(load_bytes(data[: len(data) // 2], on_warning=found.append)) < 1.5 * SAMPLE_RATE
    assert len(found) == 1 and found[0].startswith("the audio is damaged (")
    with pytest.raises(AudioError, match=r"^cannot decode the audio: broken after"):
        load_bytes(data[: len(data) // 2], strict=True)


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_numbers_are_silence(tmp_path: Path, channels: int) -> None:
    samples = tone(10)[:, None].repeat(channels, axis=1).astype(np.float32)
    expected = samples.mean(axis=1)
    for index, value in ((8 * SAMPLE_RATE, np.nan), (8 * SAMPLE_RATE + 1, -np.inf), (-1, 3e38)):
        samples[index, 0] = value
        expected[index] = samples[index, 1:].sum() / channels
    soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    text = r"a\.wav: 3 samples are no numbers, the first at 8\.0 s"
    with pytest.warns(FileWarning, match=f"{text}, taken as silence$"):
        np.testing.assert_allclose(load(tmp_path / "a.wav"), expected, atol=1e-6)
    with pytest.raises(AudioError, match=f"{text}$"):
        load(tmp_path / "a.wav", strict=True)
    soundfile.write(tmp_path / "a.wav", samples * np.nan, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav: its samples are not numbers$"):
        load(tmp_path / "a.wav")


def test_where_samples_are_no_numbers_in_a_second_stream(tmp_path: Path) -> None:
    samples = tone(1)
    save(tmp_path / "a.wav", samples)
    samples[SAMPLE_RATE // 2] = np.nan
    soundfile.write(tmp_path / "b.wav", samples, SAMPLE_RATE, subtype="FLOAT")
    both = (tmp_path / "a.wav").read_bytes() + (tmp_path / "b.wav").read_bytes()
    (tmp_path / "both.wav").write_bytes(both)
    with pytest.warns(FileWarning, match=r"both\.wav: 1 sample is no number, the first at 1\.5 s"):
        assert len(load(tmp_path / "both.wav")) == 2 * SAMPLE_RATE


def test_a_recording_that_is_too_quiet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, 2e-5 * tone(1), SAMPLE_RATE, subtype="FLOAT")
    text = (
        r"a\.wav: its peak is -100 dB, too quiet for all notes; raise it: .* volume=99dB OUT\.wav$"
    )
    with pytest.warns(FileWarning, match=text):
        np.testing.assert_allclose(load(path), 2e-5 * tone(1), rtol=1e-5)
    for samples in (0.003 * tone(1), np.zeros(100)):
        soundfile.write(path, samples, SAMPLE_RATE, subtype="FLOAT")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load(path)


def test_the_error_for_other_files_is_one_line_that_names_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp3").write_text("all work and no play\n" * 500)
    (tmp_path / "short.mp3").write_text("hi")
    (tmp_path / "noise.raw").write_bytes(np.random.default_rng(0).bytes(9999))
    (tmp_path / "nothing.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "none.wav", np.zeros(0), SAMPLE_RATE)
    data = b"fmt " + struct.pack("<LHHLLHH", 16, 1, 0, SAMPLE_RATE, 32000, 2, 16)
    (tmp_path / "odd.wav").write_bytes(b"RIFF\xff\0\0\0WAVE" + data + b"data\xff\0\0\0")
    expected = {
        "text.mp3": "it is a text file",
        "short.mp3": "it is a text file",
        "noise.raw": "expected audio|install ffmpeg",
        "odd.wav": "expected audio|install ffmpeg",
        "nothing.wav": "the file is empty",
        "folder.wav": "not a file",
        "none.wav": "no samples",
        "missing.wav": "no such file",
    }
    for name, reason in expected.items():
        with pytest.raises(AudioError, match=rf"^cannot decode .*{name}: [^\n]*({reason})[^\n]*$"):
            load(tmp_path / name)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a"])
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<!doctype html><html>" + b"<p>Quota exceeded</p>" * 200, "a web page"),
        (b"%PDF-1.4\n" + bytes(range(256)) * 9, "a PDF document"),
        (b"PK\3\4" + bytes(range(256)) * 9, "a zip archive; unpack it first"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "a picture"),
        (bytes(9999), "empty: it begins with zeros"),
        (("Grüße\n" * 99).encode(), "a text file"),
        (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "a MIDI file"),
    ],
)
def test_what_stands_in_place_of_audio_is_named(
    tmp_path: Path, data: bytes, found: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=rf"^cannot decode .*a\{suffix}: it is .*{found}[^\n]*$"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_without_a_writer_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match=r"pipe\.wav: not a file$"):
        load(tmp_path / "pipe.wav")


def test_samples_of_the_range_of_integers_are_scaled_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", 32768 * tone(0.5), SAMPLE_RATE, subtype="FLOAT")
    with pytest.warns(FileWarning, match=r"a\.wav: its samples reach 16384, .*; scaled down"):
        np.testing.assert_allclose(load(tmp_path / "a.wav"), 2 * tone(0.5), atol=1e-4)
    # A loud recording in floating point is left as it is.
    soundfile.write(tmp_path / "a.wav", 8 * tone(0.5), SAMPLE_RATE, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav"), 8 * tone(0.5), rtol=1e-6)


def test_the_file_that_a_mac_puts_beside_a_recording_does_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "a.mp3", pluck())
    expected = load(tmp_path / "a.mp3")
    (tmp_path / "._a.mp3").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(4072))
    np.testing.assert_array_equal(load(tmp_path / "a.mp3"), expected)


def test_a_file_without_permission_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.wav", tone(0.1))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(AudioError, match=r"a\.wav: Permission denied$"):
        load(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", EXACT + LOSSY)
def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path: Path, suffix: str) -> None:
    resource = pytest.importorskip("resource")
    path, limits = tmp_path / f"a{suffix}", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, limits[1]))
    try:
        with pytest.raises(AudioError, match="File too large"):
            save(path, np.random.default_rng(0).normal(0, 0.1, 20 * SAMPLE_RATE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_errors_of_save(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    cases = [
        ("a.xyz", tone(0.1), SAMPLE_RATE, r"use one of \.wav"),
        ("a", tone(0.1), SAMPLE_RATE, r"use one of \.wav"),
        ("a.wav", np.array([np.nan]), SAMPLE_RATE, "not all finite"),
        ("a.opus", tone(0.1), 44100, "at 44100 Hz: Opus only supports"),
        ("folder.wav", tone(0.1), SAMPLE_RATE, "directory"),
    ]
    for name, samples, rate, reason in cases:
        with pytest.raises(AudioError, match=rf"^cannot write .*{name}[^\n]*{reason}[^\n]*$"):
            save(tmp_path / name, samples, rate)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.wav"]


def test_the_vorbis_encoder_does_not_crash_on_long_audio(tmp_path: Path) -> None:
    save(tmp_path / "a.ogg", np.zeros(5 * 60 * SAMPLE_RATE, dtype=np.float32))
    assert load(tmp_path / "a.ogg", 8000).shape == (5 * 60 * 8000,)


def test_load_bytes_gives_the_same_as_load(tmp_path: Path) -> None:
    save(tmp_path / "a.flac", tone(0.5))
    data = (tmp_path / "a.flac").read_bytes()
    np.testing.assert_array_equal(load_bytes(data), load(tmp_path / "a.flac"))


def test_the_error_for_broken_bytes_names_no_file() -> None:
    with pytest.raises(AudioError, match=r"^cannot decode the audio: ") as error:
        load_bytes(b"RIFF" + bytes(100))
    assert "/" not in str(error.value).replace("and/or", "")
    with pytest.raises(AudioError, match="the audio: the file is empty"):
        load_bytes(b"")


def test_decoding_stops_at_the_maximum_duration(tmp_path: Path) -> None:
    save(tmp_path / "hour.flac", np.zeros(3600 * SAMPLE_RATE))
    data = (tmp_path / "hour.flac").read_bytes()
    assert len(data) < 1 << 20
    tracemalloc.start()
    with pytest.raises(TooLongError, match="lasts longer than 10 s"):
        load_bytes(data, max_seconds=10)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
    assert len(load_bytes(data[: len(data)], max_seconds=3600)) == 3600 * SAMPLE_RATE


@pytest.mark.parametrize("rate", [1, 500, 2_000_000_000])
def test_a_sample_rate_that_would_fill_the_memory_is_an_error(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(60000), rate)
    with pytest.raises(AudioError, match=rf"a\.wav: its sample rate is {rate} Hz; expected"):
        load(tmp_path / "a.wav")


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["m3u8", "ffconcat"])
def test_playlists_are_not_read(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "secret.wav", tone(1))
    playlist = {
        "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "ffconcat": "ffconcat version 1.0\nfile secret.wav\n",
    }
    (tmp_path / f"list.{kind}").write_text(playlist[kind])
    with pytest.raises(AudioError, match="cannot decode"):
        load(tmp_path / f"list.{kind}")
