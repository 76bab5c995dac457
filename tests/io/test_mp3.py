"""MP3 and MP2 files without a header that is right: all frames are read, and no delay is added."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sound_files import chirps, delay, needs_ffmpeg, write

from amt.errors import FileWarning
from amt.io.audio import SAMPLE_RATE, AudioError, load
from amt.io.mp3 import mpeg_streams
from amt.io.mpeg_frame import frame_header, info_frame, read_info

SECONDS = 3.0
APE = b"APETAGEX\xd0\x07\0\0\x90\0\0\0\1\0\0\0%s" + bytes(8)
TAGS = {
    "nothing": b"",
    "id3v1": b"TAG" + bytes(125),
    "lyrics3": b"LYRICSBEGININD0000200" + b"x" * 3000 + b"003021LYRICS200TAG" + bytes(125),
    "ape": APE % b"\0\0\0\xa0" + b"y" * 112 + APE % b"\0\0\0\x80",
    "id3v2": b"ID3\x03\0\0\0\0\x07\x76" + b"z" * 1014,
    "zeros": bytes(50_000),
    "text": b"<html>not found</html>" * 2000,
}


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)


def mp3(
    folder: Path, seconds: float = SECONDS, rate: int = 44100, channels: int = 2
) -> tuple[Path, bytes, bytes]:
    """An mp3 file with a header: its path, its first frame and the others."""
    sound = chirps(seconds, rate)[:, None].repeat(channels, axis=1)
    path = folder / "a.mp3"
    soundfile.write(path, sound, rate, format="MP3", bitrate_mode="VARIABLE")
    data = path.read_bytes()
    header = frame_header(data[:4])
    assert header and read_info(header, data)
    return path, data[: header.size], data[header.size :]


def counts(path: Path) -> list[int]:
    """The frames of each stream of a file."""
    with path.open("rb") as file:
        return [stream.frames for stream in mpeg_streams(file, 0, path.stat().st_size)]


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_without_a_header_has_no_delay(tmp_path: Path, rate: int, channels: int) -> None:
    path, _, frames = mp3(tmp_path, rate=rate, channels=channels)
    whole = load(path)
    path.write_bytes(frames)
    back = load(path, strict=True)
    np.testing.assert_allclose(back[: len(whole)], whole, atol=1e-3)
    assert 0 <= len(back) - len(whole) < 3 * 1152 * SAMPLE_RATE / rate
    assert abs(delay(back, chirps(SECONDS, rate), rate)) < 0.2


@needs_ffmpeg
def test_an_mp2_has_no_delay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    path = write(tmp_path / "a.mp2", chirps(SECONDS))
    assert abs(delay(load(path), chirps(SECONDS))) < 0.1


@pytest.mark.parametrize("after", TAGS)
@pytest.mark.parametrize("before", ["nothing", "id3v2", "zeros", "text"])
@pytest.mark.parametrize("with_header", [True, False])
def test_tags_and_junk_are_no_damage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], before: str, after: str, with_header: bool
) -> None:
    path, first, frames = mp3(tmp_path, 0.5)
    data = (first if with_header else b"") + frames
    path.write_bytes(data)
    expected = load(path)
    path.write_bytes(TAGS[before] + data + TAGS[after])
    np.testing.assert_array_equal(load(path, strict=True), expected)
    # What libsndfile's decoder prints of headers that do not fit.
    assert capfd.readouterr().err == ""


TITLE = b"TIT2" + (5).to_bytes(4, "big") + b"\0\0\3Name"


@pytest.mark.parametrize("size", [b"\0\0\x10\0", b"\x7f\x7f\x7f\x7f"])
@pytest.mark.parametrize("content", [b"", TITLE, TITLE + bytes(300)])
@pytest.mark.parametrize("version", [3, 4])
def test_an_id3_tag_that_is_shorter_than_it_states(
    tmp_path: Path, version: int, content: bytes, size: bytes
) -> None:
    path, first, frames = mp3(tmp_path)
    whole = load(path)
    path.write_bytes(b"ID3" + bytes([version, 0, 0]) + size + content + first + frames)
    with pytest.warns(FileWarning, match=r"a\.mp3 is damaged \(its ID3 tag is shorter than stated"):
        np.testing.assert_array_equal(load(path), whole)
    with pytest.raises(AudioError, match="its ID3 tag is shorter"):
        load(path, strict=True)


def test_an_id3_tag_that_holds_an_mp3_file(tmp_path: Path) -> None:
    path, first, frames = mp3(tmp_path)
    whole, sound = load(path), b"\0\0\0\0" + first + frames
    content = b"GEOB" + len(sound).to_bytes(4, "big") + b"\0\0" + sound
    size = bytes(len(content) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\3\0\0" + size + content + first + frames)
    np.testing.assert_array_equal(load(path, strict=True), whole)


@pytest.mark.parametrize("between", ["nothing", "id3v1", "id3v2", "ape", "zeros"])
def test_joined_mp3_files(tmp_path: Path, between: str) -> None:
    path, first, frames = mp3(tmp_path)
    whole = load(path)
    path.write_bytes((first + frames + TAGS[between]) * 3)
    np.testing.assert_array_equal(load(path, strict=True), np.tile(whole, 3))
    # Without headers there is no telling where one ends.
    path.write_bytes((frames + TAGS[between]) * 3)
    assert abs(len(load(path, strict=True)) / SAMPLE_RATE - 3 * SECONDS) < 0.25


@pytest.mark.parametrize("stated", [5, 50])
def test_a_header_that_counts_only_some_frames(tmp_path: Path, stated: int) -> None:
    path, first, frames = mp3(tmp_path)
    whole, header = load(path), frame_header(first[:4])
    assert header
    path.write_bytes(info_frame(header, stated, 576, 0) + frames)
    back = load(path, strict=True)
    np.testing.assert_allclose(back[: len(whole)], whole, atol=1e-3)


@pytest.mark.parametrize("with_header", [True, False])
def test_an_mp3_that_is_cut_off(tmp_path: Path, with_header: bool) -> None:
    path, first, frames = mp3(tmp_path)
    data = (first if with_header else b"") + frames
    path.write_bytes(data[: len(data) // 2 + 50])
    reason = "its header says 3.0 s" if with_header else "frames are missing at 1."
    with pytest.warns(FileWarning, match=rf"a\.mp3 is damaged \({reason}"):
        assert 1.2 < len(load(path)) / SAMPLE_RATE < 1.8
    with pytest.raises(AudioError, match=r"a\.mp3: broken after 1\.\d s"):
        load(path, strict=True)


@pytest.mark.parametrize("with_header", [True, False])
def test_damaged_frames_are_left_out(tmp_path: Path, with_header: bool) -> None:
    path, first, frames = mp3(tmp_path)
    middle = len(frames) // 2
    data = (first if with_header else b"") + frames[:middle] + b"junk" * 900 + frames[middle + 9 :]
    path.write_bytes(data)
    with pytest.warns(FileWarning, match=r"a\.mp3 is damaged \("):
        assert len(load(path)) > 2.5 * SAMPLE_RATE


def test_a_header_without_the_encoders_delay(tmp_path: Path) -> None:
    path, first, frames = mp3(tmp_path)
    whole = load(path)
    tag = first.index(b"Xing")
    bare = first[: tag + 120] + bytes(36) + first[tag + 156 :]
    path.write_bytes(bare + frames)
    back = load(path, strict=True)
    np.testing.assert_allclose(back[: len(whole)], whole, atol=1e-3)


def test_a_vbri_header_is_no_sound(tmp_path: Path) -> None:
    path, first, frames = mp3(tmp_path)
    whole, number = load(path), counts(path)[0]
    vbri = b"VBRI" + bytes(10) + number.to_bytes(4, "big")
    path.write_bytes(first[:4] + bytes(32) + vbri + bytes(len(first) - 54) + frames)
    assert counts(path) == [number]
    np.testing.assert_allclose(load(path, strict=True)[: len(whole)], whole, atol=1e-3)


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
def test_mp3_within_a_wav_file(tmp_path: Path, size: int | None) -> None:
    path, first, frames = mp3(tmp_path)
    whole = load(path)
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, 44100, 16000, 1, 0, 12, 1, 2, 417, 1, 0)
    head = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(form)) + form + b"data"
    for samples in (first + frames, frames):
        stated = struct.pack("<I", len(samples) if size is None else size)
        path.with_suffix(".wav").write_bytes(head + stated + samples)
        back = load(path.with_suffix(".wav"), strict=True)
        np.testing.assert_allclose(back[: len(whole)], whole, atol=1e-3)


def test_other_files_are_no_mpeg_audio(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number, data in enumerate([b"", b"\xff" * 9999, rng.bytes(200_000), bytes(9999), b"TAG"]):
        path = tmp_path / str(number)
        path.write_bytes(data)
        assert counts(path) == []


@pytest.mark.parametrize(
    ("data", "layer", "rate", "size", "samples"),
    [
        ("fffb9064", 3, 44100, 417, 1152),
        ("fffb9264", 3, 44100, 418, 1152),
        ("fff34064", 3, 22050, 104, 576),
        ("ffe34064", 3, 11025, 208, 576),
        ("fffda404", 2, 48000, 576, 1152),
        ("ffff9004", 1, 44100, 312, 384),
    ],
)
def test_frame_headers(data: str, layer: int, rate: int, size: int, samples: int) -> None:
    header = frame_header(bytes.fromhex(data))
    assert header
    found = (header.layer, header.sample_rate, header.size, header.samples)
    assert found == (layer, rate, size, samples)


@pytest.mark.parametrize("data", ["fffb0064", "fffbf064", "fffb9c64", "ffeb9064", "fff19064", "ff"])
def test_what_is_no_frame_header(data: str) -> None:
    assert frame_header(bytes.fromhex(data)) is None
