"""Transcriptions written in every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from amt.inference.transcription import Transcription
from amt.inference.writers import FORMATS, endings, load_player, write
from amt.io.audio import save
from amt.io.midi import read_midi
from amt.io.note_tables import read_table
from amt.notes import Notes, Pedal

NOTES = Notes(
    np.array([0.5, 0.25]),
    np.array([1.0, 0.75]),
    np.array([60, 72]),
    np.array([64, 100]),
    Pedal([0.1, 0.9], [64, 64], [127, 0]),
)


RESULT = Transcription(NOTES, 2.0)


def beeps(notes: Notes) -> np.ndarray:
    return np.full(1600 * len(notes), 0.5, dtype=np.float32)


@pytest.mark.parametrize("ending", endings(FORMATS))
@pytest.mark.parametrize("notes", [NOTES, Notes.empty()], ids=["notes", "silence"])
def test_every_format_takes_every_table(ending: str, notes: Notes, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"piece{ending}"
    write(path, Transcription(notes, 2.0, np.ones(4, dtype=np.float32)), beeps)
    assert path.stat().st_size
    assert list(path.parent.iterdir()) == [path]


def test_midi_holds_notes_and_pedal(tmp_path: Path) -> None:
    write(tmp_path / "a.mid", RESULT, beeps)
    found = read_midi(tmp_path / "a.mid")
    assert found.pitch.tolist() == [72, 60] and found.velocity.tolist() == [100, 64]
    assert np.allclose(found.onset, [0.25, 0.5], atol=1e-3)
    assert found.pedal.value.tolist() == [127, 0]


def test_json_has_plain_names(tmp_path: Path) -> None:
    write(tmp_path / "a.json", RESULT, beeps)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "seconds": 2.0,
        "tuning": None,
        "notes": [
            {"onset": 0.25, "offset": 0.75, "pitch": 72, "velocity": 100},
            {"onset": 0.5, "offset": 1.0, "pitch": 60, "velocity": 64},
        ],
        "pedal": [
            {"time": 0.1, "controller": 64, "value": 127},
            {"time": 0.9, "controller": 64, "value": 0},
        ],
    }


def test_tables(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", RESULT, beeps)
    with (tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["onset", "offset", "pitch", "velocity"],
            ["0.25", "0.75", "72", "100"],
            ["0.5", "1.0", "60", "64"],
        ]
    write(tmp_path / "a.tsv", RESULT, beeps)
    assert read_table(tmp_path / "a.tsv").onset.tolist() == [0.25, 0.5]


def test_png_and_wav(tmp_path: Path) -> None:
    write(tmp_path / "a.png", RESULT, beeps)
    assert Image.open(tmp_path / "a.png").format == "PNG"
    write(tmp_path / "a.wav", RESULT, beeps)
    audio, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 16000 and len(audio) == 3200


def test_arrays_are_npy_files_without_pickles(tmp_path: Path) -> None:
    embedding = np.array([0.25, 1.0], dtype=np.float32)
    assert endings(["mid", "npy"]) == [".mid", "_piano_roll.npy", "_embedding.npy"]
    for ending in endings(["npy"]):
        write(tmp_path / f"a.b{ending}", Transcription(NOTES, 2.0, embedding), beeps)
    roll = np.load(tmp_path / "a.b_piano_roll.npy", allow_pickle=False)
    assert roll.dtype == np.uint8 and roll.shape == (100, 88)
    assert roll[12:38, 51].all() and set(np.unique(roll)) == {0, 64, 100}
    found = np.load(tmp_path / "a.b_embedding.npy", allow_pickle=False)
    assert found.dtype == np.float32 and np.array_equal(found, embedding)


def test_the_built_in_piano_plays_at_the_onsets() -> None:
    audio = load_player(None)(NOTES)
    assert np.abs(audio[:3500]).max() < 0.1 * np.abs(audio[4000:8000]).max()


def test_a_seed_is_another_piano_and_the_same_one_each_time() -> None:
    standard, third = load_player(None)(NOTES), load_player(None, 3)(NOTES)
    assert not np.array_equal(standard[: len(third)], third[: len(standard)])
    assert np.array_equal(third, load_player(None, 3)(NOTES))


def test_a_sampled_piano(tmp_path: Path) -> None:
    ring = np.exp(-np.arange(16000) / 4000) * np.sin(np.arange(16000) * 2 * np.pi * 261.6 / 16000)
    save(tmp_path / "c4.wav", 0.5 * ring)
    columns = "sample low_key high_key root_key low_velocity high_velocity tune_cents gain_db"
    values = "c4.wav 21 108 60 1 127 0 0 0 1 0.5"
    columns += " onset_s duration_s peak_db"
    lines = ["\t".join(line.split()) for line in (columns, values)]
    (tmp_path / "map.tsv").write_text("\n".join(lines) + "\n")
    audio = load_player(tmp_path)(NOTES)
    assert np.abs(audio[:3500]).max() < 0.1 * np.abs(audio[4000:8000]).max()


def test_a_folder_that_is_no_piano_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_player(tmp_path)
