"""Several streams joined in one file are all read."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from sound_files import LIBSNDFILE, chirps, delay, needs_ffmpeg, write

from amt.io import containers
from amt.io.audio import SAMPLE_RATE, AudioError, load

FIRST, SECOND = chirps(1.2), chirps(0.7)[::-1]
# The time that a lossy format may add to each stream; of raw mp2 the first frame is delay.
PADDING = 0.06


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
            assert containers.stream_starts(file, container, 0) == [0, size, 2 * size]


def test_too_many_streams_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_STREAMS", 3)
    path = write(tmp_path / "a.flac", SECOND)
    path.write_bytes(path.read_bytes() * 4)
    with pytest.raises(AudioError, match=r"a\.flac: over 3 streams are joined in it"):
        load(path)
