"""Recording conditions: onsets stay, detuning scales audio and notes, levels are right."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import robustness
import soundfile
from conditions import (
    CONDITIONS,
    Condition,
    ConditionError,
    Scene,
    band_limited,
    clean,
    clipped,
    detuned,
    noisy,
    quieter,
    reverberant,
    scaled,
    write_condition,
    write_mp3,
)
from systems import Result, System

from amt.io.audio import load
from amt.io.midi import write_midi
from amt.io.note_tables import read_table, write_table
from amt.notes import SUSTAIN, Notes, Pedal

RATE = 16000
NOTES = Notes([0.5, 1.0], [0.9, 1.9], [69, 72], [80, 40])
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


def scene(seed: int = 0, **known: object) -> Scene:
    return Scene(rng=np.random.default_rng(seed), **known)


def tone(hertz: float, seconds: float = 2.0) -> np.ndarray:
    """(S, 1), silent before 0.5 s."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time) * (time >= 0.5))[:, None]


def pitch_of(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples)), 1 << 20))
    return float(spectrum.argmax() * RATE / (1 << 20))


def first_sound(samples: np.ndarray) -> float:
    return float(np.argmax(np.abs(samples).max(axis=1) > 0.02) / RATE)


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2)))


def test_noise_is_as_far_below_as_is_said(tmp_path: Path) -> None:
    hum = np.random.default_rng(1).uniform(-0.5, 0.5, RATE // 2)
    soundfile.write(tmp_path / "hum.wav", hum, RATE)
    sound = tone(440)
    for where in (scene(), scene(noises=(tmp_path / "hum.wav",))):
        noise = noisy(10)(sound, RATE, where) - sound
        assert level_db(sound) - level_db(noise) == pytest.approx(10, abs=0.1)


def test_quieter_and_clipped_change_levels_alone() -> None:
    sound = tone(440)
    assert level_db(quieter(30)(sound, RATE, scene())) == pytest.approx(level_db(sound) - 30)
    cut = clipped(12)(sound, RATE, scene())
    assert np.abs(cut).max() == 1.0
    # A sine four times too loud is cut for all but 2 * asin(1 / 4) of each half wave.
    assert np.mean(np.abs(cut[RATE:]) == 1.0) == pytest.approx(
        1 - np.arcsin(0.25) / (np.pi / 2), abs=0.02
    )


def test_detuning_moves_pitch_and_times_together() -> None:
    for cents in (-50, 25):
        condition, ratio = detuned(cents), 2 ** (cents / 1200)
        changed = condition.change(tone(440), RATE, scene())
        assert 1200 * np.log2(pitch_of(changed) / 440) == pytest.approx(cents, abs=2)
        assert first_sound(changed) == pytest.approx(0.5 / ratio, abs=0.002)
        assert scaled(NOTES, 1 / condition.speed).onset == pytest.approx(NOTES.onset / ratio)


def test_reverberation_delays_nothing(tmp_path: Path) -> None:
    late = np.zeros(RATE)
    late[4000], late[4800] = -0.5, 0.2
    soundfile.write(tmp_path / "hall.wav", late, RATE)
    for where in (scene(), scene(response=tmp_path / "hall.wav")):
        changed = reverberant(tone(440), RATE, where)
        assert first_sound(changed) == pytest.approx(0.5, abs=0.002)
        assert changed.shape == (2 * RATE, 1)
    echo = reverberant(np.eye(1, 2000).T, RATE, scene(response=tmp_path / "hall.wav"))
    assert echo[[0, 800], 0] == pytest.approx([1, -0.4], abs=1e-3)


def test_a_telephone_passes_speech_and_little_else() -> None:
    for hertz, loss in ((100, 60), (1000, 0), (6000, 35)):
        sound = tone(hertz)[RATE // 2 :]
        passed = band_limited(sound, RATE, scene())[2000:-2000]
        found = level_db(sound) - level_db(passed)
        assert found == pytest.approx(0, abs=0.1) if loss == 0 else found > loss


@needs_ffmpeg
@pytest.mark.parametrize("kbits", [64, 32])
def test_mp3_has_its_rate_and_comes_in_time(kbits: int, tmp_path: Path) -> None:
    write_mp3(tmp_path / "a.mp3", tone(440, 10.0), RATE, kbits)
    assert (tmp_path / "a.mp3").stat().st_size * 8 / 10 == pytest.approx(1000 * kbits, rel=0.1)
    assert first_sound(load(tmp_path / "a.mp3")[:, None]) == pytest.approx(0.5, abs=0.01)


def test_without_ffmpeg_mp3_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConditionError, match="install ffmpeg"):
        write_mp3(tmp_path / "a.mp3", tone(440), RATE, 64)


def test_recording_and_notes_are_written_beside_each_other(tmp_path: Path) -> None:
    write_condition(
        Condition(clean, speed=2.0), tone(440), RATE, NOTES, scene(), tmp_path / "op. 1"
    )
    assert read_table(tmp_path / "op. 1.tsv").onset == pytest.approx([0.25, 0.5])
    assert soundfile.info(tmp_path / "op. 1.wav").duration == 2.0
    pedalled = Notes(*NOTES_COLUMNS, Pedal([0.5], [SUSTAIN], [127]))
    write_condition(Condition(clean), tone(440), RATE, pedalled, scene(), tmp_path / "pedal")
    assert (tmp_path / "pedal.mid").is_file()


NOTES_COLUMNS = (NOTES.onset, NOTES.offset, NOTES.pitch, NOTES.velocity)


@pytest.fixture
def fails_in_noise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system that finds all notes, but only half of them if there is noise before the first."""
    half = NOTES.select(np.array([0]))
    for name, found in (("all", NOTES), ("half", half)):
        write_midi(tmp_path / f"{name}.mid", found)

    def run(system: System, audio: list[Path], cache: Path, again: bool) -> dict[Path, Result]:
        answers = {}
        for path in audio:
            start = soundfile.read(path, always_2d=True)[0][: RATE // 4]
            midi = tmp_path / ("half.mid" if np.abs(start).max() > 0.01 else "all.mid")
            answers[path] = Result(midi, 1.0, 1.0, 0.0, 10, 1.0, 1, "a machine")
        return answers

    monkeypatch.setattr("leaderboard.run_system", run)


@pytest.mark.usefixtures("fails_in_noise")
def test_the_table_contains_each_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {name: CONDITIONS[name] for name in ("clean", "noise as loud", "30 dB quieter")}
    monkeypatch.setattr(robustness, "CONDITIONS", kept)
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", tone(440), RATE)
        write_table(tmp_path / f"{name}.tsv", NOTES)
    output = tmp_path / "out"
    robustness.main(
        [
            str(tmp_path),
            "--systems",
            "amt",
            "--output",
            str(output),
            "--cache",
            str(tmp_path / "cache"),
        ]
    )
    lines = {
        line.split("|")[1].strip(): line
        for line in capsys.readouterr().out.splitlines()
        if "|" in line
    }
    assert "1.000 | +0.000" in lines["30 dB quieter"]
    assert "0.667 | +0.333" in lines["noise as loud"]
    with (output / "robustness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and {row["condition"] for row in rows} == set(kept)


def test_pieces_without_all_conditions_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "CONDITIONS", {"clean": None, "mp3": None})
    rows = [
        {"system": system, "piece": piece, "condition": condition}
        for system in "xy"
        for condition in ("clean", "mp3")
        for piece in "ab"
    ]
    assert robustness.complete_pieces(rows) == rows
    assert {row["piece"] for row in robustness.complete_pieces(rows[:-1])} == {"a"}
