"""Several streams joined in one file are all read."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sound_files import LIBSNDFILE, chirps, delay, needs_ffmpeg, write

from amt.io import containers
from amt.io.audio import SAMPLE_RATE, AudioError, load

FIRST, SECOND = chirps(1.2), chirps(0.7)[::-1]
# The time that a lossy format may add to each stream; of raw mp2 the first frame is delay.
PADDING = 0.06


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def join(folder: Path, kind: str, *between: bytes) -> list[Path]:
    """A file of two streams, and files of each alone."""
    pieces = [write(folder / f"{n}.{kind}", sound) for n, sound in enumerate((FIRST, SECOND))]
    both = folder / f"both.{kind}"
    both.write_bytes(b"".join(between).join(piece.read_bytes() for piece in pieces))
    return [both, *pieces]


@pytest.mark.parametrize("kind", LIBSNDFILE)
def test_joined_files_of_libsndfile(tmp_path: Path, kind: str) -> None:
    both, first, second = map(load, join(tmp_path, kind))
    np.testing.assert_array_equal(both, np.concatenate([first, second]))
    assert len(both) == 1.9 * SAMPLE_RATE


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["m4a", "webm", "wma", "aac"])
def test_joined_files_of_ffmpeg(tmp_path: Path, kind: str) -> None:
    both = load(join(tmp_path, kind)[0])
    assert abs(len(both) / SAMPLE_RATE - 1.9) < 2 * PADDING
    start = delay(both, FIRST)
    second = both[round((1.2 + start / 1000 + PADDING / 4) * SAMPLE_RATE) :]
    assert -PADDING < delay(second, SECOND) / 1000 < PADDING


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav", "ogg"])
def test_tags_and_zeros_between_joined_files(tmp_path: Path, kind: str) -> None:
    both, first, second = map(load, join(tmp_path, kind, b"TAG", bytes(125), bytes(3000)))
    np.testing.assert_array_equal(both, np.concatenate([first, second]))


def test_three_streams_of_several_sample_rates_and_channels(tmp_path: Path) -> None:
    stereo = np.stack([SECOND, SECOND / 2], axis=1)
    pieces = [
        write(tmp_path / "0.ogg", FIRST, 16000),
        write(tmp_path / "1.ogg", stereo, 44100),
        write(tmp_path / "2.ogg", FIRST, 22050),
    ]
    (tmp_path / "all.ogg").write_bytes(b"".join(piece.read_bytes() for piece in pieces))
    expected = np.concatenate([load(piece) for piece in pieces])
    np.testing.assert_array_equal(load(tmp_path / "all.ogg"), expected)


def test_junk_before_a_file_is_skipped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", FIRST)
    expected = load(path)
    path.write_bytes(b"HTTP/1.1 200 OK\r\nContent-Type: audio/flac\r\n\r\n" + path.read_bytes())
    np.testing.assert_array_equal(load(path), expected)


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_tags_of_mp3_around_another_format_are_skipped(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    path = write(tmp_path / f"a.{kind}", FIRST)
    expected = load(path)
    path.write_bytes(b"ID3\3\0\0\0\0\0\x21" + bytes(33) + path.read_bytes() + b"TAG" + bytes(125))
    np.testing.assert_array_equal(load(path, strict=True), expected)


# Each container first and last, with tags of mp3 between some.
FORMATS = [
    *("mp3+flac", "flac+mp3", "opus+mp3", "wav+mp3", "mp3+wav", "mp3+ogg", "ogg+flac", "flac+ogg"),
    *("aiff+flac", "caf+mp3", "w64+mp3", "au+wav", "rf64+opus", "flac+wav", "wav+aiff", "mp3+w64"),
    *("flac+flac+mp3+mp3+wav+wav+ogg", "mp3+au+mp3+caf+mp3"),
]
FORMATS_OF_FFMPEG = [
    *("m4a+mp3", "mp3+m4a", "webm+flac", "flac+webm", "mka+mp3", "flv+mp3", "avi+wav", "wav+avi"),
    *("aac+flac", "mp3+aac", "wma+mp3", "mp3+wv", "m4a+m4a+wav", "mp4+opus"),
]


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\3\0\0\0\0\0\x21" + bytes(33)])
@pytest.mark.parametrize("kinds", FORMATS)
def test_files_of_different_formats(tmp_path: Path, kinds: str, between: bytes) -> None:
    paths = [write(tmp_path / f"a.{kind}", FIRST) for kind in kinds.split("+")]
    both = tmp_path / f"both.{kinds.split('+')[0]}"
    both.write_bytes(between.join(path.read_bytes() for path in paths))
    with no_warning():
        np.testing.assert_array_equal(
            load(both, strict=True), np.concatenate([load(path) for path in paths])
        )


@needs_ffmpeg
@pytest.mark.parametrize("kinds", FORMATS_OF_FFMPEG)
def test_files_of_different_formats_that_ffmpeg_reads(tmp_path: Path, kinds: str) -> None:
    paths = [write(tmp_path / f"a.{kind}", FIRST) for kind in kinds.split("+")]
    both = tmp_path / f"both.{kinds.split('+')[0]}"
    both.write_bytes(b"".join(path.read_bytes() for path in paths))
    with no_warning():
        found, expected = load(both), np.concatenate([load(path) for path in paths])
    assert len(found) == len(expected) and np.abs(found - expected).max() < 1e-3


# libsndfile reads some bytes after the samples as further ones.
AFTER = {"w64": 999, "rf64": 999}


@pytest.mark.parametrize("kind", LIBSNDFILE)
@pytest.mark.parametrize("other", ["mp3", "flac"])
def test_what_stands_within_a_file_is_no_other_file(tmp_path: Path, kind: str, other: str) -> None:
    """A file of another format within samples that are not coded; other bytes after the file."""
    path, inner = write(tmp_path / f"a.{kind}", FIRST), write(tmp_path / f"b.{other}", SECOND)
    data, size = path.read_bytes(), len(load(path))
    for junk in (b"TAG" + bytes(125), b"LIST\4\0\0\0INFO", bytes(999), b"\r\n", b"LYRICSBEGIN"):
        path.write_bytes(data + junk)
        with no_warning():
            assert len(load(path, strict=True)) - size in range(AFTER.get(kind, 1))
    if kind in ("wav", "float.wav", "aiff", "w64", "caf", "au", "rf64"):
        inside = inner.read_bytes()[:4000]
        path.write_bytes(data[:9000] + inside + data[9000 + len(inside) :])
        assert len(load(path)) == size


def test_flac_with_the_header_of_the_wav_file_that_it_was_made_from(tmp_path: Path) -> None:
    flac, wav = write(tmp_path / "a.flac", FIRST), write(tmp_path / "a.wav", FIRST)
    data, whole = flac.read_bytes(), load(flac)
    header = b"riff" + wav.read_bytes()[:44]
    block = b"\2" + len(header).to_bytes(3, "big") + header
    flac.write_bytes(data[:42] + block + data[42:])
    np.testing.assert_array_equal(load(flac, strict=True), whole)


@needs_ffmpeg
def test_wavpack_with_the_header_of_the_wav_file_that_it_was_made_from(tmp_path: Path) -> None:
    path, wav = write(tmp_path / "a.wv", FIRST), write(tmp_path / "a.wav", FIRST)
    data, whole = path.read_bytes(), load(path)
    size = (int.from_bytes(data[4:8], "little") + 46).to_bytes(4, "little")
    header = b"\x21\x16" + wav.read_bytes()[:44]
    path.write_bytes(data[:4] + size + data[8:32] + header + data[32:])
    np.testing.assert_array_equal(load(path, strict=True), whole)


def test_a_header_within_samples_of_another_container_is_no_stream(tmp_path: Path) -> None:
    flac = write(tmp_path / "a.flac", FIRST).read_bytes()
    wav = write(tmp_path / "a.wav", FIRST).read_bytes()
    (tmp_path / "b.wav").write_bytes(wav[:5000] + flac[:2000] + wav[7000:])
    assert len(load(tmp_path / "b.wav")) == len(load(tmp_path / "a.wav"))


def test_streams_are_found_at_the_border_of_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac", FIRST)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() * 3)
    container = containers.container_at(path.read_bytes()[:64])
    assert container
    for block in (size - 7, size - 1, size, size + 1, 10):
        monkeypatch.setattr(containers, "_BLOCK", block)
        with path.open("rb") as file:
            assert containers.stream_starts(file, container, 0, 3 * size) == [0, size, 2 * size]


def test_too_many_streams_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_STREAMS", 3)
    path = write(tmp_path / "a.flac", SECOND)
    path.write_bytes(path.read_bytes() * 4)
    with pytest.raises(AudioError, match=r"a\.flac: over 3 streams are joined in it"):
        load(path)
