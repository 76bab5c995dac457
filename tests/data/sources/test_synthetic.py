from pathlib import Path

import numpy as np
import pytest
from small_recordings import tone

from amt.data.cache import prepare
from amt.data.pieces import SourceError, check_pieces
from amt.data.sources.synthetic import Synthetic
from amt.io import audio


def test_pieces_have_their_splits_and_audio(tmp_path: Path) -> None:
    source = Synthetic(train=2, validation=1, test=1, seconds=4.0)
    check_pieces(source.pieces())
    report = prepare(source, tmp_path, workers=0)
    assert not report.problems
    splits = [entry.split for entry in report.entries]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [2, 1, 1]
    assert all(entry.notes > 3 and 2.0 < entry.seconds < 12.0 for entry in report.entries)


def test_every_piece_has_its_own_seed() -> None:
    few, more = Synthetic(train=2, test=1, seconds=2.0), Synthetic(train=3, test=2, seconds=2.0)
    pieces = {piece.name: piece for piece in few.pieces()}
    grown = {piece.name: piece for piece in more.pieces()}
    assert all(grown[name].fingerprint == piece.fingerprint for name, piece in pieces.items())
    first = pieces["train_00001"].load()
    np.testing.assert_array_equal(grown["train_00001"].load().audio, first.audio)
    others = ("train_00000", "validation_00001", "test_00000")
    onsets = [tuple(pieces[name].load().notes.onset) for name in others]
    assert len({*onsets, tuple(first.notes.onset)}) == 4


def test_seed_and_seconds_change_the_fingerprint() -> None:
    sources = [Synthetic(), Synthetic(seed=1), Synthetic(seconds=30.0)]
    assert len({source.pieces()[0].fingerprint for source in sources}) == 3


def test_pieces_on_sampled_pianos(tmp_path: Path) -> None:
    sample = tone(3.0, pitch=60) * np.exp(-np.arange(48000) / 16000).astype(np.float32)
    audio.save(tmp_path / "a.wav", sample)
    (tmp_path / "one.sfz").write_text(
        "<region> sample=a.wav lokey=21 hikey=108 pitch_keycenter=60\n"
    )
    source = Synthetic(train=1, validation=0, test=0, seconds=2.0, render=[str(tmp_path)])
    (piece,) = source.pieces()
    recording = piece.load()
    onset = round(float(recording.notes.onset[0]) * audio.SAMPLE_RATE)
    assert np.abs(recording.audio[onset : onset + 4000]).max() > 1e-3
    (tmp_path / "b.wav").write_bytes(b"another sample")
    assert source.pieces()[0].fingerprint != piece.fingerprint


@pytest.mark.parametrize(
    "source",
    [Synthetic(train=-1), Synthetic(0, 0, 0), Synthetic(seconds=0.0)],
)
def test_errors_for_invalid_counts_and_seconds(source: Synthetic) -> None:
    with pytest.raises(SourceError, match="counts >= 0"):
        source.pieces()
