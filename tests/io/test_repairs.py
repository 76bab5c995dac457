"""WAV and CAF files whose recorder did not finish them."""

import struct
from pathlib import Path

import numpy as np
import pytest
from sound_files import chirps, write

from amt.errors import FileWarning
from amt.io.audio import SAMPLE_RATE, AudioError, load
from amt.io.repairs import repaired_wav

SOUND = chirps(1.0)
SIZES = {"none": 0, "unknown": 0xFFFFFFFF, "signed": 0x7FFFFFFF, "negative": 0x80000000}


def parts(path: Path, kind: str = "wav") -> tuple[bytes, bytes]:
    """A file up to the size of its samples, and the samples."""
    data = write(path / f"whole.{kind}", np.stack([SOUND, SOUND / 2], axis=1)).read_bytes()
    start = data.index(b"data") + 8
    return data[: start - 4], data[start:]


def with_size(folder: Path, size: int, riff: int | None = None) -> Path:
    head, samples = parts(folder)
    path = folder / "a.wav"
    if riff is not None:
        head = head[:4] + struct.pack("<I", riff) + head[8:]
    path.write_bytes(head + struct.pack("<I", size) + samples)
    return path


def check_all_read(path: Path) -> None:
    whole = load(path.with_name(f"whole{path.suffix}"))
    np.testing.assert_array_equal(load(path, strict=True), whole)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("riff", [None, 0, 0xFFFFFFFF, 36])
def test_the_size_of_the_samples_is_unknown(tmp_path: Path, size: int, riff: int | None) -> None:
    check_all_read(with_size(tmp_path, size, riff))


def test_an_older_size_of_the_samples(tmp_path: Path) -> None:
    check_all_read(with_size(tmp_path, 1000))


def test_samples_that_end_early_are_damage(tmp_path: Path) -> None:
    path = with_size(tmp_path, 4 * 44100 * 3)
    with pytest.raises(AudioError, match=r"broken after 1\.0 s \(its header says 3\.0 s"):
        load(path, strict=True)
    with pytest.warns(FileWarning, match=r"its header says 3\.0 s.*; 1\.0 s of it could be"):
        assert len(load(path)) == SAMPLE_RATE


@pytest.mark.parametrize("kind", ["wav", "w64", "aiff", "au", "rf64", "caf"])
def test_a_download_that_is_cut_off(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"a.{kind}", SOUND)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(FileWarning, match=rf"a\.{kind} is damaged \(its (header says 1\.0|end)"):
        assert abs(len(load(path)) / SAMPLE_RATE - 0.5) < 0.05
    with pytest.raises(AudioError, match=r"broken after 0\.5 s"):
        load(path, strict=True)


def test_bytes_after_the_samples_are_no_samples(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", SOUND)
    whole, data = load(path), path.read_bytes()
    for more in (b"LIST\x04\0\0\0INFO", bytes(1000), b"LIST\xff\xff\0\0abc", b"\r\n"):
        path.write_bytes(data + more)
        np.testing.assert_array_equal(load(path, strict=True), whole)


def test_a_chunk_of_odd_size_without_its_padding(tmp_path: Path) -> None:
    head, samples = parts(tmp_path)
    size = struct.pack("<I", len(samples))
    for chunk in (b"LIST\x05\0\0\0abcde", b"JUNK\x01\0\0\0a", b"bext\x05\0\0\0abcde\0"):
        (tmp_path / "a.wav").write_bytes(head[:-4] + chunk + b"data" + size + samples)
        check_all_read(tmp_path / "a.wav")


def test_rf64_without_sizes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.rf64", SOUND)
    whole, data = load(path), path.read_bytes()
    start = data.index(b"ds64") + 8
    path.write_bytes(data[:start] + bytes(24) + data[start + 24 :])
    np.testing.assert_array_equal(load(path, strict=True), whole)


def test_caf_of_unknown_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.caf", SOUND)
    whole, data = load(path), path.read_bytes()
    start = data.index(b"data") + 4
    path.write_bytes(data[:start] + b"\xff" * 8 + data[start + 8 :])
    np.testing.assert_array_equal(load(path, strict=True), whole)


def test_a_size_that_overflowed_four_bytes(tmp_path: Path) -> None:
    """5 GB of samples in a file without ds64: the size in its header is that of the fifth."""
    head, _ = parts(tmp_path)
    path, size = tmp_path / "a.wav", 5_000_000_000
    with path.open("wb") as file:
        file.write(head + struct.pack("<I", size % 2**32))
        file.truncate(len(head) + 4 + size)
    with path.open("rb") as file:
        pieces = repaired_wav(file, 0, len(head) + 4 + size)
    assert pieces is not None
    header, samples = pieces
    assert isinstance(header, bytes) and header.startswith(b"RF64")
    assert samples == (len(head) + 4, len(head) + 4 + size)


def test_a_header_alone_has_no_samples(tmp_path: Path) -> None:
    head, _ = parts(tmp_path)
    for size in SIZES.values():
        (tmp_path / "a.wav").write_bytes(head + struct.pack("<I", size))
        with pytest.raises(AudioError, match=r"cannot decode .*a\.wav: "):
            load(tmp_path / "a.wav")
