"""Trills, tremolos and repetitions have their rates and can be played; the table has their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trills import KINDS, figure, generate, main

from amt.io.midi import read_midi
from amt.notes import Notes, has_sustain, next_onsets


def piece(kind: str, rate: float, seed: int = 0) -> Notes:
    return generate(kind, rate, np.random.default_rng(seed), 10.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_piece(kind: str) -> None:
    one, same, other = piece(kind, 8.0), piece(kind, 8.0), piece(kind, 8.0, seed=1)
    for name in ("onset", "offset", "pitch", "velocity"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert one.pitch.tolist() != other.pitch.tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.5, 6.0, 14.0, 40.0])
def test_a_key_comes_up_before_it_is_struck_again(kind: str, rate: float) -> None:
    for seed in range(20):
        notes = piece(kind, rate, seed)
        assert (notes.offset < next_onsets(notes)).all()
        assert (notes.onset < notes.offset).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_has_its_rate_and_its_human_unevenness(kind: str) -> None:
    for seed in range(8):
        notes = figure(kind, 10.0, np.random.default_rng(seed), 60, 1.0, 31.0)
        for pitch in np.unique(notes[:, 2]):
            gaps = np.diff(notes[notes[:, 2] == pitch, 0])
            interval = 0.1 if kind == "repetition" else 0.2
            assert gaps.mean() == pytest.approx(interval, rel=1e-3)
            assert 0.004 < gaps.std() < 0.008
        strikes = np.unique(notes[:, 0].round(1))
        assert len(strikes) == 300
        assert np.ptp(notes[:, 3]) / 30 > 0.3 and notes[:, 3].min() >= 45


def test_figures_are_the_same_at_every_rate() -> None:
    slow, fast = piece("tremolo", 6.0), piece("tremolo", 12.0)
    assert set(slow.pitch) == set(fast.pitch) and len(slow) < len(fast)
    assert slow.pedal.time.tolist() == fast.pedal.time.tolist()


def test_some_figures_have_a_soft_chord_or_the_pedal() -> None:
    pieces = [piece("trill", 8.0, seed) for seed in range(10)]
    assert 0 < sum(map(has_sustain, pieces)) < 10
    held = [notes.select(notes.offset - notes.onset > 0.9) for notes in pieces]
    assert all(len(chords) % 3 == 0 for chords in held) and 0 < sum(map(len, held)) < 150
    assert max(chords.velocity.max(initial=0) for chords in held) <= 50


def test_the_table_has_a_row_for_each_kind_and_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--models", "fast", "--rates", "6", "9.5", "--pieces", "1", "--seconds", "1"]
    main([*words, "--kinds", "trill", "repetition", "--write", str(tmp_path)])
    lines = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line]
    rates = ("6 a second", "9.5 a second")
    rows = [f"{kind}, {rate}" for kind in ("trill", "repetition") for rate in rates]
    assert [name.strip() for name, _ in lines[2:]] == rows
    assert lines[0][1].strip() == "fast"
    f1, recall = lines[2][1].split()
    assert 0.5 < float(f1) <= 1 and 0.5 < float(recall.strip("()")) <= 1
    folder = tmp_path / "repetition_9.5"
    assert sorted(path.name for path in folder.iterdir()) == ["built-in_1.flac", "built-in_1.mid"]
    assert len(read_midi(folder / "built-in_1.mid")) > 8


def test_an_unknown_model_or_piano_is_refused(tmp_path: Path) -> None:
    for words in (["--models", "nothing"], ["--pianos", str(tmp_path / "nowhere")]):
        with pytest.raises(SystemExit, match=r"trills\.py: .*no"):
            main(words)
